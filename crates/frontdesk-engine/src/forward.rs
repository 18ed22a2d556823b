//! Forwarding: choose a target, send, receive; try again where that is safe.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use frontdesk_http::Fault;
use frontdesk_policies::{Code, Exchange, Rejection};
use frontdesk_tls::TlsFault;
use frontdesk_upstream::{ConnectFault, Connected, Http2Place, Protocol, Upstream};

use crate::build::{Forward, Route, Service};
use crate::clock::{NEVER, TICK_MS, Tick, Timer};
use crate::exchange::{Downstream, Report, reject};
use crate::h1::connection::Connection;
use crate::h1::head::upgrade_token;
use crate::mirror;
use crate::thread::{ServiceState, Thread, ThreadBuild};

/// What all attempts of one exchange share.
pub(crate) struct Plan<'a> {
    pub(crate) build: &'a ThreadBuild,
    pub(crate) route: &'a Route,
    pub(crate) forward: &'a Forward,
    pub(crate) service: &'a Service,
    pub(crate) state: &'a ServiceState,
    pub(crate) thread: &'a Rc<Thread>,
}

/// One target's turn.
pub(crate) struct Attempt<'a> {
    pub(crate) plan: &'a Plan<'a>,
    /// Index of the target.
    pub(crate) target: usize,
    /// Tick at which the service's total time is over.
    pub(crate) total: Tick,
}

/// A connection to a target, ready for a request.
pub(crate) enum Opened {
    Http1(Connection),
    Http2(Http2Place),
}

/// Why an attempt gave no response.
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) fault: Option<Fault>,
    pub(crate) tls: Option<TlsFault>,
    pub(crate) retry: Retry,
}

impl Failure {
    pub(crate) fn of(code: Code, retry: Retry) -> Failure {
        Failure {
            code,
            fault: None,
            tls: None,
            retry,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
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
pub(crate) async fn run<D: Downstream>(
    down: &mut D,
    ex: &mut Exchange,
    plan: &Plan<'_>,
    report: &mut Report,
) -> D::After {
    if let Some(mirror) = plan.forward.mirror {
        mirror::start(down, ex, plan, mirror);
    }
    plan.state.budget.request();
    let mut tried = Vec::new();
    let mut stale = false;
    let total = total(ex, plan);
    loop {
        let Some(target) = plan.state.balancer.choose(&plan.state.upstreams, &tried) else {
            return fail(down, ex, report, Code::NoHealthyTarget, None).await;
        };
        report.target = Some((plan.forward.service(report.share), target as u32));
        let upstream = &plan.state.upstreams[target];
        let _in_flight = upstream.begin();
        let wanted = Wanted {
            fresh: stale,
            upgrade: upgrade_token(&ex.head, &ex.bytes, &plan.route.upgrades).is_some(),
        };
        let failure = match open(down.timer(), upstream, plan, wanted, total).await {
            Ok(up) => {
                let attempt = Attempt {
                    plan,
                    target,
                    total,
                };
                match down.attempt(up, &attempt, ex, report).await {
                    Ok(after) => return after,
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        if !may_retry(ex, plan, &failure, tried.len() as u32, stale) {
            report.fault = failure.tls.map(TlsFault::name);
            return fail(down, ex, report, failure.code, failure.fault).await;
        }
        plan.thread.stats.retries.add(1);
        if failure.retry == Retry::Stale {
            stale = true;
        } else {
            tried.push(target);
        }
    }
}

/// Tick at which the service's total time is over, or the caller's deadline where that comes first. A call that
/// has a deadline, or gets one here, tells it to the target.
fn total(ex: &mut Exchange, plan: &Plan<'_>) -> Tick {
    let clock = &plan.thread.clock;
    let mut total = clock.after(plan.service.total);
    let now = Instant::now();
    if let Some(deadline) = ex.deadline {
        let left = deadline.saturating_duration_since(now).as_millis() as u64;
        total = total.min(clock.after(left.div_ceil(TICK_MS).max(1)));
    }
    if ex.grpc && plan.service.total != NEVER {
        let ours = now + Duration::from_millis(plan.service.total.saturating_mul(TICK_MS));
        ex.deadline = Some(ex.deadline.map_or(ours, |theirs| theirs.min(ours)));
    }
    total
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

async fn fail<D: Downstream>(
    down: &mut D,
    ex: &mut Exchange,
    report: &mut Report,
    code: Code,
    fault: Option<Fault>,
) -> D::After {
    if let Some(fault) = fault {
        count_fault(down.thread(), code, fault, report);
    }
    if code == Code::ClientClosed {
        report.abort(code, down.thread());
        return down.gone();
    }
    let detail = match code {
        Code::MalformedRequest => "The request body is malformed.",
        Code::RequestTimeout => "The request body came too slowly.",
        Code::BodyTooLarge => "The request body is larger than this route takes.",
        Code::NoHealthyTarget => "No target of this service takes requests now.",
        _ => "The service behind the gateway did not give a usable response.",
    };
    reject(down, ex, &Rejection::new(code, detail), report).await
}

/// Counts what a codec found wrong, at the side that sent it.
pub(crate) fn count_fault(thread: &Thread, code: Code, fault: Fault, report: &mut Report) {
    let side = if code == Code::MalformedRequest {
        &thread.stats.request_faults
    } else {
        &thread.stats.response_faults
    };
    side.of(fault).add(1);
    report.fault = Some(fault.code());
}

/// What kind of connection an attempt needs.
#[derive(Clone, Copy)]
struct Wanted {
    /// Not one from the pool.
    fresh: bool,
    /// One that may be upgraded.
    upgrade: bool,
}

/// A pooled connection, or a new one within the connect timeout and the service's total time.
async fn open(
    timer: &Timer,
    upstream: &Rc<Upstream>,
    plan: &Plan<'_>,
    wanted: Wanted,
    total: Tick,
) -> Result<Opened, Failure> {
    let stats = &plan.thread.stats;
    // Of both protocols HTTP/1 is the one in which every target can be upgraded.
    let http1 = wanted.upgrade && upstream.key().protocol == Protocol::Auto;
    if !wanted.fresh
        && let Some(io) = upstream.checkout()
    {
        stats.upstream_reused.add(1);
        return Ok(Opened::Http1(Connection::new(io, true)));
    }
    if !http1 && let Some(place) = upstream.place() {
        stats.upstream_reused.add(1);
        return Ok(Opened::Http2(place));
    }
    let deadline = plan.thread.clock.after(plan.service.connect).min(total);
    let connected = timer.within(deadline, async {
        if http1 {
            upstream.connect_http1().await
        } else {
            upstream.connect().await
        }
    });
    let mut tls = None;
    let code = match connected.await {
        Some(Ok(Connected::Shared(place))) => {
            stats.upstream_reused.add(1);
            return Ok(Opened::Http2(place));
        }
        Some(Ok(connected)) => {
            stats.upstream_opened.add(1);
            return Ok(match connected {
                Connected::Http1(io) => Opened::Http1(Connection::new(io, false)),
                Connected::Http2(place) | Connected::Shared(place) => Opened::Http2(place),
            });
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
        None if plan.thread.clock.now() >= total => Code::UpstreamTotalTimeout,
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
