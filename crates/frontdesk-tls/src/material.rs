//! Certificates and keys as people have them: PEM. One reader for the engine and for the validator.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// DNS names and addresses it is for, in lower case; the wildcard is kept.
    pub names: Vec<String>,
    /// Start of its validity, in seconds since 1970.
    pub not_before: i64,
    /// End of its validity, in seconds since 1970.
    pub not_after: i64,
}

/// Judges a certificate chain in PEM, the server's own certificate first.
///
/// # Errors
/// What is wrong with it, as a sentence without a full stop.
pub fn check_chain(pem: &str) -> Result<CertificateFacts, String> {
    facts(&chain(pem)?[0])
}

/// Judges whether a private key in PEM belongs to a chain.
///
/// # Errors
/// What is wrong, as a sentence without a full stop. It never repeats any of the key.
pub fn check_pair(chain_pem: &str, key_pem: &str) -> Result<(), String> {
    certified_key(chain_pem, key_pem).map(|_| ())
}

/// Judges a file of certificates to trust; how many there are.
///
/// # Errors
/// What is wrong, as a sentence without a full stop.
pub fn check_roots(pem: &str) -> Result<usize, String> {
    let certificates = chain(pem)?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|error| format!("holds a certificate that cannot be trusted: {error}"))?;
    }
    Ok(certificates.len())
}

/// The certificates of a PEM text, at least one; all of them must be readable.
pub(crate) fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is not readable as PEM: {error}"))?;
    if found.is_empty() {
        return Err("holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    for certificate in &found {
        facts(certificate)?;
    }
    Ok(found)
}

pub(crate) fn certified_key(chain_pem: &str, key_pem: &str) -> Result<CertifiedKey, String> {
    let key = CertifiedKey::new(chain(chain_pem)?, any_supported_type(&private_key(key_pem)?)
        .map_err(|_| "is of a kind that is not supported; RSA, ECDSA (P-256, P-384, P-521) and Ed25519 are")?);
    match key.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(key),
        Err(_) => Err("does not belong to the certificate".to_owned()),
    }
}

pub(crate) fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    if pem.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || pem.contains("Proc-Type: 4,ENCRYPTED")
    {
        return Err("is encrypted with a passphrase; store it without one".to_owned());
    }
    PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "holds no private key (-----BEGIN PRIVATE KEY-----)".to_owned())
}

/// Reads names and validity (RFC 5280 §4.1.2.5, §4.2.1.6). The subject's common name is not a name
/// (RFC 9525 §2).
pub(crate) fn facts(certificate: &CertificateDer<'_>) -> Result<CertificateFacts, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| "holds a certificate that cannot be decoded".to_owned())?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|_| "holds a certificate with unreadable names".to_owned())?
        .map(|extension| {
            extension
                .value
                .general_names
                .iter()
                .filter_map(name)
                .collect()
        })
        .unwrap_or_default();
    Ok(CertificateFacts {
        names,
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
    })
}

fn name(general: &GeneralName<'_>) -> Option<String> {
    match general {
        GeneralName::DNSName(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        GeneralName::IPAddress([a, b, c, d]) => {
            Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string())
        }
        GeneralName::IPAddress(bytes) => {
            let octets: [u8; 16] = (*bytes).try_into().ok()?;
            Some(std::net::Ipv6Addr::from(octets).to_string())
        }
        _ => None,
    }
}
