//! Copies of requests for another service. The answer is dropped, and nothing here can delay or fail
//! the request itself.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use frontdesk_http::Framing;
use frontdesk_policies::Exchange;
use frontdesk_tls::Stream;
use frontdesk_upstream::Upstream;

use super::client::Client;
use super::forward::Plan;
use super::head::{self, RequestParts};
use super::io as wire;
use crate::build::{Mirror, Service};
use crate::clock::{Tick, Timer};
use crate::thread::Thread;

/// Copies in flight per thread; further ones are skipped and counted.
const MAX_MIRRORS: u32 = 64;
/// Bytes of an answer that are read before the copy is given up.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Sends a copy if it is this request's turn. A body goes along only if it is whole already: a copy must not
/// hold a body back or keep it in memory.
pub(crate) fn start(client: &Client, ex: &Exchange, plan: &Plan<'_>, mirror: Mirror) {
    let thread = plan.thread;
    if thread.random() % 100 >= u64::from(mirror.percent) {
        return;
    }
    let body = match ex.head.framing {
        Framing::None => Some(0),
        Framing::Length(length) if client.inbuf.len() as u64 >= length => Some(length as usize),
        Framing::Length(_) | Framing::Chunked => None,
    };
    let state = &plan.build.services[mirror.service as usize];
    let (Some(body), Some(index)) = (body, state.balancer.choose(&state.upstreams, &[])) else {
        thread.stats.mirror_skipped.add(1);
        return;
    };
    if thread.mirrors.get() >= MAX_MIRRORS {
        thread.stats.mirror_skipped.add(1);
        return;
    }
    let service = &plan.build.shared.services[mirror.service as usize];
    let mut out = Vec::with_capacity(1024 + body);
    let parts = RequestParts {
        ex,
        forward: plan.forward,
        service,
        target: &service.targets[index],
        listener: &client.listener,
        thread,
        upgrade: None,
        close: true,
    };
    head::write_request(&mut out, &parts);
    out.extend_from_slice(&client.inbuf.unread()[..body]);
    thread.mirrors.set(thread.mirrors.get() + 1);
    thread.stats.mirrored.add(1);
    let guard = Running(Rc::clone(thread));
    let upstream = Rc::clone(&state.upstreams[index]);
    let ticks = allowed(service);
    tokio::task::spawn_local(async move {
        // What becomes of the copy is the mirror's affair.
        let _ = send(&guard.0, &upstream, &out, ticks).await;
        drop(guard);
    });
}

/// Time for the whole copy: the service's own bounds, added up.
fn allowed(service: &Service) -> Tick {
    service
        .connect
        .saturating_add(service.first_byte)
        .saturating_add(service.idle)
        .min(service.total)
}

struct Running(Rc<Thread>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.mirrors.set(self.0.mirrors.get() - 1);
    }
}

async fn send(
    thread: &Rc<Thread>,
    upstream: &Rc<Upstream>,
    out: &[u8],
    ticks: Tick,
) -> io::Result<()> {
    let timer = poll_fn(|cx| Poll::Ready(Timer::new(&thread.clock, cx.waker()))).await;
    let deadline = thread.clock.after(ticks);
    let mut work = Box::pin(exchange(thread, upstream, out));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending if thread.clock.now() >= deadline => {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
        Poll::Pending => {
            timer.arm(deadline);
            Poll::Pending
        }
        ready @ Poll::Ready(_) => ready,
    })
    .await
}

async fn exchange(thread: &Thread, upstream: &Rc<Upstream>, out: &[u8]) -> io::Result<()> {
    let _in_flight = upstream.begin();
    let mut io: Stream = upstream
        .connect()
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::NotConnected))?;
    let mut written = 0;
    poll_fn(|cx| {
        while written < out.len() {
            written += std::task::ready!(wire::poll_write(&mut io, &out[written..], cx))?;
        }
        wire::poll_flush(&mut io, cx)
    })
    .await?;
    let mut buf = thread.buffers.small();
    let mut total = 0;
    let read = poll_fn(|cx| {
        loop {
            match std::task::ready!(wire::poll_read(&mut io, &mut buf, cx)) {
                Ok(n) if n > 0 && total < MAX_ANSWER => {
                    total += n;
                    buf.consume(n);
                }
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    })
    .await;
    thread.buffers.give(buf);
    read
}
