//! A client's HTTP/1 connection: reading heads, keep-alive, closing with care.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use frontdesk_http::{
    Fault, Framing, HeadLimits, Parsed, Underscores, head_may_be_complete, parse_request,
};
use frontdesk_policies::{Code, Exchange, Rejection, RequestId, Scheme};
use frontdesk_tls::Stream;
use tokio::net::TcpStream;

use super::answering::{After, send_answer};
use super::{attempt, head, io as wire, proxy_protocol, side};
use crate::answer::Answer;
use crate::buffers::Buf;
use crate::build::{ListenerConfig, ListenerTls};
use crate::clock::{NEVER, Tick, Timer};
use crate::exchange::{self, Downstream, Report};
use crate::forward::{Attempt, Failure, Opened};
use crate::h2::guard::PREFACE;
use crate::h2::server::{self, Begun};
use crate::observe::metrics::Handshake;
use crate::tcp;
use crate::thread::Thread;

/// Bytes of unread input that a closing connection still takes, so that its last answer is not lost to
/// a reset (RFC 9112 §9.6).
const LINGER_BYTES: usize = 1024 * 1024;
/// Ticks it takes them for.
const LINGER_TICKS: Tick = 200;

/// A listener's settings; they change on reload under the connections it has.
pub(crate) type ListenerState = Rc<RefCell<Rc<ListenerConfig>>>;

/// A client's connection.
pub(crate) struct Client {
    pub(crate) io: Stream,
    pub(crate) inbuf: Buf,
    pub(crate) timer: Timer,
    pub(crate) thread: Rc<Thread>,
    pub(crate) peer: IpAddr,
    pub(crate) listener: Rc<ListenerConfig>,
    scheme: Scheme,
    source: ListenerState,
    requests: u32,
    opened: Tick,
}

#[derive(PartialEq, Eq)]
enum Preface {
    No,
    Part,
    Whole,
}

enum Next {
    Request(Box<Exchange>),
    /// No request of HTTP/1, but the preface of HTTP/2.
    Http2,
    /// Nothing more comes, and nothing is to be said.
    End,
    /// A request that cannot be read.
    Fault(Code, Option<Fault>),
}

/// Serves one connection until it ends.
pub(crate) async fn serve(tcp: TcpStream, peer: IpAddr, source: ListenerState, thread: Rc<Thread>) {
    let timer = poll_fn(|cx| Poll::Ready(Timer::new(&thread.clock, cx.waker()))).await;
    let listener = Rc::clone(&source.borrow());
    let opened = thread.clock.now();
    let mut client = Client {
        io: Stream::Plain(tcp),
        inbuf: Buf::default(),
        timer,
        thread,
        peer,
        listener,
        scheme: Scheme::Http,
        source,
        requests: 0,
        opened,
    };
    if proxy_protocol::receive(&mut client).await.is_err() {
        return client.release_buffer();
    }
    if let Some(tls) = client.listener.tls.clone() {
        // Its state is large and gone after the handshake: an idle connection does not carry it.
        let Some(secured) = Box::pin(client.secure(&tls)).await else {
            return;
        };
        client = secured;
    }
    if client.listener.tcp.is_some() {
        return Box::pin(tcp::serve(client)).await;
    }
    if client.io.secured().is_some_and(|secured| secured.is_h2) {
        return client.become_http2().await;
    }
    if matches!(Box::pin(client.run()).await, End::Http2) {
        return client.become_http2().await;
    }
    client.release_buffer();
}

/// How HTTP/1 on a connection ended.
#[derive(PartialEq, Eq)]
enum End {
    Closed,
    /// The client speaks HTTP/2 (prior knowledge, RFC 9113 §3.3).
    Http2,
}

impl Client {
    /// The listener's settings now.
    pub(crate) fn settings(&self) -> Rc<ListenerConfig> {
        Rc::clone(&self.source.borrow())
    }

