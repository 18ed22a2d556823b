//! Names to addresses, with the last good answer kept.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long an answer of the system's resolver, which tells no TTL, is used.
const KEEP: Duration = Duration::from_secs(30);

/// Why a name gave no address.
#[derive(Debug)]
pub struct ResolveFault(pub std::io::Error);

/// The addresses of one target.
pub(crate) enum Resolver {
    Literal(SocketAddr),
    Name {
        host: String,
        port: u16,
        cached: RefCell<Option<(Instant, Vec<SocketAddr>, usize)>>,
    },
}

impl Resolver {
    pub(crate) fn new(host: &str, port: u16) -> Resolver {
        match host.parse::<IpAddr>() {
            Ok(ip) => Resolver::Literal(SocketAddr::new(ip, port)),
            Err(_) => Resolver::Name {
                host: host.to_owned(),
                port,
                cached: RefCell::new(None),
            },
        }
    }

    /// The next address to connect to: several addresses of a name take turns.
    pub(crate) async fn address(&self) -> Result<SocketAddr, ResolveFault> {
        let (host, port, cached) = match self {
            Resolver::Literal(address) => return Ok(*address),
            Resolver::Name { host, port, cached } => (host, *port, cached),
        };
        if let Some(address) = next_fresh(cached) {
            return Ok(address);
        }
        // The lookup runs on a helper thread; this one goes on serving.
        match tokio::net::lookup_host((host.as_str(), port)).await {
            Ok(found) => {
                let found: Vec<_> = found.collect();
                let first = *found.first().ok_or_else(|| {
                    ResolveFault(std::io::Error::new(
                        std::io::ErrorKind::NotFound,
                        "no address",
                    ))
                })?;
                *cached.borrow_mut() = Some((Instant::now(), found, 0));
                Ok(first)
            }
            Err(error) => last_good(cached).ok_or(ResolveFault(error)),
        }
    }
}

type Cached = RefCell<Option<(Instant, Vec<SocketAddr>, usize)>>;

fn next_fresh(cached: &Cached) -> Option<SocketAddr> {
    let mut cached = cached.borrow_mut();
    let (at, found, turn) = cached.as_mut()?;
    (at.elapsed() < KEEP).then(|| {
        *turn = (*turn + 1) % found.len();
        found[*turn]
    })
}

/// The resolver is away: the old answer serves on, and the next question waits its time again.
fn last_good(cached: &Cached) -> Option<SocketAddr> {
    let mut cached = cached.borrow_mut();
    let (at, found, turn) = cached.as_mut()?;
    *at = Instant::now();
    Some(found[*turn])
}
