//! Copies of requests for another service. The answer is dropped, and nothing here can delay or fail
//! the request itself.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use frontdesk_policies::Exchange;
use frontdesk_tls::Stream;
use frontdesk_upstream::{Connected, Http2Place, Protocol, Upstream};
use http::Request;

use crate::build::{Mirror, Service};
use crate::clock::{Tick, Timer};
use crate::exchange::Downstream;
use crate::forward::Plan;
use crate::h1::head::{self, RequestParts};
use crate::h1::io as wire;
use crate::relay;
use crate::thread::Thread;

/// Copies in flight per thread; further ones are skipped and counted.
const MAX_MIRRORS: u32 = 64;
/// Bytes of an answer that are read before the copy is given up.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Sends a copy if it is this request's turn. A body goes along only if it is whole already: a copy must not
/// hold a body back or keep it in memory.
pub(crate) fn start<D: Downstream>(down: &D, ex: &Exchange, plan: &Plan<'_>, mirror: Mirror) {
    let thread = plan.thread;
    if thread.random() % 100 >= u64::from(mirror.percent) {
        return;
    }
    let state = &plan.build.services[mirror.service as usize];
    let (Some(body), Some(index)) = (
        down.whole_body(ex),
        state.balancer.choose(&state.upstreams, &[]),
    ) else {
        thread.stats.mirror_skipped.add(1);
        return;
    };
    if thread.mirrors.get() >= MAX_MIRRORS {
        thread.stats.mirror_skipped.add(1);
        return;
    }
    let service = &plan.build.shared.services[mirror.service as usize];
    let parts = RequestParts {
        ex,
        forward: plan.forward,
        service,
        target: &service.targets[index],
        listener: down.listener(),
        thread,
        upgrade: None,
        close: true,
    };
    let copy = Copy {
        http2: (parts.target.key.protocol != Protocol::Http1)
            .then(|| relay::request(&parts))
            .flatten(),
        head: {
            let mut head = Vec::with_capacity(1024);
            head::write_request(&mut head, &parts);
            head
        },
        body: Bytes::copy_from_slice(body),
    };
    thread.mirrors.set(thread.mirrors.get() + 1);
    thread.stats.mirrored.add(1);
    let guard = Running(Rc::clone(thread));
    let upstream = Rc::clone(&state.upstreams[index]);
    let ticks = allowed(service);
    tokio::task::spawn_local(async move {
        // What becomes of the copy is the mirror's affair.
        let _ = send(&guard.0, &upstream, copy, ticks).await;
        drop(guard);
    });
}

/// A request in both forms: which one the target takes shows when it is connected.
struct Copy {
    http2: Option<Request<()>>,
    head: Vec<u8>,
    body: Bytes,
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
    copy: Copy,
    ticks: Tick,
) -> io::Result<()> {
    let timer = poll_fn(|cx| Poll::Ready(Timer::new(&thread.clock, cx.waker()))).await;
    let deadline = thread.clock.after(ticks);
    let mut work = Box::pin(exchange(thread, upstream, copy));
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

async fn exchange(thread: &Thread, upstream: &Rc<Upstream>, copy: Copy) -> io::Result<()> {
    let _in_flight = upstream.begin();
    let place = match upstream.place() {
        Some(place) => place,
        None => match upstream.connect().await {
            Ok(Connected::Http1(io)) => return over_http1(thread, io, &copy).await,
            Ok(Connected::Http2(place) | Connected::Shared(place)) => place,
            Err(_) => return Err(io::ErrorKind::NotConnected.into()),
        },
    };
    over_http2(place, copy).await.map_err(io::Error::other)
}

async fn over_http1(thread: &Thread, mut io: Stream, copy: &Copy) -> io::Result<()> {
    for part in [&copy.head[..], &copy.body] {
        let mut written = 0;
        poll_fn(|cx| {
            while written < part.len() {
                written += ready!(wire::poll_write(&mut io, &part[written..], cx))?;
            }
            wire::poll_flush(&mut io, cx)
        })
        .await?;
    }
    let mut buf = thread.buffers.small();
    let mut total = 0;
    let read = poll_fn(|cx| {
        loop {
            match ready!(wire::poll_read(&mut io, &mut buf, cx)) {
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

async fn over_http2(mut place: Http2Place, mut copy: Copy) -> Result<(), h2::Error> {
    let Some(request) = copy.http2 else {
        return Ok(());
    };
    let (response, mut stream) = place.sender.send_request(request, copy.body.is_empty())?;
    poll_fn(|cx| relay::poll_send(&mut stream, cx, &mut copy.body, true)).await?;
    let mut body = response.await?.into_body();
    let mut total = 0;
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        let size = data?.len();
        body.flow_control().release_capacity(size)?;
        total += size;
        if total > MAX_ANSWER {
            break;
        }
    }
    Ok(())
}
