//! Connections that are passed through as they are: by the port, or by the name in a TLS hello that the gateway
//! reads and does not answer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;

use frontdesk_policies::{Code, IpFilter, RequestId};
use frontdesk_tls::{Hello, HelloReader, Stream};
use frontdesk_upstream::{Connected, InFlight, Upstream};
use rustc_hash::FxHashMap;

use crate::build::{Proxied, Service, build_ip_filter};
use crate::clock::{NEVER, Tick, ticks};
use crate::exchange::Report;
use crate::h1::client::Client;
use crate::h1::connection::Connection;
use crate::h1::io as wire;
use crate::h1::{proxy_protocol, tunnel};
use crate::observe::access_log::Entry;
use crate::snapshot::{self, PolicySpec};
use crate::thread::ThreadBuild;
use crate::websocket::{Conversation, Rules};

/// What a listener does with connections that it passes through.
pub(crate) struct Tcp {
    pub(crate) exact: HashMap<String, Place>,
    /// By what follows `*.`, which stands for one label.
    pub(crate) wildcard: HashMap<String, Place>,
    /// Where everything else goes.
    pub(crate) other: Option<Place>,
    pub(crate) rules: Rules,
    pub(crate) hello: Tick,
}

/// Where connections go.
pub(crate) struct Place {
    /// Index of the service.
    pub(crate) service: u32,
    pub(crate) filters: Box<[IpFilter]>,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Relayed,
    NoRoute,
    Forbidden,
    NotTls,
    TooSlow,
    ConnectFailed,
}

impl Outcome {
    /// As metrics and the log name them.
    pub(crate) const LABELS: [&'static str; 6] = [
        "relayed",
        "route_not_found",
        "forbidden",
        "tls_hello_invalid",
        "tls_hello_timeout",
        "connect_failed",
    ];
}

impl Tcp {
    /// From the snapshot's form; `services` are indices by name.
    ///
    /// # Errors
    /// A service or an address that is none.
    pub(crate) fn build(
        spec: &snapshot::Tcp,
        services: &FxHashMap<&str, u32>,
    ) -> Result<Tcp, String> {
        let mut tcp = Tcp {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            other: None,
            rules: Rules {
                origins: Box::default(),
                idle: ticks(spec.idle_ms),
                ping: NEVER,
                max_message: u64::MAX,
            },
            hello: ticks(spec.hello_ms),
        };
        for route in &spec.routes {
            let place = Place::build(route, services)?;
            match (route.name.strip_prefix("*."), route.name.as_str()) {
                (Some(rest), _) => drop(tcp.wildcard.insert(rest.to_owned(), place)),
                (None, "") => tcp.other = Some(place),
                (None, name) => drop(tcp.exact.insert(name.to_owned(), place)),
            }
        }
        Ok(tcp)
    }

    /// Whether the name in the hello matters.
    fn looks(&self) -> bool {
        !self.exact.is_empty() || !self.wildcard.is_empty()
    }

    fn place(&self, name: Option<&str>) -> Option<&Place> {
        let by_name = name.and_then(|name| {
            let parent = name.split_once('.').map(|(_, parent)| parent);
            self.exact.get(name).or_else(|| self.wildcard.get(parent?))
        });
        by_name.or(self.other.as_ref())
    }
}

impl Place {
    fn build(route: &snapshot::TcpRoute, services: &FxHashMap<&str, u32>) -> Result<Place, String> {
        let service = services.get(route.service.as_str());
        let filters = route.policies.iter().map(|policy| match policy {
            PolicySpec::IpFilter(settings) => build_ip_filter(settings),
        });
        Ok(Place {
            service: *service.ok_or_else(|| format!("unknown service {:?}", route.service))?,
            filters: filters.collect::<Result<_, _>>()?,
        })
    }
}

/// What the record of a connection says beyond its client.
#[derive(Default)]
struct Facts {
    name: Option<String>,
    /// Indices of the service and its target.
    target: Option<(u32, usize)>,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(mut client: Client) {
    let thread = Rc::clone(&client.thread);
    thread.stats.tcp_open.add(1);
    let (mut facts, mut report) = (Facts::default(), Report::new());
    // The build and the listener's settings are of one configuration once the hello has been read.
    let heard = hello(&mut client).await;
    let build = thread.build();
    client.listener = client.settings();
    let outcome = match heard {
        Err(outcome) => outcome,
        Ok(name) => {
            facts.name = name;
            relay(&mut client, &build, &mut facts, &mut report).await
        }
    };
    thread.stats.tcp_open.sub(1);
    thread.stats.tcp[outcome as usize].add(1);
    thread.stats.tcp_bytes[0].add(report.bytes_in);
    thread.stats.tcp_bytes[1].add(report.bytes_out);
    log(&client, &build, &facts, &report, outcome);
    client.release_buffer();
}

/// The name that the client asks for, where that matters. What was read stays in the buffer.
async fn hello(client: &mut Client) -> Result<Option<String>, Outcome> {
    let Some(tcp) = client.listener.tcp.clone().filter(|tcp| tcp.looks()) else {
        return Ok(None);
    };
    let deadline = client.thread.clock.after(tcp.hello);
    let mut reader = HelloReader::default();
    loop {
        match reader.look(client.inbuf.unread()) {
            Hello::Name(name) => return Ok(name),
            Hello::Other if tcp.other.is_some() => return Ok(None),
            Hello::Other => return Err(Outcome::NotTls),
            Hello::Partial => {}
        }
        let read = poll_fn(|cx| {
            if !client.make_room() {
                let larger = client.inbuf.len() * 2;
                client.inbuf.grow(larger);
            }
            match wire::poll_read(&mut client.io, &mut client.inbuf, cx) {
                Poll::Pending if client.thread.clock.now() >= deadline => {
                    Poll::Ready(Err(Outcome::TooSlow))
                }
                Poll::Pending => {
                    client.timer.arm(deadline);
                    Poll::Pending
                }
                Poll::Ready(Ok(1..)) => Poll::Ready(Ok(())),
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(Outcome::NotTls)),
            }
        });
        read.await?;
    }
}

