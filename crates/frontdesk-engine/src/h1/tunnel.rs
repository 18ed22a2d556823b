//! Bytes both ways after an upgrade, until one side ends or nothing moves any more.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use frontdesk_tls::Stream;

use super::client::Client;
use super::connection::Connection;
use super::io as wire;
use crate::buffers::Buf;
use crate::clock::Tick;
use crate::exchange::Report;

/// One direction.
#[derive(Default)]
struct Direction {
    state: State,
    bytes: u64,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The sender has ended; the receiver has yet to be told.
    Ending,
    Ended,
}

/// Relays until both sides have ended, one has failed, or neither sent anything for `idle` ticks.
pub(crate) async fn run(client: &mut Client, up: &mut Connection, idle: Tick, report: &mut Report) {
    let thread = std::rc::Rc::clone(&client.thread);
    thread.stats.tunnels.add(1);
    client.make_room();
    up.make_room(&thread.buffers);
    let (mut upward, mut downward) = (Direction::default(), Direction::default());
    let mut last = thread.clock.now();
    // Whatever ends a tunnel, both sockets are closed behind it; there is nobody to report an error to.
    let _: io::Result<()> = poll_fn(|cx| {
        let before = upward.bytes + downward.bytes;
        let a = upward.poll(cx, &mut client.io, &mut client.inbuf, &mut up.io);
        let b = downward.poll(cx, &mut up.io, &mut up.buf, &mut client.io);
        match (a, b) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                return Poll::Ready(Err(error));
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Ok(())),
            _ => {}
        }
        if upward.bytes + downward.bytes != before {
            last = thread.clock.now();
        }
        let deadline = last.saturating_add(idle);
        if thread.clock.now() >= deadline {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        client.timer.arm(deadline);
        Poll::Pending
    })
    .await;
    report.bytes_in = upward.bytes;
    report.bytes_out = downward.bytes;
    thread.stats.tunnels.sub(1);
}

impl Direction {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        buf: &mut Buf,
        to: &mut Stream,
    ) -> Poll<io::Result<()>> {
        loop {
            while !buf.is_empty() {
                let n = ready!(wire::poll_write(to, buf.unread(), cx))?;
                buf.consume(n);
                self.bytes += n as u64;
            }
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Ending => {
                    ready!(wire::poll_shutdown(to, cx))?;
                    self.state = State::Ended;
                }
                State::Open => {
                    ready!(wire::poll_flush(to, cx))?;
                    if ready!(wire::poll_read(from, buf, cx))? == 0 {
                        self.state = State::Ending;
                    }
                }
            }
        }
    }
}
