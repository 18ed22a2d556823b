//! A build: a snapshot turned into tables that a request cannot fail on. Shared by all threads, never changed.

use std::collections::HashMap;
use std::sync::Arc;

use frontdesk_http::HeadLimits;
use frontdesk_policies::{IpFilter, NetSet, Policy};
use frontdesk_router::{Captures, MatchRule, PathOptions, Router, Template, TemplateKind};
use frontdesk_tls::{
    Acceptor, Alpn, CertificateFiles, ClientSettings, Connector, Roots, ServerSettings, Tickets,
};
use frontdesk_upstream::{Balance, PoolSettings, Protocol, Secure, TargetKey};
use rustc_hash::FxHashMap;

use crate::clock::{Tick, ticks};
use crate::observe::access_log::LogConfig;
use crate::snapshot::{self, PolicySpec, Snapshot};
use crate::tcp::Tcp;
use crate::websocket::Rules;

/// Everything the serving threads need.
pub(crate) struct Build {
    pub(crate) hash: String,
    pub(crate) router: Router,
    pub(crate) routes: Vec<Route>,
    pub(crate) services: Vec<Service>,
    pub(crate) listeners: Vec<ListenerConfig>,
    pub(crate) log: LogConfig,
    pub(crate) max_connections: usize,
    /// For routes that say nothing of their own.
    websocket: Rules,
    /// Templates of each rule, parsed against that rule's variables.
    templates: Vec<Option<Template>>,
    /// How many counters of route and service there are.
    pub(crate) stats_count: usize,
}

/// A route without its rules, which the router has.
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) action: Action,
    pub(crate) policies: Box<[Box<dyn Policy>]>,
    pub(crate) max_body: u64,
    pub(crate) grpc_web: bool,
    pub(crate) upgrades: Box<[String]>,
    websocket: Option<Box<Rules>>,
    /// Index of the first of its counters: one per share of a split, else one.
    pub(crate) stats_base: usize,
}

/// What a route does in the end.
pub(crate) enum Action {
    Forward(Forward),
    Redirect {
        status: u16,
    },
    Respond {
        status: u16,
        body: Box<[u8]>,
        content_type: Box<str>,
    },
}

pub(crate) struct Forward {
    /// Index of the service, weight.
    pub(crate) split: Box<[(u32, u32)]>,
    /// The service of the first share, which is mostly the only one: with many routes `split` is a
    /// place in memory that is rarely in the cache.
    first: u32,
    pub(crate) strip_prefix: Box<str>,
    /// Whether the route's rules have a template for the path.
    pub(crate) rewrites: bool,
    pub(crate) mirror: Option<Mirror>,
}

#[derive(Clone, Copy)]
pub(crate) struct Mirror {
    pub(crate) service: u32,
    pub(crate) percent: u32,
}

/// Whose name goes into Host.
pub(crate) enum UpstreamHost {
    Client,
    Target,
    Literal(String),
}

pub(crate) struct Service {
    pub(crate) name: Box<str>,
    pub(crate) targets: Vec<Target>,
    pub(crate) balance: Balance,
    pub(crate) connect: Tick,
    pub(crate) first_byte: Tick,
    pub(crate) idle: Tick,
    pub(crate) total: Tick,
    pub(crate) attempts: u32,
    pub(crate) budget_percent: u32,
    pub(crate) budget_per_second: u32,
    pub(crate) pool: PoolSettings,
    pub(crate) host: UpstreamHost,
    pub(crate) limits: HeadLimits,
    pub(crate) proxied: Proxied,
}

/// The version of PROXY protocol with which connections to targets begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    No,
    V1,
    V2,
}

pub(crate) struct Target {
    pub(crate) key: TargetKey,
    pub(crate) secure: Option<Secure>,
    pub(crate) path_prefix: String,
    pub(crate) weight: u32,
    /// Host and port as in a URI, default port left out.
    pub(crate) authority: String,
    /// Scheme, host, port, for logs.
    pub(crate) url: String,
}

