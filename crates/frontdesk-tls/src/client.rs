//! TLS towards targets. Verification is on unless it was switched off by name.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::material::{chain, private_key};
use crate::stream::{Socket, Stream};

/// Whom a target's certificate must come from.
pub enum Roots<'a> {
    /// The authorities that the system trusts.
    System,
    /// Those in a PEM text, and no others.
    Own(&'a str),
    /// Anybody: encryption without knowing with whom.
    Unverified,
}

/// How the gateway speaks TLS to the targets of a service.
pub struct ClientSettings<'a> {
    /// Whom to trust.
    pub roots: Roots<'a>,
    /// Chain and private key that the gateway shows when it is asked for a certificate, in PEM.
    pub identity: Option<(&'a str, &'a str)>,
    /// Offer HTTP/2.
    pub http2: bool,
    /// Offer HTTP/1.1.
    pub http1: bool,
}

/// Makes encrypted streams of connections to targets.
#[derive(Clone)]
pub struct Connector(TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// Builds everything that handshakes need.
    ///
    /// # Errors
    /// What is wrong with the authorities or the certificate.
    pub fn new(settings: &ClientSettings<'_>) -> Result<Connector, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match settings.roots {
            Roots::System => builder.with_root_certificates(system_roots()?),
            Roots::Own(pem) => builder.with_root_certificates(own_roots(pem)?),
            Roots::Unverified => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        };
        let mut config = match settings.identity {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => builder
                .with_client_auth_cert(chain(certificates)?, private_key(key)?)
                .map_err(|_| "the key does not belong to the certificate".to_owned())?,
        };
        if settings.http2 {
            config.alpn_protocols.push(crate::H2.to_vec());
        }
        if settings.http1 {
            config.alpn_protocols.push(crate::HTTP11.to_vec());
        }
        Ok(Connector(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with a target that must be `name`, a DNS name or an address. The caller bounds the time.
    ///
    /// # Errors
    /// The name is none, the certificate is not trusted, or the connection failed.
    pub async fn connect(&self, tcp: TcpStream, name: &str) -> io::Result<Stream> {
        let socket = Socket::new(tcp, Vec::new());
        let tls = self.0.connect(server_name(name)?, socket).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(tls))))
    }

    /// The same, offering HTTP/1.1 alone.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect_http1(&self, tcp: TcpStream, name: &str) -> io::Result<Stream> {
        let socket = Socket::new(tcp, Vec::new());
        let alone = self.0.with_alpn(vec![crate::HTTP11.to_vec()]);
        let tls = alone.connect(server_name(name)?, socket).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(tls))))
    }
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a server name"))
}

/// The system's authorities, read once in a process.
fn system_roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Result<Arc<RootCertStore>, String>> = OnceLock::new();
    let load = || {
        let mut store = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            return Err(
                "the system has no trusted authorities; install ca-certificates, or name the \
                        file of an authority in tls.ca"
                    .to_owned(),
            );
        }
        Ok(Arc::new(store))
    };
    ROOTS.get_or_init(load).clone()
}

fn own_roots(pem: &str) -> Result<Arc<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    for certificate in chain(pem)? {
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(Arc::new(store))
}

/// Takes any certificate, for services with `verify: false`. That the other side holds the certificate's key is
/// still proven.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