async fn relay(
    client: &mut Client,
    build: &ThreadBuild,
    facts: &mut Facts,
    report: &mut Report,
) -> Outcome {
    let Some(tcp) = client.listener.tcp.clone() else {
        return Outcome::NoRoute;
    };
    let Some(place) = tcp.place(facts.name.as_deref()) else {
        return Outcome::NoRoute;
    };
    if !place
        .filters
        .iter()
        .all(|filter| filter.admits(client.peer))
    {
        return Outcome::Forbidden;
    }
    let index = place.service as usize;
    let service = &build.shared.services[index];
    let Some((target, io, _in_flight)) = connect(client, build, place.service, service).await
    else {
        return Outcome::ConnectFailed;
    };
    facts.target = Some((place.service, target));
    report.upstream_us = Some(report.started.elapsed().as_micros() as u64);
    let mut up = Connection::new(io, false);
    if service.proxied != Proxied::No {
        let header = proxy_protocol::header(service.proxied, addresses(client));
        if wire::write_all(
            &mut up.io,
            &header,
            &client.thread.clock,
            &client.timer,
            service.connect,
        )
        .await
        .is_err()
        {
            return Outcome::ConnectFailed;
        }
    }
    let upstream = &build.services[index].upstreams[target];
    let talk = Conversation::new(&tcp.rules, false, &client.thread);
    tunnel::run(client, &mut up, upstream, talk, report).await;
    Outcome::Relayed
}

/// Connects to a target of the service, or to another where that fails.
async fn connect(
    client: &Client,
    build: &ThreadBuild,
    index: u32,
    service: &Service,
) -> Option<(usize, Stream, InFlight)> {
    let state = &build.services[index as usize];
    let mut tried = Vec::new();
    while tried.len() <= service.attempts as usize {
        let target = state.balancer.choose(&state.upstreams, &tried)?;
        let upstream: &Rc<Upstream> = &state.upstreams[target];
        let in_flight = upstream.begin();
        let deadline = client.thread.clock.after(service.connect);
        let connected = client.timer.within(deadline, upstream.connect_http1());
        if let Some(Ok(Connected::Http1(io))) = connected.await {
            client.thread.stats.upstream_opened.add(1);
            return Some((target, io, in_flight));
        }
        tried.push(target);
    }
    None
}

/// Where the client comes from, and where it has connected to. The port of a client that a proxy has named is not
/// known.
fn addresses(client: &Client) -> (SocketAddr, SocketAddr) {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let tcp = client.io.tcp();
    let near = tcp.local_addr().unwrap_or(unknown);
    let far = tcp.peer_addr().unwrap_or(unknown);
    let canonical =
        |address: SocketAddr| -> (IpAddr, u16) { (address.ip().to_canonical(), address.port()) };
    let port = match canonical(far) {
        (address, port) if address == client.peer => port,
        _ => 0,
    };
    (SocketAddr::new(client.peer, port), canonical(near).into())
}

fn log(client: &Client, build: &ThreadBuild, facts: &Facts, report: &Report, outcome: Outcome) {
    let log = &build.shared.log;
    if !log.is_on() {
        return;
    }
    let thread = &client.thread;
    let mut id = RequestId::EMPTY;
    id.generate(thread.random(), thread.random());
    let services = &build.shared.services;
    let (service, target) = facts.target.map_or(("", ""), |(service, target)| {
        let service = &services[service as usize];
        (&*service.name, &*service.targets[target].url)
    });
    let fault = match outcome {
        Outcome::Relayed => None,
        Outcome::NoRoute => Some(Code::RouteNotFound.name()),
        other => Some(Outcome::LABELS[other as usize]),
    };
    let entry = Entry {
        request_id: id.as_bytes(),
        client: client.peer,
        method: b"",
        host: facts.name.as_deref().unwrap_or_default().as_bytes(),
        path: b"",
        query: None,
        protocol: "TCP",
        status: 0,
        route: "",
        service,
        target,
        duration_us: report.started.elapsed().as_micros() as u64,
        upstream_us: report.upstream_us,
        bytes_in: report.bytes_in,
        bytes_out: report.bytes_out,
        user_agent: None,
        referer: None,
        trace_id: b"",
        fault,
        grpc_status: None,
    };
    thread.log(|out| log.write(&entry, out));
}