/// The settings of a listener, in the engine's units.
#[derive(Clone)]
pub(crate) struct ListenerConfig {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) trusted: NetSet,
    pub(crate) proxy_protocol: bool,
    pub(crate) path: PathOptions,
    pub(crate) limits: HeadLimits,
    pub(crate) head_timeout: Tick,
    pub(crate) body_idle: Tick,
    pub(crate) body_min_rate: u64,
    pub(crate) body_min_rate_after: Tick,
    pub(crate) write_idle: Tick,
    pub(crate) keepalive_idle: Tick,
    pub(crate) keepalive_requests: u32,
    pub(crate) connection_age: Tick,
    pub(crate) chunk_extensions: u32,
    pub(crate) early_drain: u64,
    pub(crate) tls: Option<ListenerTls>,
    /// Whether it speaks TLS: also in a build without secrets, which has no certificates.
    pub(crate) is_secure: bool,
    pub(crate) http2: Http2,
    /// Field lines that every response over this listener gets.
    pub(crate) response_lines: Box<[u8]>,
    /// Port and status, where requests are only sent on to HTTPS.
    pub(crate) redirect_https: Option<(u16, u16)>,
    /// Where connections are passed through and not understood.
    pub(crate) tcp: Option<Arc<Tcp>>,
}

/// What a client of HTTP/2 may take.
#[derive(Clone, Copy)]
pub(crate) struct Http2 {
    pub(crate) is_on: bool,
    pub(crate) streams: u32,
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) header_list: u32,
}

/// TLS towards the clients of a listener.
#[derive(Clone)]
pub(crate) struct ListenerTls {
    pub(crate) acceptor: Acceptor,
    pub(crate) handshake: Tick,
}

/// What a snapshot refers to and does not hold: the text of certificates and keys by reference.
pub(crate) struct Secrets<'a> {
    /// By reference.
    pub texts: &'a HashMap<String, String>,
    /// Session-ticket keys, which outlive builds.
    pub tickets: &'a Tickets,
}

impl Secrets<'_> {
    fn text(&self, reference: &str) -> Result<&str, String> {
        let found = self.texts.get(reference).map(String::as_str);
        found.ok_or_else(|| format!("{reference} was not handed over with the snapshot"))
    }
}

impl Build {
    /// The rules of a route's upgraded connections.
    pub(crate) fn websocket<'a>(&'a self, route: &'a Route) -> &'a Rules {
        route.websocket.as_deref().unwrap_or(&self.websocket)
    }

    /// Builds all tables, or says what is wrong. Without secrets nothing is built that needs them: such a build
    /// explains, but cannot serve.
    ///
    /// # Errors
    /// One sentence naming the route, service or listener.
    pub(crate) fn new(
        snapshot: &Snapshot,
        hash: String,
        secrets: Option<&Secrets<'_>>,
    ) -> Result<Build, String> {
        let names = unique(
            snapshot
                .services
                .iter()
                .map(|service| service.name.as_str()),
            "service",
        )?;
        unique(
            snapshot
                .listeners
                .iter()
                .map(|listener| listener.name.as_str()),
            "listener",
        )?;
        unique(
            snapshot.routes.iter().map(|route| route.name.as_str()),
            "route",
        )?;
        let router = Router::build(match_rules(snapshot)).map_err(|error| {
            let mut owners = snapshot
                .routes
                .iter()
                .flat_map(|r| r.matches.iter().map(move |_| r));
            let route = owners
                .nth(error.rule as usize)
                .map_or("?", |route| &route.name);
            format!("route {route:?}: {}", error.message)
        })?;
        let mut stats_count = 0;
        let mut built_routes = Vec::with_capacity(snapshot.routes.len());
        for route in &snapshot.routes {
            let built = build_route(route, &names, stats_count)
                .map_err(|error| format!("route {:?}: {error}", route.name))?;
            stats_count += built.action.shares();
            built_routes.push(built);
        }
        Ok(Build {
            hash,
            templates: build_templates(snapshot, &router)?,
            router,
            routes: built_routes,
            services: snapshot
                .services
                .iter()
                .map(|service| {
                    build_service(service, secrets)
                        .map_err(|error| format!("service {:?}: {error}", service.name))
                })
                .collect::<Result<_, _>>()?,
            listeners: snapshot
                .listeners
                .iter()
                .map(|listener| {
                    build_listener(listener, &names, secrets)
                        .map_err(|error| format!("listener {:?}: {error}", listener.name))
                })
                .collect::<Result<_, _>>()?,
            log: LogConfig::new(&snapshot.observe.access_log)?,
            max_connections: snapshot.process.max_connections as usize,
            websocket: build_websocket(&snapshot.process.websocket),
            stats_count,
        })
    }

