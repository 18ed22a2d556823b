//! HTTP/1 on the wire: strict heads, framing and chunked bodies. Pure functions over byte slices: no
//! sockets, no clock, no allocation on the common path.

mod authority;
mod bytes;
mod chunk;
mod connection;
mod fault;
mod field;
mod framing;
mod known;
mod limits;
mod lines;
mod method;
mod request;
mod request_parse;
mod response;
mod start_line;
mod target;
mod trailers;
pub mod websocket;
mod words;

pub use chunk::{ChunkDecoder, ChunkEvent, LAST_CHUNK, write_chunk_size};
pub use fault::Fault;
pub use field::{Field, is_token, is_value};
pub use known::Known;
pub use limits::{HeadLimits, TrailerLimits, Underscores};
pub use method::Method;
pub use request::{RequestHead, Span, TargetForm, Upgrade, head_may_be_complete};
pub use request_parse::parse_request;
pub use response::{ResponseFraming, ResponseHead, parse_response};
pub use trailers::allowed_trailers;

/// How a message body is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    #[default]
    None,
    /// Exactly so many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// The version that carried a message. The codec of this crate reads and writes HTTP/1 alone; a message of
/// another version is given that form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
    /// HTTP/2
    Http2,
}

/// Outcome of parsing a head that may not be whole yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The head ends here: its length in bytes, empty lines before it included.
    Complete(usize),
    /// More bytes are needed.
    Partial,
}
