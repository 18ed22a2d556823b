//! Idle connections to one target, and the count of requests in flight.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use frontdesk_tls::{Connector, Stream, TlsFault};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::http2::{Http2Connection, Http2Place};
use crate::resolve::{ResolveFault, Resolver};

/// What is spoken to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without asking.
    Http2,
    /// What the target chooses by ALPN.
    Auto,
}

/// A connection that was opened.
pub enum Connected {
    /// For one exchange at a time.
    Http1(Stream),
    /// A place on a new one that is shared.
    Http2(Http2Place),
    /// A place on one that another request has opened meanwhile.
    Shared(Http2Place),
}

/// What makes two targets the same place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    /// A name or an address literal without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
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
    http2: RefCell<Vec<Rc<Http2Connection>>>,
    /// What the target chose, where it may choose.
    chosen: Cell<Protocol>,
    /// Whether a connection is being opened that others may share, and who waits for it.
    opening: Cell<bool>,
    opened: Notify,
    /// The tick of the last sweep.
    now: Rc<Cell<u64>>,
    in_flight: Cell<u32>,
    retired: Cell<bool>,
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
            http2: RefCell::default(),
            chosen: Cell::new(key.protocol),
            opening: Cell::new(false),
            opened: Notify::new(),
            now: Rc::default(),
            key,
            secure,
            settings: Cell::new(settings),
            resolver,
            idle: RefCell::new(Vec::new()),
            in_flight: Cell::new(0),
            retired: Cell::new(false),
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
        let shared = self.http2.borrow();
        self.idle.borrow().len() + shared.iter().filter(|c| c.is_quiet()).count()
    }

    /// Counts a request until the guard is dropped.
    pub fn begin(self: &Rc<Self>) -> InFlight {
        self.in_flight.set(self.in_flight.get() + 1);
        InFlight(Rc::clone(self))
    }

    /// A place on a connection that is shared.
    pub fn place(&self) -> Option<Http2Place> {
        let shared = self.http2.borrow();
        let mut places = shared.iter().map(|c| c.reserve(Rc::clone(&self.now)));
        places.find_map(|place| place)
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
        self.now.set(now);
        self.http2.borrow_mut().retain(|shared| {
            let quiet_for = now.saturating_sub(shared.quiet_since.get());
            shared.is_alive() && (!shared.is_quiet() || quiet_for < limit)
        });
        self.idle
            .borrow_mut()
            .retain(|idle| now.saturating_sub(idle.since) < limit);
    }

    /// No configuration names this target any more: idle connections are closed, also those that requests
    /// which are still in flight give back.
    pub fn retire(&self) {
        self.retired.set(true);
        self.settings.set(PoolSettings {
            max_idle: 0,
            idle_ticks: 0,
        });
        self.idle.borrow_mut().clear();
        self.http2.borrow_mut().clear();
    }

    /// Whether [`Upstream::retire`] was called.
    pub fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// Opens a new connection, to the first address of the target that takes it. The caller bounds the
    /// time.
    ///
    /// # Errors
    /// [`ConnectFault`]; of several addresses the last one's.
    pub async fn connect(&self) -> Result<Connected, ConnectFault> {
        if self.chosen.get() == Protocol::Http1 {
            let stream = self.open(false).await?;
            return self.speak(stream).await;
        }
        // One opens, the others wait for what they will share.
        while self.opening.get() {
            self.opened.notified().await;
            if let Some(place) = self.place() {
                return Ok(Connected::Shared(place));
            }
        }
        let _opening = Opening::new(self);
        let stream = self.open(false).await?;
        self.speak(stream).await
    }

    /// Opens a connection for HTTP/1, also to a target that would choose HTTP/2: for what only HTTP/1 can do.
    ///
    /// # Errors
    /// [`ConnectFault`]; also where nothing but HTTP/2 is spoken.
    pub async fn connect_http1(&self) -> Result<Connected, ConnectFault> {
        let stream = self.open(true).await?;
        if stream.secured().is_some_and(|secured| secured.is_h2) {
            return Err(ConnectFault::Secure(TlsFault::Protocol));
        }
        Ok(Connected::Http1(stream))
    }

    /// Speaks what was agreed on.
    async fn speak(&self, stream: Stream) -> Result<Connected, ConnectFault> {
        let agreed = stream.secured().map(|secured| secured.is_h2);
        let speaks_http2 = agreed.unwrap_or(self.key.protocol == Protocol::Http2);
        match (self.key.protocol, speaks_http2) {
            (Protocol::Http2, false) => return Err(ConnectFault::Secure(TlsFault::Protocol)),
            (_, false) => {
                self.chosen.set(Protocol::Http1);
                return Ok(Connected::Http1(stream));
            }
            (_, true) => self.chosen.set(Protocol::Http2),
        }
        let begun = Http2Connection::begin(stream, self.now.get()).await;
        let connection = begun.map_err(ConnectFault::Connect)?;
        let place = connection.reserve(Rc::clone(&self.now));
        self.http2.borrow_mut().push(connection);
        place.map_or_else(
            || Err(ConnectFault::Connect(io::ErrorKind::ConnectionReset.into())),
            |place| Ok(Connected::Http2(place)),
        )
    }

    async fn open(&self, http1: bool) -> Result<Stream, ConnectFault> {
        let addresses = self.resolver.addresses().await;
        let mut fault = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses.map_err(ConnectFault::Resolve)? {
            match connect_to(address).await {
                Ok(stream) => return self.secure(stream, http1).await,
                Err(error) => fault = error,
            }
        }
        Err(ConnectFault::Connect(fault))
    }

    async fn secure(&self, tcp: TcpStream, http1: bool) -> Result<Stream, ConnectFault> {
        match &self.secure {
            None => Ok(Stream::Plain(tcp)),
            Some(secure) => {
                let connector = &secure.connector;
                let shaken = if http1 {
                    connector.connect_http1(tcp, &secure.name).await
                } else {
                    connector.connect(tcp, &secure.name).await
                };
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

/// A connection is being opened that others wait for; they are told on drop.
struct Opening<'a>(&'a Upstream);

impl<'a> Opening<'a> {
    fn new(upstream: &'a Upstream) -> Opening<'a> {
        upstream.opening.set(true);
        Opening(upstream)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.set(false);
        self.0.opened.notify_waiters();
    }
}

/// One request in flight at a target.
pub struct InFlight(Rc<Upstream>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get() - 1);
    }
}
