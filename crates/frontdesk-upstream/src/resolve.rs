//! Names to addresses, with the last good answer kept.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;
use tokio::time::timeout;

/// How long an answer of the system's resolver, which tells no TTL, is used.
const KEEP: Duration = Duration::from_secs(30);
/// How long one request in `KEEP` waits for a new answer where there is an old one.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a name gave no address.
#[derive(Debug)]
pub struct ResolveFault(pub io::Error);

/// The addresses of one target.
pub(crate) enum Resolver {
    Literal(SocketAddr),
    Name {
        host: Rc<str>,
        port: u16,
        cached: Cached,
    },
}

type Cached = Rc<RefCell<Option<Answer>>>;

pub(crate) struct Answer {
    at: Instant,
    found: Vec<SocketAddr>,
    turn: usize,
}

impl Answer {
    /// All addresses; a different one comes first each time.
    fn in_turn(&mut self) -> Vec<SocketAddr> {
        let mut list = self.found.clone();
        list.rotate_left(self.turn);
        self.turn = (self.turn + 1) % list.len();
        list
    }
}

impl Resolver {
    pub(crate) fn new(host: &str, port: u16) -> Resolver {
        match host.parse::<IpAddr>() {
            Ok(ip) => Resolver::Literal(SocketAddr::new(ip, port)),
            Err(_) => Resolver::Name {
                host: host.into(),
                port,
                cached: Rc::default(),
            },
        }
    }

    /// The addresses to connect to, at least one, in the order to try them.
    pub(crate) async fn addresses(&self) -> Result<Vec<SocketAddr>, ResolveFault> {
        let (host, port, cached) = match self {
            Resolver::Literal(address) => return Ok(vec![*address]),
            Resolver::Name { host, port, cached } => (host, *port, cached),
        };
        if let Some(list) = fresh(cached) {
            return Ok(list);
        }
        let has_old = postpone(cached);
        // The lookup runs on a helper thread, and goes on where the request that asked for it does not.
        let asking = spawn_local(ask(Rc::clone(host), port, Rc::clone(cached)));
        let patience = if has_old { PATIENCE } else { Duration::MAX };
        let asked = timeout(patience, asking).await;
        // A resolver that is away or hangs changes nothing while there is an old answer.
        if let Some(answer) = cached.borrow_mut().as_mut() {
            return Ok(answer.in_turn());
        }
        match asked {
            Ok(Ok(Err(error))) => Err(ResolveFault(error)),
            _ => Err(ResolveFault(io::ErrorKind::NotFound.into())),
        }
    }
}

async fn ask(host: Rc<str>, port: u16, cached: Cached) -> io::Result<()> {
    let found: Vec<_> = tokio::net::lookup_host((&*host, port)).await?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
    }
    *cached.borrow_mut() = Some(Answer {
        at: Instant::now(),
        found,
        turn: 0,
    });
    Ok(())
}

fn fresh(cached: &Cached) -> Option<Vec<SocketAddr>> {
    let mut cached = cached.borrow_mut();
    let answer = cached.as_mut()?;
    (answer.at.elapsed() < KEEP).then(|| answer.in_turn())
}

/// Lets an old answer count as fresh for all others, so that only one request asks; whether there is one.
fn postpone(cached: &Cached) -> bool {
    let mut cached = cached.borrow_mut();
    cached.as_mut().map(|old| old.at = Instant::now()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count)
            .map(|port| SocketAddr::from(([192, 0, 2, 1], port)))
            .collect()
    }

    #[test]
    fn addresses_take_turns_and_all_are_tried() {
        let mut answer = Answer {
            at: Instant::now(),
            found: addresses(2),
            turn: 0,
        };
        let ports = |list: Vec<SocketAddr>| list.iter().map(SocketAddr::port).collect::<Vec<_>>();
        assert_eq!(ports(answer.in_turn()), [1, 2]);
        assert_eq!(ports(answer.in_turn()), [2, 1]);
        assert_eq!(ports(answer.in_turn()), [1, 2]);
    }

    #[test]
    fn only_one_request_asks_for_an_answer_that_is_old() {
        let cached: Cached = Rc::default();
        assert!(!postpone(&cached));
        assert!(fresh(&cached).is_none());
        let Some(at) = Instant::now().checked_sub(KEEP) else {
            return;
        };
        *cached.borrow_mut() = Some(Answer {
            at,
            found: addresses(1),
            turn: 0,
        });
        assert!(fresh(&cached).is_none());
        assert!(postpone(&cached));
        assert!(fresh(&cached).is_some());
    }
}
