//! TLS towards clients.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::material::{certified_key, facts};
use crate::names::Names;
use crate::stream::{Socket, Stream};

/// One certificate of a listener, as text.
pub struct CertificateFiles<'a> {
    /// The chain in PEM, the server's own certificate first.
    pub chain: &'a str,
    /// The private key in PEM.
    pub key: &'a str,
    /// A stapled OCSP response (RFC 6960), DER.
    pub ocsp: Option<Vec<u8>>,
}

/// The TLS settings of one listener.
pub struct ServerSettings<'a> {
    /// The first one is for clients that name nobody or somebody unknown.
    pub certificates: Vec<CertificateFiles<'a>>,
    /// Refuse TLS 1.2.
    pub only_1_3: bool,
    /// Refuse clients that name nobody or somebody unknown.
    pub strict_names: bool,
    /// What is chosen among the client's protocols.
    pub alpn: Alpn,
}

/// The protocols that a listener takes by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// Whatever is spoken inside is not known here: nothing is chosen, and no client refused for what it offers.
    None,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, and HTTP/1.1 with clients that have no other.
    Http2,
}

/// The keys that session tickets are sealed with, by listener: they outlive reloads, so that clients can
/// resume their sessions.
#[derive(Default)]
pub struct Tickets(Mutex<HashMap<String, Arc<dyn ProducesTickets>>>);

impl Tickets {
    fn of(&self, listener: &str) -> Result<Arc<dyn ProducesTickets>, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tickets) = known.get(listener) {
            return Ok(Arc::clone(tickets));
        }
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        known.insert(listener.to_owned(), Arc::clone(&tickets));
        Ok(tickets)
    }

    /// Forgets listeners that are gone.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|listener, _| keep(listener));
    }
}

/// Makes encrypted streams of clients' connections.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Builds everything that handshakes need.
    ///
    /// # Errors
    /// Which certificate is wrong and why.
    pub fn new(
        listener: &str,
        settings: &ServerSettings<'_>,
        tickets: &Tickets,
    ) -> Result<Acceptor, String> {
        let mut keys = Vec::new();
        for (index, files) in settings.certificates.iter().enumerate() {
            let place = |error| format!("certificate {}: {error}", index + 1);
            let mut key = certified_key(files.chain, files.key).map_err(place)?;
            key.ocsp.clone_from(&files.ocsp);
            let names = facts(&key.cert[0]).map_err(place)?.names;
            keys.push((names, Arc::new(key)));
        }
        let versions: &[_] = if settings.only_1_3 {
            &[&rustls::version::TLS13]
        } else {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        };
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(versions)
                .map_err(|error| error.to_string())?
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(Names::new(keys, settings.strict_names)));
        config.alpn_protocols = match settings.alpn {
            Alpn::None => Vec::new(),
            Alpn::Http1 => vec![crate::HTTP11.to_vec()],
            Alpn::Http2 => vec![crate::H2.to_vec(), crate::HTTP11.to_vec()],
        };
        config.ticketer = tickets.of(listener)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // One is what a client needs to come back; two cost every full handshake another record.
        config.send_tls13_tickets = 1;
        Ok(Acceptor(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands. `before` are bytes that were already read from the connection. The caller bounds the time.
    ///
    /// # Errors
    /// The client's fault or the socket's; an alert has been sent where that was possible.
    pub async fn accept(&self, tcp: TcpStream, before: Vec<u8>) -> io::Result<Stream> {
        let tls = self.0.accept(Socket::new(tcp, before)).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(tls))))
    }
}
