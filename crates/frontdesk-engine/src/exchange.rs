//! One exchange, from its head to the record of what came of it, whatever protocol carries it.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use frontdesk_http::{Fault, Known, Version};
use frontdesk_policies::{Code, Exchange, Rejection, RequestId};

use crate::answer::Answer;
use crate::build::{Action, ListenerConfig};
use crate::clock::Timer;
use crate::forward::{self, Attempt, Failure, Opened, Plan};
use crate::grpc;
use crate::h1::pieces::Source;
use crate::h1::request_body::BodyState;
use crate::observe::access_log::Entry;
use crate::observe::metrics::{Duration, RouteStats};
use crate::pipeline::{self, Decision, Place};
use crate::relay::RequestPieces;
use crate::thread::{Thread, ThreadBuild};

/// The client's side of an exchange: what the steps need of the protocol that the client speaks.
pub(crate) trait Downstream: Sized {
    /// What becomes of the connection.
    type After;

    fn thread(&self) -> &Rc<Thread>;

    fn listener(&self) -> &Rc<ListenerConfig>;

    /// The place on the clock of the task that serves the exchange.
    fn timer(&self) -> &Timer;

    /// The request's body, if all of it is there already.
    fn whole_body(&self, ex: &Exchange) -> Option<&[u8]>;

    /// Sends an answer of the gateway's own, and sees to what is left of the request.
    async fn answer(&mut self, ex: &Exchange, answer: &Answer, report: &mut Report) -> Self::After;

    /// Ends without an answer: the client is gone.
    fn gone(&mut self) -> Self::After;

    /// Sends the request to a target and its response to the client.
    async fn attempt(
        &mut self,
        up: Opened,
        attempt: &Attempt<'_>,
        ex: &mut Exchange,
        report: &mut Report,
    ) -> Result<Self::After, Failure>;
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
    /// The status of a gRPC call.
    pub(crate) grpc_status: Option<u32>,
    pub(crate) body: BodyState,
    /// Interim responses so far.
    pub(crate) interim: u32,
    /// Whether the client was told to go on with its body.
    pub(crate) continued: bool,
    /// The body of a request that is tried again.
    pub(crate) request: Option<Box<RequestPieces>>,
    /// How far an HTTP/1 client's body has been read for it.
    pub(crate) source: Option<Source>,
}

impl Report {
    pub(crate) fn new() -> Report {
        Report {
            started: Instant::now(),
            status: 0,
            share: 0,
            target: None,
            bytes_in: 0,
            bytes_out: 0,
            upstream_us: None,
            fault: None,
            grpc_status: None,
            body: BodyState::Untouched,
            interim: 0,
            continued: false,
            request: None,
            source: None,
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
pub(crate) async fn run<D: Downstream>(down: &mut D, mut ex: Box<Exchange>) -> D::After {
    let mut report = Report::new();
    let thread = Rc::clone(down.thread());
    let build = thread.build();
    let listener = Rc::clone(down.listener());
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
            forward::run(down, &mut ex, &plan, &mut report).await
        }
        (Decision::Forward(_), None) => unreachable_route(down, &ex, &mut report).await,
        (Decision::Answer(answer), _) => down.answer(&ex, &answer, &mut report).await,
        (Decision::Reject(rejection), _) => reject(down, &ex, &rejection, &mut report).await,
    };
    record(&ex, &report, &build, place, stats.0, &thread);
    drop(stats);
    thread.give_exchange(ex);
    after
}

/// A decision to forward always comes with a route; should that ever break, it is a 500 and not a panic.
async fn unreachable_route<D: Downstream>(
    down: &mut D,
    ex: &Exchange,
    report: &mut Report,
) -> D::After {
    let rejection = Rejection::new(Code::Internal, "The gateway lost its way.");
    reject(down, ex, &rejection, report).await
}

/// Answers with a rejection or fault.
pub(crate) async fn reject<D: Downstream>(
    down: &mut D,
    ex: &Exchange,
    rejection: &Rejection,
    report: &mut Report,
) -> D::After {
    report.count(rejection.code, down.thread());
    let answer = Answer::of(rejection, ex, &down.thread().shared.via);
    let after = down.answer(ex, &answer, report).await;
    if ex.grpc {
        // Sent as 200, as gRPC has it; logs and metrics count what it means.
        report.status = rejection.code.status();
        report.grpc_status = Some(grpc::status_of(rejection.code).into());
    }
    after
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
        protocol: match ex.head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
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
        grpc_status: report.grpc_status,
    };
    thread.log(|out| log.write(&entry, out));
}

/// Writes the record of a request that could not be read; nothing of it is believed.
pub(crate) fn log_unreadable(
    thread: &Thread,
    peer: IpAddr,
    id: &RequestId,
    code: Code,
    fault: Option<Fault>,
    bytes_out: u64,
) {
    let build = thread.build();
    let stats = build.stats(thread, None, 0);
    stats.requests[usize::from(code.status() / 100).clamp(1, 5) - 1].add(1);
    stats.bytes_out.add(bytes_out);
    if !build.shared.log.is_on() {
        return;
    }
    let entry = Entry {
        bytes_out,
        ..unreadable_entry(peer, id, code, fault)
    };
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
        grpc_status: None,
    }
}