    /// The template of the rule that took the request: a rewrite's path or a redirect's location.
    pub(crate) fn template(&self, rule: u32) -> Option<&Template> {
        self.templates[rule as usize].as_ref()
    }
}

impl Forward {
    /// The index of the service of a share.
    pub(crate) fn service(&self, share: usize) -> u32 {
        if share == 0 {
            self.first
        } else {
            self.split[share].0
        }
    }
}

impl Action {
    fn shares(&self) -> usize {
        match self {
            Action::Forward(forward) => forward.split.len(),
            Action::Redirect { .. } | Action::Respond { .. } => 1,
        }
    }
}

/// Renders a rule's template for a request. `path` is the canonical path the captures belong to.
pub(crate) fn render(
    template: &Template,
    path: &[u8],
    captures: &Captures,
    host: &[u8],
    out: &mut Vec<u8>,
) {
    let extra = |name: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(if name == "request.host" { host } else { path });
    };
    template.render(path, captures, &extra, out);
}

fn unique<'a>(
    names: impl Iterator<Item = &'a str>,
    what: &str,
) -> Result<FxHashMap<&'a str, u32>, String> {
    let mut seen = FxHashMap::default();
    for (index, name) in names.enumerate() {
        if seen.insert(name, index as u32).is_some() {
            return Err(format!("{what} {name:?} is defined twice"));
        }
    }
    Ok(seen)
}

/// The rules of all routes, in the order of the snapshot: a rule's index is its place here.
pub(crate) fn match_rules(snapshot: &Snapshot) -> Vec<MatchRule> {
    let mut rules = Vec::with_capacity(snapshot.routes.len());
    for (index, route) in snapshot.routes.iter().enumerate() {
        rules.extend(route.matches.iter().map(|m| MatchRule {
            route: index as u32,
            priority: route.priority,
            host: m.host.clone(),
            path: m.path.as_ref().map(path_rule),
            methods: m.methods.clone(),
            headers: m.headers.iter().map(field_rule).collect(),
            query: m.query.iter().map(field_rule).collect(),
        }));
    }
    rules
}

fn path_rule(rule: &snapshot::PathRule) -> frontdesk_router::PathRule {
    use frontdesk_router::PathKind;
    let kind = match rule.kind {
        snapshot::PathKind::Exact => PathKind::Exact,
        snapshot::PathKind::Template => PathKind::Template,
        snapshot::PathKind::Prefix => PathKind::Prefix,
        snapshot::PathKind::Regex => PathKind::Regex,
    };
    frontdesk_router::PathRule {
        kind,
        value: rule.value.clone(),
    }
}

fn field_rule(rule: &snapshot::FieldRule) -> frontdesk_router::FieldRule {
    frontdesk_router::FieldRule {
        name: rule.name.clone(),
        value: rule.value.clone(),
    }
}

