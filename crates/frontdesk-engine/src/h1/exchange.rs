//! One exchange on an HTTP/1 connection, from the parsed head to the record of what came of it.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use frontdesk_http::{Fault, Framing, Known, Method, Version};
use frontdesk_policies::{Code, Exchange, Rejection, RequestId};

use super::client::Client;
use super::forward::{self, Plan};
use super::head::{self, Keep};
use super::request_body::BodyState;
use crate::answer::Answer;
use crate::build::Action;
use crate::observe::access_log::Entry;
use crate::observe::metrics::{Duration, RouteStats};
use crate::pipeline::{self, Decision, Place};
use crate::thread::{Thread, ThreadBuild};

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    KeepAlive,
    Close,
    /// Close, but take what the client still sends for a while.
    Linger,
}

/// What is known of an exchange for metrics and the log.
pub(crate) struct Report {
    pub(crate) started: Instant,
    pub(crate) status: u16,
    /// Index of the share within the route's split.
    pub(crate) share: usize,
    /// Service and target, once chosen.
    pub(crate) target: Option<(u32, u32)>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) upstream_us: Option<u64>,
    pub(crate) fault: Option<&'static str>,
    pub(crate) body: BodyState,
    /// Interim responses so far.
    pub(crate) interim: u32,
    /// Whether the client was told to go on with its body.
    pub(crate) continued: bool,
}

impl Report {
    fn new() -> Report {
        Report {
            started: Instant::now(),
            status: 0,
            share: 0,
            target: None,
            bytes_in: 0,
            bytes_out: 0,
            upstream_us: None,
            fault: None,
            body: BodyState::Untouched,
            interim: 0,
            continued: false,
        }
    }

    /// Counts an answer or abort of the gateway's own.
    fn count(&mut self, code: Code, thread: &Thread) {
        thread.stats.codes.of(code).add(1);
        self.fault = self.fault.or(Some(code.name()));
    }

    /// Notes that the exchange ended before its response did.
    pub(crate) fn abort(&mut self, code: Code, thread: &Thread) {
        self.count(code, thread);
        if self.status == 0 {
            self.status = code.status();
        }
    }
}

/// Counts a request as in flight until it is dropped, however that comes about.
struct InFlight<'s>(&'s RouteStats);

impl InFlight<'_> {
    fn new(stats: &RouteStats) -> InFlight<'_> {
        stats.in_flight.add(1);
        InFlight(stats)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.sub(1);
    }
}

/// Serves one request whose head has been read.
pub(crate) async fn run(client: &mut Client, mut ex: Box<Exchange>) -> After {
    let mut report = Report::new();
    let thread = Rc::clone(&client.thread);
    let build = thread.build();
    let listener = Rc::clone(&client.listener);
    let mut place = Place::default();
    let decision = pipeline::decide(&mut ex, &build.shared, &listener, &thread, &mut place).await;
    if let Some(route) = place.route {
        report.share = build.share(route);
    }
    let stats = InFlight::new(build.stats(&thread, place.route, report.share));
    let after = match (decision, place.route) {
        (Decision::Forward(forward), Some(route)) => {
            let service = forward.service(report.share) as usize;
            let plan = Plan {
                build: &build,
                route: &build.shared.routes[route as usize],
                forward,
                service: &build.shared.services[service],
                state: &build.services[service],
                thread: &thread,
            };
            forward::run(client, &mut ex, &plan, &mut report).await
        }
        (Decision::Forward(_), None) => unreachable_route(client, &ex, &mut report).await,
        (Decision::Answer(answer), _) => send_answer(client, &ex, &answer, &mut report).await,
        (Decision::Reject(rejection), _) => reject(client, &ex, &rejection, &mut report).await,
    };
    record(&ex, &report, &build, place, stats.0, &thread);
    drop(stats);
    thread.give_exchange(ex);
    after
}

/// A decision to forward always comes with a route; should that ever break, it is a 500 and not a panic.
async fn unreachable_route(client: &mut Client, ex: &Exchange, report: &mut Report) -> After {
    reject(
        client,
        ex,
        &Rejection::new(Code::Internal, "The gateway lost its way."),
        report,
    )
    .await
}

/// Answers with a rejection or fault.
pub(crate) async fn reject(
    client: &mut Client,
    ex: &Exchange,
    rejection: &Rejection,
    report: &mut Report,
) -> After {
    report.count(rejection.code, &client.thread);
    let answer = Answer::of(rejection, ex, &client.thread.shared.via);
    send_answer(client, ex, &answer, report).await
}

/// Sends an answer of the gateway's own, and sees to what is left of the request: a short body is read and
/// dropped, before a longer one the connection ends. The next request is never built from the rest.
async fn send_answer(
    client: &mut Client,
    ex: &Exchange,
    answer: &Answer,
    report: &mut Report,
) -> After {
    report.status = answer.status;
    let rest = unread_body(client, ex, report);
    let keep_open = rest.is_some() && ex.head.keep_alive && client.may_go_on();
    let keep = if keep_open {
        Keep::Open(ex.head.version)
    } else {
        Keep::Close
    };
    let mut out = client.thread.buffers.scratch();
    let is_head = ex.head.method == Method::Head;
    let date = client.thread.clock.date();
    let mut fields = Answer {
        status: answer.status,
        fields: answer.fields.clone(),
        body: Vec::new(),
    };
    fields.fields.extend_from_slice(b"x-request-id: ");
    fields.fields.extend_from_slice(ex.request_id.as_bytes());
    fields.fields.extend_from_slice(b"\r\n");
    fields.fields.extend_from_slice(&ex.response_lines);
    fields.body.extend_from_slice(&answer.body);
    head::write_answer(&mut out, &fields, &date, is_head, keep);
    let sent = client.send(&out).await;
    client.thread.buffers.give_scratch(out);
    if sent.is_err() {
        report.abort(Code::ClientClosed, &client.thread);
        return After::Close;
    }
    if !is_head {
        report.bytes_out = answer.body.len() as u64;
    }
    match rest {
        Some(rest) if keep_open => match drain(client, rest).await {
            Ok(()) => After::KeepAlive,
            Err(_) => After::Close,
        },
        Some(0) => client.closing(),
        _ => After::Linger,
    }
}