    /// Shakes hands; nothing if that fails or takes too long.
    async fn secure(self, tls: &ListenerTls) -> Option<Client> {
        let Client {
            io: Stream::Plain(tcp),
            mut inbuf,
            ..
        } = self
        else {
            return None;
        };
        let before = inbuf.unread().to_vec();
        self.thread.buffers.give(std::mem::take(&mut inbuf));
        let deadline = self.thread.clock.after(tls.handshake);
        let shaken = self
            .timer
            .within(deadline, tls.acceptor.accept(tcp, before));
        let (outcome, io) = match shaken.await {
            Some(Ok(io)) if io.secured().is_some_and(|s| s.resumed) => {
                (Handshake::Resumed, Some(io))
            }
            Some(Ok(io)) => (Handshake::Full, Some(io)),
            Some(Err(_)) => (Handshake::Failed, None),
            None => (Handshake::Timeout, None),
        };
        self.thread.stats.handshakes[outcome as usize].add(1);
        Some(Client {
            io: io?,
            inbuf,
            scheme: Scheme::Https,
            ..self
        })
    }

    /// Hands the connection over to HTTP/2.
    async fn become_http2(mut self) {
        let before = self.inbuf.unread().to_vec();
        self.thread.buffers.give(std::mem::take(&mut self.inbuf));
        let begun = Begun {
            io: self.io,
            before,
            peer: self.peer,
            scheme: self.scheme,
            source: self.source,
            thread: self.thread,
            timer: self.timer,
        };
        Box::pin(server::serve(begun)).await;
    }

    async fn run(&mut self) -> End {
        loop {
            match self.next_request().await {
                Next::Http2 => return End::Http2,
                Next::Request(ex) => {
                    self.requests += 1;
                    // The state of an exchange is large and short-lived: an idle connection does not carry it.
                    match Box::pin(exchange::run(self, ex)).await {
                        After::KeepAlive => {}
                        After::Close => return End::Closed,
                        After::Linger => {
                            self.linger().await;
                            return End::Closed;
                        }
                    }
                }
                Next::End => {
                    self.half_close();
                    return End::Closed;
                }
                Next::Fault(code, fault) => {
                    self.refuse(code, fault).await;
                    self.linger().await;
                    return End::Closed;
                }
            }
        }
    }

    /// Whether the connection may serve another request after this one.
    pub(crate) fn may_go_on(&self) -> bool {
        let age = self.thread.clock.now().saturating_sub(self.opened);
        self.requests < self.listener.keepalive_requests
            && age < self.listener.connection_age
            && !self.thread.draining.get()
    }

    /// How to close after a complete exchange: a socket that is closed over unread requests sends a reset,
    /// which would take the last response from a client that pipelines.
    pub(crate) fn closing(&mut self) -> After {
        if matches!(self.io, Stream::Tls(_)) {
            self.half_close();
        }
        let more = !self.inbuf.is_empty() || matches!(self.io.try_read(&mut [0]), Some(Ok(1..)));
        if more { After::Linger } else { After::Close }
    }

    /// Says that no more comes; with TLS so that it cannot be taken for a cut. Where the socket takes nothing
    /// more, the close that follows is an ordinary one.
    fn half_close(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let _ = wire::poll_shutdown(&mut self.io, &mut context);
    }

    /// Makes room to read into. False if the buffer is full of unread bytes.
    pub(crate) fn make_room(&mut self) -> bool {
        if self.inbuf.is_vacant() {
            self.inbuf = self.thread.buffers.small();
        }
        if self.inbuf.space().is_empty() {
            self.inbuf.compact();
        }
        !self.inbuf.space().is_empty()
    }

    /// Gives an empty buffer back, so that idle connections hold none.
    pub(crate) fn release_buffer(&mut self) {
        if self.inbuf.is_empty() && !self.inbuf.is_vacant() {
            let buffer = std::mem::take(&mut self.inbuf);
            self.thread.buffers.give(buffer);
        }
    }

