//! Forwarding: choose a target, send, receive; try again where that is safe.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use frontdesk_http::{Fault, Method, ResponseHead, Version};
use frontdesk_policies::{Code, Exchange, Rejection};
use frontdesk_tls::TlsFault;
use frontdesk_upstream::{ConnectFault, Upstream};

use super::client::Client;
use super::connection::Connection;
use super::deliver::Answered;
use super::exchange::{After, Report, reject};
use super::head::{self, RequestParts};
use super::mirror;
use super::request_body::{RequestBody, RequestStop};
use super::response_body::ResponseStop;
use super::transfer::{Stop, Transfer};
use crate::build::{Forward, Route, Service};
use crate::clock::Tick;
use crate::thread::{ServiceState, Thread, ThreadBuild};

/// Interim responses of one exchange, at the most.
const MAX_INTERIM: u32 = 16;

/// What all attempts of one exchange share.
pub(crate) struct Plan<'a> {
    pub(crate) build: &'a ThreadBuild,
    pub(crate) route: &'a Route,
    pub(crate) forward: &'a Forward,
    pub(crate) service: &'a Service,
    pub(crate) state: &'a ServiceState,
    pub(crate) thread: &'a Rc<Thread>,
}

/// Why an attempt gave no response.
struct Failure {
    code: Code,
    fault: Option<Fault>,
    tls: Option<TlsFault>,
    retry: Retry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// The client has seen something, or is gone.
    Never,
    /// The target has not seen the request.
    Safe,
    /// The target may have seen it: only an idempotent request may be sent again.
    IfIdempotent,
    /// The same, on a pooled connection that had died meanwhile.
    Stale,
}

/// Sends the request to a target of the service and its response to the client.
pub(crate) async fn run(
    client: &mut Client,
    ex: &mut Exchange,
    plan: &Plan<'_>,
    report: &mut Report,
) -> After {
    if let Some(mirror) = plan.forward.mirror {
        mirror::start(client, ex, plan, mirror);
    }
    plan.state.budget.request();
    let mut tried = Vec::new();
    let mut stale = false;
    let total = plan.thread.clock.after(plan.service.total);
    loop {
        let Some(index) = plan.state.balancer.choose(&plan.state.upstreams, &tried) else {
            return fail(client, ex, report, Code::NoHealthyTarget, None).await;
        };
        report.target = Some((plan.forward.service(report.share), index as u32));
        let failure = match attempt(client, ex, plan, index, stale, total, report).await {
            Ok(after) => return after,
            Err(failure) => failure,
        };
        if !may_retry(ex, plan, &failure, tried.len() as u32, stale) {
            report.fault = failure.tls.map(TlsFault::name);
            return fail(client, ex, report, failure.code, failure.fault).await;
        }
        plan.thread.stats.retries.add(1);
        if failure.retry == Retry::Stale {
            stale = true;
        } else {
            tried.push(index);
        }
    }
}

fn may_retry(ex: &Exchange, plan: &Plan<'_>, failure: &Failure, tries: u32, stale: bool) -> bool {
    let safe = match failure.retry {
        Retry::Never => false,
        Retry::Safe => true,
        Retry::IfIdempotent | Retry::Stale => ex.head.method.is_idempotent(),
    };
    if !safe {
        return false;
    }
    // A connection that died in the pool says nothing of the target: one fresh one costs no budget.
    if failure.retry == Retry::Stale && !stale {
        return true;
    }
    tries < plan.service.attempts && plan.state.budget.retry(plan.thread.clock.now_ms())
}

async fn fail(
    client: &mut Client,
    ex: &mut Exchange,
    report: &mut Report,
    code: Code,
    fault: Option<Fault>,
) -> After {
    if let Some(fault) = fault {
        count_fault(client, code, fault, report);
    }
    if code == Code::ClientClosed {
        report.abort(code, &client.thread);
        return After::Close;
    }
    let detail = match code {
        Code::MalformedRequest => "The request body is malformed.",
        Code::RequestTimeout => "The request body came too slowly.",
        Code::BodyTooLarge => "The request body is larger than this route takes.",
        Code::NoHealthyTarget => "No target of this service takes requests now.",
        _ => "The service behind the gateway did not give a usable response.",
    };
    reject(client, ex, &Rejection::new(code, detail), report).await
}

/// Counts what the codec found wrong, at the side that sent it.
pub(crate) fn count_fault(client: &Client, code: Code, fault: Fault, report: &mut Report) {
    let stats = &client.thread.stats;
    let side = if code == Code::MalformedRequest {
        &stats.request_faults
    } else {
        &stats.response_faults
    };
    side.of(fault).add(1);
    report.fault = Some(fault.code());
}

