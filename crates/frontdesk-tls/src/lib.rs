//! TLS on both sides of the gateway: certificates, server and client settings, and a stream that is
//! encrypted or not. The cryptography is rustls with aws-lc-rs; nothing here implements any.

mod client;
mod fault;
mod hello;
mod material;
mod names;
mod server;
mod stream;

pub use client::{ClientSettings, Connector, Roots};
pub use fault::TlsFault;
pub use hello::{Hello, HelloReader};
pub use material::{CertificateFacts, check_chain, check_pair, check_roots};
pub use server::{Acceptor, Alpn, CertificateFiles, ServerSettings, Tickets};
pub use stream::{Secured, Socket, Stream};

/// The protocol names of ALPN (RFC 7301) that the gateway speaks.
pub(crate) const H2: &[u8] = b"h2";
pub(crate) const HTTP11: &[u8] = b"http/1.1";
