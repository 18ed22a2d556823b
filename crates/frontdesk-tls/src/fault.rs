//! Why a target could not be reached securely, in words that fit into a log.

use std::io;

use rustls::{CertificateError, Error};

/// What went wrong in a handshake with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate is for other names.
    CertificateName,
    /// The certificate has expired or is not valid yet.
    CertificateTime,
    /// Nobody who is trusted has signed the certificate.
    CertificateIssuer,
    /// The certificate is wrong in another way.
    Certificate,
    /// The target refused, mostly for want of a client certificate.
    Refused,
    /// The target does not speak TLS, or no version or cipher in common.
    Protocol,
    /// The connection ended.
    Closed,
}

impl TlsFault {
    /// The fault behind the error of a handshake.
    pub fn of(error: &io::Error) -> TlsFault {
        let Some(found) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>())
        else {
            return TlsFault::Closed;
        };
        match found {
            Error::InvalidCertificate(wrong) => match wrong {
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => TlsFault::CertificateName,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => TlsFault::CertificateTime,
                CertificateError::UnknownIssuer => TlsFault::CertificateIssuer,
                _ => TlsFault::Certificate,
            },
            Error::AlertReceived(_) => TlsFault::Refused,
            _ => TlsFault::Protocol,
        }
    }

    /// The stable name, as in the access log.
    pub fn name(self) -> &'static str {
        match self {
            TlsFault::CertificateName => "tls_certificate_name",
            TlsFault::CertificateTime => "tls_certificate_time",
            TlsFault::CertificateIssuer => "tls_certificate_issuer",
            TlsFault::Certificate => "tls_certificate",
            TlsFault::Refused => "tls_refused",
            TlsFault::Protocol => "tls_protocol",
            TlsFault::Closed => "tls_closed",
        }
    }
}