async fn attempt(
    client: &mut Client,
    ex: &mut Exchange,
    plan: &Plan<'_>,
    index: usize,
    fresh: bool,
    total: Tick,
    report: &mut Report,
) -> Result<After, Failure> {
    let upstream = &plan.state.upstreams[index];
    let _in_flight = upstream.begin();
    let mut up = open(client, upstream, plan, fresh, total).await?;
    let upgrade = head::upgrade_token(&ex.head, &ex.bytes, &plan.route.upgrades);
    let mut out = client.thread.buffers.scratch();
    head::write_request(
        &mut out,
        &RequestParts {
            ex,
            forward: plan.forward,
            service: plan.service,
            target: &plan.service.targets[index],
            listener: &client.listener,
            thread: plan.thread,
            upgrade,
            close: false,
        },
    );
    let mut request = RequestBody::new(out, ex, client, plan.route.max_body);
    if ex.head.expect_continue && request.expects_more(client) && !report.continued {
        report.continued = true;
        // A client that is gone shows when its body is read.
        let _ = client.send(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    }
    let mut head = std::mem::take(&mut ex.spare_head);
    let mut transfer = Transfer {
        client,
        up: &mut up,
        request: &mut request,
        service: plan.service,
        total,
        is_head: ex.head.method == Method::Head,
        request_broken: false,
    };
    let received = final_head(&mut transfer, &mut head, ex, report).await;
    let broken = transfer.request_broken;
    report.bytes_in = request.received;
    report.body = request.state();
    let length = match received {
        Ok(length) => length,
        Err(stop) => {
            let failure = failure(&stop, &up, &request, report.interim);
            client.thread.buffers.give(std::mem::take(&mut up.buf));
            client.thread.buffers.give_scratch(request.into_scratch());
            return Err(failure);
        }
    };
    report.upstream_us = Some(report.started.elapsed().as_micros() as u64);
    request.commit(client);
    report.body = request.state();
    let answered = Answered {
        up,
        request,
        head,
        length,
        broken,
        total,
    };
    Ok(answered.deliver(client, ex, plan, upstream, report).await)
}

/// A pooled connection, or a new one within the connect timeout and the service's total time.
async fn open(
    client: &Client,
    upstream: &Rc<Upstream>,
    plan: &Plan<'_>,
    fresh: bool,
    total: Tick,
) -> Result<Connection, Failure> {
    let stats = &client.thread.stats;
    if !fresh && let Some(io) = upstream.checkout() {
        stats.upstream_reused.add(1);
        return Ok(Connection::new(io, true));
    }
    let deadline = client.thread.clock.after(plan.service.connect).min(total);
    let mut connecting = Box::pin(upstream.connect());
    let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if client.thread.clock.now() >= deadline => Poll::Ready(None),
        Poll::Pending => {
            client.timer.arm(deadline);
            Poll::Pending
        }
    });
    let mut tls = None;
    let code = match connected.await {
        Some(Ok(io)) => {
            stats.upstream_opened.add(1);
            return Ok(Connection::new(io, false));
        }
        Some(Err(ConnectFault::Resolve(_))) => Code::NameNotResolved,
        Some(Err(ConnectFault::Connect(error))) if error.kind() == io::ErrorKind::TimedOut => {
            Code::ConnectTimeout
        }
        Some(Err(ConnectFault::Connect(_))) => Code::ConnectFailed,
        Some(Err(ConnectFault::Secure(fault))) => {
            tls = Some(fault);
            Code::UpstreamTlsFailed
        }
        None if client.thread.clock.now() >= total => Code::UpstreamTotalTimeout,
        None => Code::ConnectTimeout,
    };
    let retry = match code {
        Code::UpstreamTotalTimeout => Retry::Never,
        _ => Retry::Safe,
    };
    Err(Failure {
        code,
        fault: None,
        tls,
        retry,
    })
}

/// The final response head; interim ones are passed on.
async fn final_head(
    transfer: &mut Transfer<'_>,
    head: &mut ResponseHead,
    ex: &Exchange,
    report: &mut Report,
) -> Result<usize, Stop> {
    loop {
        let length = transfer.head(head).await?;
        if head.status >= 200 || head.status == 101 {
            return Ok(length);
        }
        report.interim += 1;
        if report.interim > MAX_INTERIM {
            return Err(Stop::Malformed(Fault::StatusInvalid));
        }
        // 100 was answered here already; HTTP/1.0 knows no interim responses.
        if head.status != 100 && ex.head.version == Version::Http11 {
            let mut out = transfer.client.thread.buffers.scratch();
            head::write_interim(&mut out, head, transfer.up.buf.unread());
            let sent = transfer.client.send(&out).await;
            transfer.client.thread.buffers.give_scratch(out);
            sent.map_err(|_| Stop::Response(ResponseStop::Client))?;
        }
        transfer.up.buf.consume(length);
    }
}

/// What an early end of an attempt means.
fn failure(stop: &Stop, up: &Connection, request: &RequestBody, interim: u32) -> Failure {
    let (code, fault) = match stop {
        Stop::Request(RequestStop::ClientGone)
        | Stop::Response(ResponseStop::Client)
        | Stop::ClientStalled => (Code::ClientClosed, None),
        Stop::Request(RequestStop::Malformed(fault)) => (Code::MalformedRequest, Some(*fault)),
        Stop::Request(RequestStop::TooLarge) => (Code::BodyTooLarge, None),
        Stop::Request(RequestStop::TooSlow) => (Code::RequestTimeout, None),
        Stop::Request(RequestStop::Upstream)
        | Stop::NoResponse
        | Stop::Response(ResponseStop::Truncated) => (Code::UpstreamReset, None),
        Stop::Malformed(fault) | Stop::Response(ResponseStop::Malformed(fault)) => {
            (Code::UpstreamMalformed, Some(*fault))
        }
        Stop::FirstByte | Stop::Stalled => (Code::UpstreamTimeout, None),
        Stop::Total => (Code::UpstreamTotalTimeout, None),
    };
    let retry = match code {
        Code::UpstreamReset if interim == 0 && !request.discarded && up.buf.is_empty() => {
            if !request.sent_any {
                Retry::Safe
            } else if up.reused {
                Retry::Stale
            } else {
                Retry::IfIdempotent
            }
        }
        _ => Retry::Never,
    };
    Failure {
        code,
        fault,
        tls: None,
        retry,
    }
}