    async fn next_request(&mut self) -> Next {
        self.listener = Rc::clone(&self.source.borrow());
        let clock = Rc::clone(&self.thread.clock);
        let first = self.requests == 0;
        let idle = if first {
            self.listener.head_timeout
        } else {
            self.listener.keepalive_idle
        };
        let mut deadline = clock.after(idle);
        let mut started = false;
        let mut scanned = 0;
        loop {
            if !self.inbuf.is_empty() {
                if !started {
                    started = true;
                    deadline = clock.after(self.listener.head_timeout);
                }
                match self.preface(first) {
                    Preface::Whole => return Next::Http2,
                    Preface::Part => {}
                    Preface::No => match self.try_parse(&mut scanned) {
                        Ok(Some(ex)) => return Next::Request(ex),
                        Ok(None) => {}
                        Err(fault) => return Next::Fault(code_of(fault), Some(fault)),
                    },
                }
            }
            match self.read_more(deadline, started).await {
                Ok(0) if started => return Next::Fault(Code::ClientClosed, None),
                Ok(0) => return Next::End,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && started => {
                    return Next::Fault(Code::RequestTimeout, None);
                }
                Err(_) => return Next::End,
            }
        }
    }

    /// Whether a connection begins as HTTP/2 does; with TLS that is settled before.
    fn preface(&self, first: bool) -> Preface {
        let unread = self.inbuf.unread();
        let known = unread.len().min(PREFACE.len());
        let may_be = first && self.listener.http2.is_on && self.scheme == Scheme::Http;
        match may_be && unread[..known] == PREFACE[..known] {
            false => Preface::No,
            true if known == PREFACE.len() => Preface::Whole,
            true => Preface::Part,
        }
    }

    fn try_parse(&mut self, scanned: &mut usize) -> Result<Option<Box<Exchange>>, Fault> {
        let limits = &self.listener.limits;
        let unread = self.inbuf.unread();
        if !worth_parsing(unread, scanned, limits) {
            return Ok(None);
        }
        let mut ex = self.thread.take_exchange();
        match parse_request(unread, limits, &mut ex.head) {
            Ok(Parsed::Complete(length)) => {
                self.move_head(&mut ex, length);
                Ok(Some(ex))
            }
            Ok(Parsed::Partial) => {
                self.thread.give_exchange(ex);
                Ok(None)
            }
            Err(fault) => {
                self.thread.give_exchange(ex);
                Err(fault)
            }
        }
    }

    /// Hands the head's buffer to the exchange; what came behind it moves to a new one.
    fn move_head(&mut self, ex: &mut Exchange, length: usize) {
        self.inbuf.compact();
        let rest = &self.inbuf.unread()[length..];
        let mut next = Buf::default();
        if !rest.is_empty() {
            next = self.thread.buffers.small();
            next.grow(rest.len());
            next.put(rest);
        }
        ex.bytes = std::mem::replace(&mut self.inbuf, next).take_data();
        ex.head_len = length;
        ex.peer = self.peer;
        ex.scheme = self.scheme;
        if ex.head.underscores_dropped > 0 && self.listener.limits.underscores == Underscores::Drop
        {
            self.thread
                .stats
                .underscores_dropped
                .add(u64::from(ex.head.underscores_dropped));
        }
    }

    /// Reads once. An idle connection waits without a buffer.
    async fn read_more(&mut self, deadline: Tick, started: bool) -> io::Result<usize> {
        let limit = self.listener.limits.head_bytes;
        poll_fn(|cx| {
            if !self.make_room() {
                let larger = (self.inbuf.len() * 2)
                    .min(limit + 1)
                    .max(self.inbuf.len() + 1);
                self.inbuf.grow(larger);
            }
            let polled = wire::poll_read(&mut self.io, &mut self.inbuf, cx);
            if polled.is_pending() {
                self.release_buffer();
                let clock = &self.thread.clock;
                // A connection that was just opened still gets its first answer.
                let stopping = self.thread.closing_idle.get() && !started && self.requests > 0;
                if clock.now() >= deadline || stopping {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                self.timer.arm(deadline);
            }
            polled
        })
        .await
    }

    /// Says what is wrong with a request that could not be read.
    async fn refuse(&mut self, code: Code, fault: Option<Fault>) {
        self.thread.stats.codes.of(code).add(1);
        if let Some(fault) = fault {
            self.thread.stats.request_faults.of(fault).add(1);
        }
        let mut id = RequestId::EMPTY;
        id.generate(self.thread.random(), self.thread.random());
        if code == Code::ClientClosed {
            exchange::log_unreadable(&self.thread, self.peer, &id, code, fault, 0);
            return;
        }
        let detail = match fault {
            Some(fault) => format!("The request is refused: {fault}."),
            None => "The request head was not complete in time.".to_owned(),
        };
        let mut answer =
            Answer::unread(&Rejection::new(code, detail), &id, &self.thread.shared.via);
        answer
            .fields
            .extend_from_slice(&self.listener.response_lines);
        let size = answer.body.len() as u64;
        exchange::log_unreadable(&self.thread, self.peer, &id, code, fault, size);
        for part in [b"x-request-id: ", id.as_bytes(), b"\r\n"] {
            answer.fields.extend_from_slice(part);
        }
        let mut out = self.thread.buffers.scratch();
        head::write_answer(
            &mut out,
            &answer,
            &self.thread.clock.date(),
            false,
            head::Keep::Close,
        );
        // The client may be gone already; nobody else waits for the outcome.
        let _ = self.send(&out).await;
        self.thread.buffers.give_scratch(out);
    }

    /// Writes all bytes within the listener's write timeout.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let idle = self.listener.write_idle;
        let clock = Rc::clone(&self.thread.clock);
        wire::write_all(&mut self.io, bytes, &clock, &self.timer, idle).await
    }