/// The bytes of the body that are still to come, if it is worth reading them.
fn unread_body(client: &Client, ex: &Exchange, report: &Report) -> Option<u64> {
    match (ex.head.framing, report.body) {
        (Framing::None, _) | (_, BodyState::Read) => Some(0),
        // Part of it went upstream: where it ends is not worth finding out.
        (_, BodyState::Partial) => None,
        (Framing::Length(length), _)
            if length <= client.listener.early_drain && !ex.head.expect_continue =>
        {
            Some(length)
        }
        (Framing::Length(_) | Framing::Chunked, _) => None,
    }
}

/// Reads and drops so many bytes of a body; the time is for all of them together.
async fn drain(client: &mut Client, mut rest: u64) -> io::Result<()> {
    let clock = Rc::clone(&client.thread.clock);
    let deadline = clock.after(client.listener.body_idle);
    loop {
        let ready_now = (client.inbuf.len() as u64).min(rest);
        client.inbuf.consume(ready_now as usize);
        rest -= ready_now;
        if rest == 0 {
            return Ok(());
        }
        let n = std::future::poll_fn(|cx| {
            client.make_room();
            let polled = super::io::poll_read(&mut client.io, &mut client.inbuf, cx);
            if polled.is_pending() {
                if clock.now() >= deadline {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                client.timer.arm(deadline);
            }
            polled
        })
        .await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Counts the exchange and writes it to the log.
fn record(
    ex: &Exchange,
    report: &Report,
    build: &ThreadBuild,
    place: Place,
    stats: &RouteStats,
    thread: &Thread,
) {
    let duration_us = report.started.elapsed().as_micros() as u64;
    let class = usize::from(report.status / 100).clamp(1, 5) - 1;
    stats.requests[class].add(1);
    stats.bytes_in.add(report.bytes_in);
    stats.bytes_out.add(report.bytes_out);
    stats.durations.record(Duration::Total, duration_us);
    if let Some(us) = report.upstream_us {
        stats.durations.record(Duration::Upstream, us);
    }
    let log = &build.shared.log;
    if !log.is_on()
        || (log.sample_ppm < 1_000_000 && thread.random() % 1_000_000 >= u64::from(log.sample_ppm))
    {
        return;
    }
    let route = place
        .route
        .map(|route| &build.shared.routes[route as usize]);
    let service = match (route.map(|route| &route.action), report.target) {
        (_, Some((service, _))) => Some(&build.shared.services[service as usize]),
        (Some(Action::Forward(forward)), None) => {
            Some(&build.shared.services[forward.service(report.share) as usize])
        }
        _ => None,
    };
    let target = service
        .zip(report.target)
        .map(|(service, (_, target))| &service.targets[target as usize]);
    let entry = Entry {
        request_id: ex.request_id.as_bytes(),
        client: ex.client,
        method: ex.method(),
        host: ex.authority().unwrap_or_default(),
        path: ex.path(),
        query: ex.query(),
        protocol: if ex.head.version == Version::Http10 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        },
        status: report.status,
        route: route.map_or("", |route| &route.name),
        service: service.map_or("", |service| &service.name),
        target: target.map_or("", |target| &target.url),
        duration_us,
        upstream_us: report.upstream_us,
        bytes_in: report.bytes_in,
        bytes_out: report.bytes_out,
        user_agent: ex.known(Known::UserAgent),
        referer: ex.known(Known::Referer),
        trace_id: &ex.trace_id,
        fault: report.fault,
    };
    thread.log(|out| log.write(&entry, out));
}

/// Writes the record of a request that could not be read; nothing of it is believed.
pub(crate) fn log_unreadable(client: &Client, id: &RequestId, code: Code, fault: Option<Fault>) {
    let thread = &client.thread;
    let build = thread.build();
    let stats = build.stats(thread, None, 0);
    stats.requests[usize::from(code.status() / 100).clamp(1, 5) - 1].add(1);
    if !build.shared.log.is_on() {
        return;
    }
    let entry = unreadable_entry(client.peer, id, code, fault);
    thread.log(|out| build.shared.log.write(&entry, out));
}

fn unreadable_entry(peer: IpAddr, id: &RequestId, code: Code, fault: Option<Fault>) -> Entry<'_> {
    Entry {
        request_id: id.as_bytes(),
        client: peer,
        method: b"",
        host: b"",
        path: b"",
        query: None,
        protocol: "",
        status: code.status(),
        route: "",
        service: "",
        target: "",
        duration_us: 0,
        upstream_us: None,
        bytes_in: 0,
        bytes_out: 0,
        user_agent: None,
        referer: None,
        trace_id: b"",
        fault: Some(fault.map_or(code.name(), Fault::code)),
    }
}
