//! Which certificate a client gets, by the name it asks for (SNI, RFC 6066 §3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates of one listener by name. An exact name goes before a wildcard, which stands for one label.
#[derive(Debug)]
pub(crate) struct Names {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For clients that name nobody, or somebody else.
    default: Option<Arc<CertifiedKey>>,
}

impl Names {
    /// Without a default, clients that name nobody known are refused.
    pub(crate) fn new(certificates: Vec<(Vec<String>, Arc<CertifiedKey>)>, strict: bool) -> Names {
        let default = certificates.first().map(|(_, key)| Arc::clone(key));
        let (mut exact, mut wildcard): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) =
            Default::default();
        for (names, key) in certificates {
            for name in names {
                let list = match name.strip_prefix("*.") {
                    Some(rest) => wildcard.entry(rest.to_owned()).or_default(),
                    None => exact.entry(name).or_default(),
                };
                list.push(Arc::clone(&key));
            }
        }
        Names {
            exact,
            wildcard,
            default: default.filter(|_| !strict),
        }
    }

    fn of(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let name = name.trim_end_matches('.');
        let lower;
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        let parent = name.split_once('.').map(|(_, parent)| parent);
        self.exact.get(name).or_else(|| self.wildcard.get(parent?))
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.of(name));
        // Of several kinds of key for one name, the first that the client can verify.
        let fitting = named.and_then(|keys| {
            let fits = |key: &&Arc<CertifiedKey>| {
                key.key.choose_scheme(hello.signature_schemes()).is_some()
            };
            keys.iter().find(fits).or(keys.first())
        });
        fitting.or(self.default.as_ref()).map(Arc::clone)
    }
}
