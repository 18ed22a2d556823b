//! Idle connections to one target, and the count of requests in flight.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use frontdesk_tls::{Connector, Stream, TlsFault};
use tokio::net::{TcpSocket, TcpStream};

use crate::resolve::{ResolveFault, Resolver};

/// What makes two targets the same place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    /// A name or an address literal without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Identifies the TLS settings; none for plain TCP. A connection that was verified in one way is no
    /// connection for a service that wants another.
    pub tls: Option<Arc<str>>,
}

/// How connections to a target are encrypted.
#[derive(Clone, Debug)]
pub struct Secure {
    /// Shakes hands.
    pub connector: Connector,
    /// Who the target must be.
    pub name: Arc<str>,
}

/// Bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Idle connections kept at the most.
    pub max_idle: usize,
    /// Ticks after which an idle connection is closed.
    pub idle_ticks: u64,
}

/// A connection nobody uses, since the given tick.
pub struct Idle {
    stream: Stream,
    since: u64,
}

/// One target as this thread knows it; it survives reloads.
pub struct Upstream {
    key: TargetKey,
    secure: Option<Secure>,
    settings: Cell<PoolSettings>,
    resolver: Resolver,
    idle: RefCell<Vec<Idle>>,
    in_flight: Cell<u32>,
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub enum ConnectFault {
    /// The name gave no address.
    Resolve(ResolveFault),
    /// The kernel or the other side refused.
    Connect(io::Error),
    /// TLS could not be agreed on, or the target is not who it must be.
    Secure(TlsFault),
}

impl Upstream {
    /// A target without connections.
    pub fn new(key: TargetKey, secure: Option<Secure>, settings: PoolSettings) -> Upstream {
        let resolver = Resolver::new(&key.host, key.port);
        Upstream {
            key,
            secure,
            settings: Cell::new(settings),
            resolver,
            idle: RefCell::new(Vec::new()),
            in_flight: Cell::new(0),
        }
    }

    /// Where it connects to.
    pub fn key(&self) -> &TargetKey {
        &self.key
    }

    /// Takes over new bounds after a reload.
    pub fn set_settings(&self, settings: PoolSettings) {
        self.settings.set(settings);
    }

    /// Requests between [`Upstream::begin`] and the drop of its guard.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Idle connections now.
    pub fn idle_count(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Counts a request until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        InFlight(Rc::clone(self))
    }

    /// The youngest idle connection that is still good; dead ones found on the way are closed.
    pub fn checkout(&self) -> Option<Stream> {
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if idle.stream.is_quiet() {
                return Some(idle.stream);
            }
        }
    }

    /// Gives back a connection after a complete, clean exchange.
    pub fn checkin(&self, mut stream: Stream, now: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.settings.get().max_idle && stream.is_quiet() {
            idle.push(Idle { stream, since: now });
        }
    }

    /// Closes connections that have been idle too long.
    pub fn sweep(&self, now: u64) {
        let limit = self.settings.get().idle_ticks;
        self.idle
            .borrow_mut()
            .retain(|idle| now.saturating_sub(idle.since) < limit);
    }

    /// No configuration names this target any more: idle connections are closed, also those that requests
    /// which are still in flight give back.
    pub fn retire(&self) {
        self.settings.set(PoolSettings {
            max_idle: 0,
            idle_ticks: 0,
        });
        self.idle.borrow_mut().clear();
    }

    /// Opens a new connection, to the first address of the target that takes it. The caller bounds the
    /// time.
    ///
    /// # Errors
    /// [`ConnectFault`]; of several addresses the last one's.
    pub async fn connect(&self) -> Result<Stream, ConnectFault> {
        let addresses = self.resolver.addresses().await;
        let mut fault = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses.map_err(ConnectFault::Resolve)? {
            match connect_to(address).await {
                Ok(stream) => return self.secure(stream).await,
                Err(error) => fault = error,
            }
        }
        Err(ConnectFault::Connect(fault))
    }

    async fn secure(&self, tcp: TcpStream) -> Result<Stream, ConnectFault> {
        match &self.secure {
            None => Ok(Stream::Plain(tcp)),
            Some(secure) => {
                let shaken = secure.connector.connect(tcp, &secure.name).await;
                shaken.map_err(|error| ConnectFault::Secure(TlsFault::of(&error)))
            }
        }
    }
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let stream = socket?.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One request in flight at a target.
pub struct InFlight(Rc<Upstream>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}