    /// Closes after an answer that did not wait for the request's end: stops sending, takes what still comes
    /// for a while and drops it.
    async fn linger(&mut self) {
        self.half_close();
        let deadline = self.thread.clock.after(LINGER_TICKS);
        let mut left = LINGER_BYTES;
        while left > 0 {
            let length = self.inbuf.len();
            self.inbuf.consume(length);
            match self.read_more(deadline, true).await {
                Ok(n) if n > 0 => left = left.saturating_sub(n),
                _ => break,
            }
        }
        self.timer.arm(NEVER);
        let length = self.inbuf.len();
        self.inbuf.consume(length);
    }
}

impl Downstream for Client {
    type After = After;

    fn thread(&self) -> &Rc<Thread> {
        &self.thread
    }

    fn listener(&self) -> &Rc<ListenerConfig> {
        &self.listener
    }

    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn whole_body(&self, ex: &Exchange) -> Option<&[u8]> {
        match ex.head.framing {
            Framing::None => Some(&[]),
            Framing::Length(length) if self.inbuf.len() as u64 >= length => {
                Some(&self.inbuf.unread()[..length as usize])
            }
            Framing::Length(_) | Framing::Chunked => None,
        }
    }

    async fn answer(&mut self, ex: &Exchange, answer: &Answer, report: &mut Report) -> After {
        send_answer(self, ex, answer, report).await
    }

    fn gone(&mut self) -> After {
        After::Close
    }

    async fn attempt(
        &mut self,
        up: Opened,
        attempt: &Attempt<'_>,
        ex: &mut Exchange,
        report: &mut Report,
    ) -> Result<After, Failure> {
        match up {
            // Where a part of the body was taken in pieces, the rest has to be.
            Opened::Http1(up) if ex.grpc_web.is_none() && report.source.is_none() => {
                attempt::run(self, up, attempt, ex, report).await
            }
            // The larger state of a relayed exchange is not carried by the others.
            up => Box::pin(side::run(self, up, attempt, ex, report)).await,
        }
    }
}

/// Short heads are parsed at every read, so that nonsense is refused at once; a long one that drips in waits
/// for its empty line, or for a limit, so that its cost stays linear.
pub(crate) fn worth_parsing(unread: &[u8], scanned: &mut usize, limits: &HeadLimits) -> bool {
    const SHORT: usize = 2048;
    let whole = head_may_be_complete(unread, scanned);
    whole || unread.len() <= SHORT || unread.len() >= limits.head_bytes.min(limits.target_bytes)
}

/// The row of the answer table for a codec fault.
pub(crate) fn code_of(fault: Fault) -> Code {
    match fault.status() {
        _ if matches!(fault, Fault::MethodTooLong | Fault::UpgradeUnknown) => {
            Code::UnsupportedMethod
        }
        413 => Code::BodyTooLarge,
        414 => Code::TargetTooLong,
        417 => Code::ExpectationFailed,
        431 => Code::HeadTooLarge,
        501 => Code::UnsupportedCoding,
        505 => Code::UnsupportedVersion,
        _ => Code::MalformedRequest,
    }
}