fn build_templates(snapshot: &Snapshot, router: &Router) -> Result<Vec<Option<Template>>, String> {
    let mut templates = Vec::new();
    for route in &snapshot.routes {
        let source = match &route.action {
            snapshot::Action::Forward(f) => {
                f.rewrite_path.as_deref().map(|t| (t, TemplateKind::Path))
            }
            snapshot::Action::Redirect(r) => Some((r.to.as_str(), TemplateKind::Location)),
            snapshot::Action::Respond(_) => None,
        };
        for _ in &route.matches {
            let variables = router.variables(templates.len() as u32);
            let parse = |(text, kind)| {
                Template::parse(text, variables, kind)
                    .map_err(|error| format!("route {:?}: {error}", route.name))
            };
            templates.push(source.map(parse).transpose()?);
        }
    }
    Ok(templates)
}

fn build_route(
    route: &snapshot::Route,
    services: &FxHashMap<&str, u32>,
    stats_base: usize,
) -> Result<Route, String> {
    let service = |name: &str| {
        services
            .get(name)
            .copied()
            .ok_or_else(|| format!("there is no service {name:?}"))
    };
    let action = match &route.action {
        snapshot::Action::Forward(forward) => {
            let split = forward
                .split
                .iter()
                .map(|s| Ok((service(&s.service)?, s.weight)));
            let mirror = forward.mirror.as_ref().map(|m| {
                Ok::<_, String>(Mirror {
                    service: service(&m.service)?,
                    percent: m.percent,
                })
            });
            Action::Forward(Forward {
                first: service(forward.split.first().map_or("", |share| &share.service))?,
                split: split.collect::<Result<_, String>>()?,
                strip_prefix: forward.strip_prefix.as_str().into(),
                rewrites: forward.rewrite_path.is_some(),
                mirror: mirror.transpose()?,
            })
        }
        snapshot::Action::Redirect(redirect) => Action::Redirect {
            status: redirect.status,
        },
        snapshot::Action::Respond(respond) => Action::Respond {
            status: respond.status,
            body: respond.body.as_bytes().into(),
            content_type: header_value(&respond.content_type)?.into(),
        },
    };
    Ok(Route {
        name: route.name.as_str().into(),
        action,
        policies: route
            .policies
            .iter()
            .map(build_policy)
            .collect::<Result<_, _>>()?,
        max_body: if route.max_body_bytes == 0 {
            u64::MAX
        } else {
            route.max_body_bytes
        },
        grpc_web: route.grpc_web,
        upgrades: route.upgrades.as_slice().into(),
        websocket: route
            .websocket
            .as_ref()
            .map(|rules| Box::new(build_websocket(rules))),
        stats_base,
    })
}

fn build_websocket(spec: &snapshot::WebSocket) -> Rules {
    Rules {
        origins: spec.origins.as_slice().into(),
        idle: ticks(spec.idle_ms),
        ping: ticks(spec.ping_ms),
        max_message: match spec.max_message_bytes {
            0 => u64::MAX,
            bytes => bytes,
        },
    }
}

fn build_policy(spec: &PolicySpec) -> Result<Box<dyn Policy>, String> {
    match spec {
        PolicySpec::IpFilter(settings) => Ok(Box::new(build_ip_filter(settings)?)),
    }
}

/// A filter by address.
pub(crate) fn build_ip_filter(settings: &snapshot::IpFilter) -> Result<IpFilter, String> {
    Ok(IpFilter {
        allow: NetSet::parse(&settings.allow)?,
        deny: NetSet::parse(&settings.deny)?,
    })
}

fn header_value(text: &str) -> Result<String, String> {
    if frontdesk_http::is_value(text.as_bytes()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a field value: control bytes are not allowed"
    ))
}

