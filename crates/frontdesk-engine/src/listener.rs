//! Accepting connections, and shedding those that are too many.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use socket2::SockFilter;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::build::ListenerConfig;
use crate::h1::client::{self, ListenerState};
use crate::thread::Thread;

/// Connections taken from the queue of a socket that is about to be closed.
const MAX_QUEUE: usize = 4096;
/// How long a closing socket still takes what had begun to connect: a round trip of most clients.
const LAST_CALL: Duration = Duration::from_millis(200);
/// How long to wait after accept has failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(20);

/// The whole answer to a connection there is no room for.
const SATURATED: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
    content-length: 83\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    {\"type\":\"urn:frontdesk:problem:saturated\",\"title\":\"Gateway saturated\",\"status\":503}";

/// A listener of one thread.
pub(crate) struct Listening {
    pub(crate) name: String,
    pub(crate) settings: ListenerState,
    task: JoinHandle<()>,
    listener: Rc<TcpListener>,
    thread: Rc<Thread>,
}

impl Listening {
    /// Starts to accept on a socket that listens already.
    ///
    /// # Errors
    /// The socket could not be registered.
    pub(crate) fn start(
        thread: &Rc<Thread>,
        config: &ListenerConfig,
        fd: OwnedFd,
    ) -> io::Result<Listening> {
        let socket = std::net::TcpListener::from(fd);
        // Left by a gateway that was killed in its last call, on a socket that is the service manager's.
        let _ = socket2::SockRef::from(&socket).detach_filter();
        let listener = Rc::new(TcpListener::from_std(socket)?);
        let settings: ListenerState = Rc::new(RefCell::new(Rc::new(config.clone())));
        let task = tokio::task::spawn_local(accept_loop(
            Rc::clone(&listener),
            Rc::clone(&settings),
            Rc::clone(thread),
        ));
        Ok(Listening {
            name: config.name.clone(),
            settings,
            task,
            listener,
            thread: Rc::clone(thread),
        })
    }

    /// Takes over new settings; open connections see them at their next request.
    pub(crate) fn update(&self, config: &ListenerConfig) {
        self.settings.replace(Rc::new(config.clone()));
    }

    /// Whether both accept from one socket, as after a listener was renamed.
    pub(crate) fn same_socket(&self, other: &Listening) -> bool {
        let cookie = |of: &Listening| socket2::SockRef::from(&*of.listener).cookie().ok();
        cookie(self).is_some_and(|own| Some(own) == cookie(other))
    }

    /// Leaves the socket to another listener that accepts from it.
    pub(crate) fn hand_over(self) {
        self.task.abort();
    }

    /// Stops accepting and closes the socket; the task ends when that is done. Connections that are open go
    /// on, and so do those that the kernel has begun or finished to open: a close would reset them.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        let _ = socket2::SockRef::from(&*self.listener).attach_filter(&no_more());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(LAST_CALL).await;
            self.task.abort();
            self.empty_queue();
            // The socket may be a service manager's, which gives it to the next gateway.
            let _ = socket2::SockRef::from(&*self.listener).detach_filter();
        })
    }

    /// Takes the connections that wait in the socket's queue.
    fn empty_queue(&self) {
        let queue = socket2::SockRef::from(&*self.listener);
        for _ in 0..MAX_QUEUE {
            let Ok((io, peer)) = queue.accept() else {
                return;
            };
            let Some(peer) = peer.as_socket() else {
                continue;
            };
            let io = std::net::TcpStream::from(io);
            // A connection that cannot be registered is closed, as it would have been without this.
            if let Ok(io) = io
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(io))
            {
                welcome(io, peer.ip().to_canonical(), &self.settings, &self.thread);
            }
        }
    }
}

/// A filter that drops what would begin a connection: a SYN without ACK (RFC 9293 section 3.1, the flags are in
/// byte 13). The client's kernel asks again within a second, and finds whoever listens then, or nobody.
fn no_more() -> [SockFilter; 5] {
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const SYN: u32 = 0x02;
    const SYN_OR_ACK: u32 = 0x12;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 13),
        SockFilter::new(AND, 0, 0, SYN_OR_ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

async fn accept_loop(listener: Rc<TcpListener>, settings: ListenerState, thread: Rc<Thread>) {
    let mut spare = spare_descriptor();
    loop {
        match listener.accept().await {
            Ok((io, peer)) => welcome(io, peer.ip().to_canonical(), &settings, &thread),
            Err(error) if is_transient(&error) => {}
            Err(_) => {
                thread.stats.accept_errors.add(1);
                // Without descriptors nothing can be accepted, and a waiting client would hang: one descriptor
                // is kept in reserve to accept it, say so and close.
                drop(spare.take());
                if let Ok((io, _)) = listener.accept().await {
                    shed(&io, &settings, &thread);
                }
                spare = spare_descriptor();
                tokio::time::sleep(PAUSE).await;
            }
        }
        if spare.is_none() {
            spare = spare_descriptor();
        }
    }
}

fn spare_descriptor() -> Option<std::fs::File> {
    std::fs::File::open("/dev/null").ok()
}

/// The connection was gone before it was accepted.
fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | WouldBlock
    )
}

fn welcome(io: TcpStream, peer: IpAddr, settings: &ListenerState, thread: &Rc<Thread>) {
    thread.stats.accepted.add(1);
    let limit = thread.max_connections.get();
    if thread.shared.open.fetch_add(1, Relaxed) >= limit {
        thread.shared.open.fetch_sub(1, Relaxed);
        shed(&io, settings, thread);
        return;
    }
    let (lanes, own) = (&thread.shared.lanes, thread.index);
    // A thread that ends may be later than the one that it would give to.
    let given = if thread.draining.get() {
        Err(Some(io))
    } else {
        lanes.give(own, io, peer, &settings.borrow().name)
    };
    match given {
        Ok(()) => thread.stats.handed_over.add(1),
        Err(Some(io)) => {
            lanes.opened(own);
            admit(io, peer, settings, thread);
        }
        Err(None) => {
            thread.shared.open.fetch_sub(1, Relaxed);
        }
    }
}

/// Serves a connection that counts as open.
pub(crate) fn admit(io: TcpStream, peer: IpAddr, settings: &ListenerState, thread: &Rc<Thread>) {
    // Where this fails the connection is merely slower.
    let _ = io.set_nodelay(true);
    thread.stats.open.add(1);
    let guard = Open(Rc::clone(thread));
    let settings = Rc::clone(settings);
    tokio::task::spawn_local(async move {
        client::serve(io, peer, settings, Rc::clone(&guard.0)).await;
        drop(guard);
    });
}

fn shed(io: &TcpStream, settings: &ListenerState, thread: &Thread) {
    thread.stats.shed.add(1);
    // Whoever waits for a handshake, or speaks something else, could not read it.
    let settings = settings.borrow();
    if settings.tls.is_some() || settings.tcp.is_some() {
        return;
    }
    // One try: a socket that has just been accepted has room for this, and nobody waits for the outcome.
    let _ = io.try_write(SATURATED);
    let _ = socket2::SockRef::from(io).shutdown(std::net::Shutdown::Write);
}

/// Counts a connection as open, even if its task panics.
struct Open(Rc<Thread>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats.open.sub(1);
        self.0.shared.open.fetch_sub(1, Relaxed);
        self.0.shared.lanes.closed(self.0.index);
    }
}
