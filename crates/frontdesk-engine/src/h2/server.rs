//! A client's HTTP/2 connection: accepting streams, going away politely, cutting floods short.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use frontdesk_policies::Scheme;
use frontdesk_tls::Stream;
use h2::Reason;
use h2::server::{Builder, Connection};

use super::guard::{Flood, Guarded};
use super::stream;
use crate::build::ListenerConfig;
use crate::clock::{Tick, Timer};
use crate::h1::client::ListenerState;
use crate::thread::Thread;

/// Streams that a peer has reset and that wait to be accepted.
const PENDING_RESETS: usize = 20;
/// Streams that we had to reset for the peer's mistakes.
const OWN_RESETS: usize = 100;
/// Bytes that a stream may hold for a peer that does not read.
const SEND_BUFFER: usize = 64 * 1024;
/// Ticks that a connection without streams gets to end after it was told to go away.
const GOODBYE: Tick = 100;

/// What the streams of a connection share.
pub(crate) struct Shared {
    pub(crate) thread: Rc<Thread>,
    pub(crate) peer: IpAddr,
    pub(crate) scheme: Scheme,
    pub(crate) source: ListenerState,
    /// Streams being served.
    active: Cell<u32>,
}

/// Counts a stream as being served until it is dropped.
pub(crate) struct Active(pub(crate) Rc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
    }
}

/// What HTTP/2 takes over from the connection's beginning.
pub(crate) struct Begun {
    pub(crate) io: Stream,
    /// What was already read.
    pub(crate) before: Vec<u8>,
    pub(crate) peer: IpAddr,
    pub(crate) scheme: Scheme,
    pub(crate) source: ListenerState,
    pub(crate) thread: Rc<Thread>,
    pub(crate) timer: Timer,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(begun: Begun) {
    let Begun {
        io,
        before,
        peer,
        scheme,
        source,
        thread,
        timer,
    } = begun;
    let listener = Rc::clone(&source.borrow());
    let verdict = Rc::new(Cell::new(None));
    let guarded = Guarded::new(io, before, Rc::clone(&thread.clock), Rc::clone(&verdict));
    let deadline = thread.clock.after(listener.head_timeout);
    let shaking = builder(&listener).handshake::<_, Bytes>(guarded);
    let Some(Ok(conn)) = timer.within(deadline, shaking).await else {
        return;
    };
    let opened = thread.clock.now();
    thread.stats.http2_open.add(1);
    let shared = Rc::new(Shared {
        thread,
        peer,
        scheme,
        source,
        active: Cell::new(0),
    });
    let mut serving = Serving {
        conn,
        timer,
        verdict,
        requests: 0,
        opened,
        quiet_since: opened,
        leaving: None,
        shared,
    };
    poll_fn(|cx| serving.poll(cx)).await;
    serving.shared.thread.stats.http2_open.sub(1);
}

fn builder(listener: &ListenerConfig) -> Builder {
    let limits = &listener.http2;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.streams)
        .initial_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_header_list_size(limits.header_list)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(Some(OWN_RESETS))
        .max_send_buffer_size(SEND_BUFFER)
        .enable_connect_protocol();
    builder
}

struct Serving {
    conn: Connection<Guarded, Bytes>,
    timer: Timer,
    verdict: Rc<Cell<Option<Flood>>>,
    requests: u32,
    opened: Tick,
    /// Since when no stream is being served.
    quiet_since: Tick,
    /// Since when the peer knows that it should go.
    leaving: Option<Tick>,
    shared: Rc<Shared>,
}

impl Serving {
    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        loop {
            match self.conn.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.requests += 1;
                    self.shared.active.set(self.shared.active.get() + 1);
                    let active = Active(Rc::clone(&self.shared));
                    tokio::task::spawn_local(stream::serve(request, respond, active));
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.judge() => {}
                Poll::Pending => return self.wait(),
            }
        }
    }

    /// Cuts a flood short; true if there is something to send now.
    fn judge(&mut self) -> bool {
        let Some(flood) = self.verdict.get() else {
            return false;
        };
        if self.leaving.is_some_and(|since| since == Tick::MAX) {
            return false;
        }
        self.shared.thread.stats.floods[flood as usize].add(1);
        self.conn.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        self.leaving = Some(Tick::MAX);
        true
    }

    /// Waits for the next thing that a clock decides.
    fn wait(&mut self) -> Poll<()> {
        let thread = &self.shared.thread;
        let now = thread.clock.now();
        let active = self.shared.active.get() > 0;
        if active {
            self.quiet_since = now;
        }
        if self.verdict.get().is_some() && !active {
            return Poll::Ready(());
        }
        let listener = self.shared.source.borrow();
        if let Some(since) = self.leaving {
            let end = since.saturating_add(GOODBYE);
            if !active && now >= end {
                return Poll::Ready(());
            }
            self.timer.arm(if active { now + GOODBYE } else { end });
            return Poll::Pending;
        }
        let idle_end = self.quiet_since.saturating_add(listener.keepalive_idle);
        let age_end = self.opened.saturating_add(listener.connection_age);
        let worn = self.requests >= listener.keepalive_requests || now >= age_end;
        if worn || thread.draining.get() || (!active && now >= idle_end) {
            self.leaving = Some(now);
            self.conn.graceful_shutdown();
            // What was just queued is sent when the connection is polled again.
            self.timer.arm(now);
            return Poll::Pending;
        }
        self.timer.arm(if active {
            age_end.min(now + GOODBYE)
        } else {
            idle_end.min(age_end)
        });
        Poll::Pending
    }
}