fn build_service(
    service: &snapshot::Service,
    secrets: Option<&Secrets<'_>>,
) -> Result<Service, String> {
    let protocol = match service.protocol {
        snapshot::Protocol::Http1 => Protocol::Http1,
        snapshot::Protocol::Http2 => Protocol::Http2,
        snapshot::Protocol::Auto => Protocol::Auto,
    };
    let tls = service.tls.as_ref();
    let connector = tls
        .zip(secrets)
        .map(|(tls, secrets)| build_connector(tls, protocol, secrets))
        .transpose()?;
    Ok(Service {
        name: service.name.as_str().into(),
        targets: service
            .targets
            .iter()
            .map(|target| build_target(target, protocol, tls.zip(connector.as_ref())))
            .collect(),
        balance: match service.balance {
            snapshot::Balance::RoundRobin => Balance::RoundRobin,
            snapshot::Balance::LeastRequests => Balance::LeastRequests,
        },
        connect: ticks(service.timeouts.connect_ms),
        first_byte: ticks(service.timeouts.first_byte_ms),
        idle: ticks(service.timeouts.idle_ms),
        total: ticks(service.timeouts.total_ms),
        attempts: service.retries.attempts,
        budget_percent: service.retries.budget_percent,
        budget_per_second: service.retries.budget_per_second,
        pool: PoolSettings {
            max_idle: service.pool.max_idle as usize,
            idle_ticks: ticks(service.pool.idle_ms),
        },
        proxied: match service.proxy_protocol {
            0 => Proxied::No,
            1 => Proxied::V1,
            2 => Proxied::V2,
            other => return Err(format!("{other} is no version of PROXY protocol")),
        },
        host: match service.host.as_str() {
            "client" => UpstreamHost::Client,
            "target" => UpstreamHost::Target,
            literal => UpstreamHost::Literal(literal.to_owned()),
        },
        limits: HeadLimits {
            head_bytes: 32 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
            lf_line_ends: service.lf_line_ends,
            underscores: frontdesk_http::Underscores::Allow,
        },
    })
}

fn build_connector(
    tls: &snapshot::UpstreamTls,
    protocol: Protocol,
    secrets: &Secrets<'_>,
) -> Result<Connector, String> {
    let identity = match (&tls.chain, &tls.key) {
        (Some(chain), Some(key)) => Some((secrets.text(chain)?, secrets.text(key)?)),
        _ => None,
    };
    let roots = match &tls.ca {
        _ if !tls.verify => Roots::Unverified,
        Some(ca) => Roots::Own(secrets.text(ca)?),
        None => Roots::System,
    };
    Connector::new(&ClientSettings {
        roots,
        identity,
        http2: protocol != Protocol::Http1,
        http1: protocol != Protocol::Http2,
    })
}

fn build_target(
    target: &snapshot::Target,
    protocol: Protocol,
    tls: Option<(&snapshot::UpstreamTls, &Connector)>,
) -> Target {
    let bracketed = if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        target.host.clone()
    };
    Target {
        key: TargetKey {
            host: target.host.clone(),
            port: target.port,
            protocol,
            tls: tls.map(|(tls, _)| {
                let (verify, name) = (tls.verify, tls.server_name.as_deref().unwrap_or_default());
                format!("{verify} {name} {}", tls.fingerprint).into()
            }),
        },
        secure: tls.map(|(tls, connector)| Secure {
            connector: connector.clone(),
            name: tls
                .server_name
                .as_ref()
                .unwrap_or(&target.host)
                .as_str()
                .into(),
        }),
        path_prefix: target.path_prefix.clone(),
        weight: target.weight,
        authority: match (target.scheme, target.port) {
            (snapshot::TargetScheme::Http, 80) | (snapshot::TargetScheme::Https, 443) => {
                bracketed.clone()
            }
            (_, port) => format!("{bracketed}:{port}"),
        },
        url: match target.scheme {
            snapshot::TargetScheme::Http => format!("http://{bracketed}:{}", target.port),
            snapshot::TargetScheme::Https => format!("https://{bracketed}:{}", target.port),
            snapshot::TargetScheme::Tcp => format!("tcp://{bracketed}:{}", target.port),
        },
    }
}

