//! Bytes both ways between two connections, after an upgrade or from the beginning, until one ends or the
//! conversation is over.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use frontdesk_tls::Stream;
use frontdesk_upstream::Upstream;

use super::client::Client;
use super::connection::Connection;
use super::io as wire;
use crate::buffers::Buf;
use crate::exchange::Report;
use crate::thread::Thread;
use crate::websocket::{Conversation, End};

/// One direction.
struct Direction<'a> {
    from: End,
    to: End,
    thread: &'a Thread,
    state: State,
    bytes: u64,
    /// Bytes at the beginning of the buffer that may pass, and those behind them that may not.
    pass: usize,
    drop: usize,
    /// What is left of a frame of the gateway's own.
    frame: Vec<u8>,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The sender has ended; the receiver has yet to be told.
    Ending,
    Ended,
}

/// Relays until both sides have ended, one has failed, or the conversation is over.
pub(crate) async fn run(
    client: &mut Client,
    up: &mut Connection,
    upstream: &Upstream,
    mut talk: Conversation,
    report: &mut Report,
) {
    let thread = std::rc::Rc::clone(&client.thread);
    thread.stats.tunnels.add(1);
    let mut upward = Direction::new(End::Client, End::Target, &thread);
    let mut downward = Direction::new(End::Target, End::Client, &thread);
    upward.judge(client.inbuf.unread(), &mut talk);
    downward.judge(up.buf.unread(), &mut talk);
    // Whatever ends a tunnel, both sockets are closed behind it; there is nobody to report an error to.
    let _: io::Result<()> = poll_fn(|cx| {
        if talk.is_over(&thread, upstream) {
            return Poll::Ready(Ok(()));
        }
        let a = upward.poll(cx, &mut client.io, &mut client.inbuf, &mut up.io, &mut talk);
        let b = downward.poll(cx, &mut up.io, &mut up.buf, &mut client.io, &mut talk);
        match (a, b) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                return Poll::Ready(Err(error));
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Ok(())),
            _ => {}
        }
        if talk.is_over(&thread, upstream) {
            return Poll::Ready(Ok(()));
        }
        client.timer.arm(talk.next_look());
        Poll::Pending
    })
    .await;
    report.bytes_in = upward.bytes;
    report.bytes_out = downward.bytes;
    thread.stats.tunnels.sub(1);
}

impl<'a> Direction<'a> {
    fn new(from: End, to: End, thread: &'a Thread) -> Direction<'a> {
        Direction {
            from,
            to,
            thread,
            state: State::Open,
            bytes: 0,
            pass: 0,
            drop: 0,
            frame: Vec::new(),
        }
    }

    /// Asks what of new bytes may pass.
    fn judge(&mut self, bytes: &[u8], talk: &mut Conversation) {
        if !bytes.is_empty() {
            self.pass = talk.heard(self.from, bytes, self.thread);
            self.drop = bytes.len() - self.pass;
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        buf: &mut Buf,
        to: &mut Stream,
        talk: &mut Conversation,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.pass > 0 {
                let n = ready!(wire::poll_write(to, &buf.unread()[..self.pass], cx))?;
                buf.consume(n);
                self.pass -= n;
                self.bytes += n as u64;
            }
            buf.consume(std::mem::take(&mut self.drop));
            while !self.frame.is_empty() {
                let n = ready!(wire::poll_write(to, &self.frame, cx))?;
                self.frame.drain(..n);
            }
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Ending => {
                    ready!(wire::poll_shutdown(to, cx))?;
                    self.state = State::Ended;
                }
                State::Open => {
                    if let Some(frame) = talk.due(self.to, self.thread) {
                        self.frame = frame;
                        continue;
                    }
                    ready!(wire::poll_flush(to, cx))?;
                    // A silent direction waits without a buffer.
                    if buf.is_vacant() {
                        *buf = self.thread.buffers.small();
                    }
                    let polled = wire::poll_read(from, buf, cx);
                    if polled.is_pending() {
                        self.thread.buffers.give(std::mem::take(buf));
                    }
                    if ready!(polled)? == 0 {
                        self.state = State::Ending;
                    }
                    self.judge(buf.unread(), talk);
                }
            }
        }
    }
}