fn build_tls(
    listener: &snapshot::Listener,
    tls: &snapshot::ListenerTls,
    secrets: &Secrets<'_>,
) -> Result<ListenerTls, String> {
    let files = |certificate: &snapshot::Certificate| {
        Ok::<_, String>((
            secrets.text(&certificate.chain)?.to_owned(),
            secrets.text(&certificate.key)?.to_owned(),
            match &certificate.ocsp {
                Some(ocsp) => Some(hex_bytes(secrets.text(ocsp)?)?),
                None => None,
            },
        ))
    };
    let texts: Vec<_> = tls
        .certificates
        .iter()
        .map(files)
        .collect::<Result<_, _>>()?;
    let settings = ServerSettings {
        certificates: texts
            .iter()
            .map(|(chain, key, ocsp)| CertificateFiles {
                chain,
                key,
                ocsp: ocsp.clone(),
            })
            .collect(),
        only_1_3: tls.only_1_3,
        strict_names: tls.strict_names,
        alpn: match (&listener.tcp, listener.http2) {
            (Some(_), _) => Alpn::None,
            (None, false) => Alpn::Http1,
            (None, true) => Alpn::Http2,
        },
    };
    Ok(ListenerTls {
        acceptor: Acceptor::new(&listener.name, &settings, secrets.tickets)?,
        handshake: ticks(tls.handshake_ms),
    })
}

/// Bytes that were handed over as hexadecimal digits.
fn hex_bytes(text: &str) -> Result<Vec<u8>, String> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs
        .map(byte)
        .collect::<Option<_>>()
        .ok_or_else(|| "not hexadecimal".to_owned())
}

fn build_listener(
    listener: &snapshot::Listener,
    services: &FxHashMap<&str, u32>,
    secrets: Option<&Secrets<'_>>,
) -> Result<ListenerConfig, String> {
    let limits = &listener.limits;
    let tls = listener.tls.as_ref().zip(secrets);
    Ok(ListenerConfig {
        name: listener.name.clone(),
        port: listener.port,
        trusted: NetSet::parse(&listener.trusted_proxies)?,
        is_secure: listener.tls.is_some(),
        tls: tls
            .map(|(tls, secrets)| build_tls(listener, tls, secrets))
            .transpose()?,
        http2: Http2 {
            is_on: listener.http2,
            streams: limits.http2_streams,
            stream_window: limits.http2_stream_window_bytes,
            connection_window: limits.http2_connection_window_bytes,
            header_list: limits.http2_header_list_bytes,
        },
        response_lines: match &listener.hsts {
            Some(value) => format!("strict-transport-security: {}\r\n", header_value(value)?)
                .into_bytes()
                .into(),
            None => Box::default(),
        },
        redirect_https: listener
            .redirect_https
            .as_ref()
            .map(|redirect| (redirect.port, redirect.status)),
        tcp: listener
            .tcp
            .as_ref()
            .map(|tcp| Tcp::build(tcp, services).map(Arc::new))
            .transpose()?,
        proxy_protocol: listener.proxy_protocol,
        path: PathOptions {
            merge_slashes: listener.merge_slashes,
        },
        limits: HeadLimits {
            head_bytes: limits.head_bytes as usize,
            fields: limits.head_fields as usize,
            target_bytes: limits.target_bytes as usize,
            lf_line_ends: listener.lf_line_ends,
            underscores: match listener.underscores {
                snapshot::Underscores::Drop => frontdesk_http::Underscores::Drop,
                snapshot::Underscores::Refuse => frontdesk_http::Underscores::Refuse,
                snapshot::Underscores::Allow => frontdesk_http::Underscores::Allow,
            },
        },
        head_timeout: ticks(limits.head_timeout_ms),
        body_idle: ticks(limits.body_idle_ms),
        body_min_rate: limits.body_min_rate,
        body_min_rate_after: ticks(limits.body_min_rate_after_ms),
        write_idle: ticks(limits.write_idle_ms),
        keepalive_idle: ticks(limits.keepalive_idle_ms),
        keepalive_requests: limits.keepalive_requests,
        connection_age: ticks(limits.connection_age_ms),
        chunk_extensions: limits.chunk_extension_bytes,
        early_drain: limits.early_answer_drain_bytes,
    })
}
