//! What the gateway would do with a request: the same parser, router, policies and writer answer, on a
//! thread of their own that serves nobody.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use frontdesk_http::{Method, Parsed, parse_request};
use frontdesk_policies::{Code, Exchange, Rejection, Scheme};
use frontdesk_router::{Reason, Router, Verdict};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::build::{Action, Build, Forward, ListenerConfig, match_rules};
use crate::h1::head::{RequestParts, upgrade_token, write_request};
use crate::handover::Lanes;
use crate::pipeline::{self, Decision, Place};
use crate::snapshot::Snapshot;
use crate::thread::{Shared, Thread};

/// Pairs of route names whose rules are equal, so that nobody could say which one wins.
///
/// # Errors
/// The snapshot cannot be read or its rules cannot be built.
pub fn check_routes(snapshot: &[u8]) -> Result<Vec<(String, String)>, String> {
    let snapshot = Snapshot::decode(snapshot)?;
    let rules = match_rules(&snapshot);
    let owners: Vec<u32> = rules.iter().map(|rule| rule.route).collect();
    let router = Router::build(rules).map_err(|error| error.message)?;
    let name = |rule: u32| snapshot.routes[owners[rule as usize] as usize].name.clone();
    Ok(router
        .conflicts()
        .into_iter()
        .map(|(a, b)| (name(a), name(b)))
        .collect())
}

/// What happens to a request, as JSON.
///
/// # Errors
/// The snapshot cannot be built, or the request cannot even be written down.
pub fn explain(
    snapshot: &[u8],
    method: &str,
    url: &str,
    headers: &[(String, String)],
    client: &str,
) -> Result<Vec<u8>, String> {
    let snapshot = Snapshot::decode(snapshot)?;
    let build = Arc::new(Build::new(&snapshot, String::new(), None)?);
    let client: IpAddr = client
        .parse()
        .map_err(|_| format!("{client:?} is not an address"))?;
    let scheme = scheme(url)?;
    let listener = listener(&build, scheme, port(url))?.clone();
    let raw = raw_request(method, url, headers)?;
    let mut ex = Exchange::default();
    ex.peer = client;
    ex.scheme = scheme;
    ex.bytes = raw;
    match parse_request(&ex.bytes, &listener.limits, &mut ex.head) {
        Ok(Parsed::Complete(length)) => ex.head_len = length,
        Ok(Parsed::Partial) => return Ok(refused("the request is not complete")),
        Err(fault) => return Ok(refused(&fault.to_string())),
    }
    let shared = Arc::new(Shared::new(Lanes::default()).map_err(|error| error.to_string())?);
    let thread = Thread::new(0, shared, Arc::clone(&build), 1);
    thread.apply(Arc::clone(&build));
    let mut place = Place::default();
    let decision = decide(&mut ex, &build, &listener, &thread, &mut place)?;
    let mut out = request_json(&ex);
    out["listener"] = listener.name.as_str().into();
    describe(&mut out, &decision, place, &build);
    if let (Decision::Forward(forward), Some(_)) = (&decision, place.route) {
        out["upstream"] = upstream_json(&ex, &build, forward, &listener, &thread);
        out["targets"] = targets_json(&build, forward);
    }
    // A request that is refused before the router is asked has no rules to speak of.
    out["rules"] = if was_routed(&decision, place, &ex) {
        rules_json(&snapshot, &build, &ex)
    } else {
        json!([])
    };
    Ok(out.to_string().into_bytes())
}

/// The listener that a request of this scheme comes to: the one with the URL's port, or the first of its kind.
fn listener(
    build: &Build,
    scheme: Scheme,
    port: Option<u16>,
) -> Result<&ListenerConfig, &'static str> {
    let secure = scheme == Scheme::Https;
    let kind = |l: &&ListenerConfig| l.tcp.is_none() && l.is_secure == secure;
    let mut of_kind = build.listeners.iter().filter(kind);
    let first = of_kind.clone().next();
    let named = of_kind.find(|listener| Some(listener.port) == port);
    let any = build.listeners.iter().find(|l| l.tcp.is_none());
    named
        .or(first)
        .or(any)
        .ok_or("the configuration has no listener that takes requests")
}

/// The port that a URL names, or its scheme's own; nothing for a path alone.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let given = rest[..end].rsplit_once(':').map(|(_, port)| port.parse());
    match given {
        Some(Ok(port)) => Some(port),
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => Some(80),
    }
}

/// The scheme of a URL; a path alone is asked for without TLS.
fn scheme(url: &str) -> Result<Scheme, String> {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        None => Ok(Scheme::Http),
        Some(name) if name.eq_ignore_ascii_case("http") => Ok(Scheme::Http),
        Some(name) if name.eq_ignore_ascii_case("https") => Ok(Scheme::Https),
        Some(name) => Err(format!(
            "{name:?} is no scheme that the gateway serves; write http:// or https://"
        )),
    }
}

fn was_routed(decision: &Decision<'_>, place: Place, ex: &Exchange) -> bool {
    let asked = match decision {
        Decision::Reject(rejection) => match rejection.code {
            Code::RouteNotFound => true,
            Code::MethodNotAllowed => !matches!(ex.head.method, Method::Connect | Method::Trace),
            _ => false,
        },
        Decision::Forward(_) | Decision::Answer(_) => false,
    };
    asked || place.route.is_some()
}

fn refused(reason: &str) -> Vec<u8> {
    json!({"verdict": "refused", "refused": reason})
        .to_string()
        .into_bytes()
}

/// Writes the request as a client would. A URL may be a path or absolute.
fn raw_request(method: &str, url: &str, headers: &[(String, String)]) -> Result<Vec<u8>, String> {
    let (host, target) = match url.split_once("://") {
        Some((_, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            (&rest[..end], &rest[end..])
        }
        None => ("localhost", url),
    };
    let slash = if target.starts_with(['/', '*']) {
        ""
    } else {
        "/"
    };
    let mut raw = format!("{method} {slash}{target} HTTP/1.1\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        push_line(&mut raw, "host", host);
    }
    for (name, value) in headers {
        if [name, value].iter().any(|text| text.contains(['\r', '\n'])) {
            return Err(format!("the header {name:?} has a line break in it"));
        }
        push_line(&mut raw, name, value);
    }
    raw += "\r\n";
    Ok(raw.into_bytes())
}

fn push_line(raw: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        raw.push_str(part);
    }
}

/// Runs the pipeline; nothing here may wait for the network.
fn decide<'b>(
    ex: &mut Exchange,
    build: &'b Build,
    listener: &ListenerConfig,
    thread: &Thread,
    place: &mut Place,
) -> Result<Decision<'b>, String> {
    let mut deciding = pin!(pipeline::decide(ex, build, listener, thread, place));
    match deciding
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(decision) => Ok(decision),
        Poll::Pending => {
            Err("a policy waits for the network; explain cannot tell its answer".to_owned())
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn request_json(ex: &Exchange) -> Value {
    json!({
        "request": {
            "method": text(ex.method()),
            "host": ex.authority().map(text),
            "path": text(ex.path()),
            "query": ex.query().map(text),
            "client": ex.client.to_string(),
        },
    })
}

fn describe(out: &mut Value, decision: &Decision<'_>, place: Place, build: &Build) {
    let route = place.route.map(|route| &build.routes[route as usize]);
    out["route"] = route.map(|route| route.name.as_ref()).into();
    out["policies"] = route
        .map(|r| {
            r.policies
                .iter()
                .map(|policy| policy.name())
                .collect::<Vec<_>>()
        })
        .unwrap_or_default()
        .into();
    out["verdict"] = if route.is_some() { "route" } else { "listener" }.into();
    match decision {
        Decision::Forward(forward) => out["action"] = forward_json(build, forward),
        Decision::Answer(answer) => {
            out["action"] = answer_json(answer, route.map(|route| &route.action));
        }
        Decision::Reject(rejection) => describe_rejection(out, rejection),
    }
}

fn describe_rejection(out: &mut Value, rejection: &Rejection) {
    out["verdict"] = match rejection.code {
        Code::RouteNotFound => "not_found",
        Code::MethodNotAllowed => "method_not_allowed",
        _ => "refused",
    }
    .into();
    out["status"] = rejection.code.status().into();
    out["refused"] = format!("{}: {}", rejection.code.name(), rejection.detail).into();
    if let Some((_, allow)) = rejection.fields.iter().find(|field| field.0 == "allow") {
        out["allow"] = allow.split(", ").collect::<Vec<_>>().into();
    }
}

fn forward_json(build: &Build, forward: &Forward) -> Value {
    let name = |service: u32| build.services[service as usize].name.as_ref();
    let split: Vec<_> = forward
        .split
        .iter()
        .map(|share| json!({"service": name(share.0), "weight": share.1}))
        .collect();
    json!({
        "kind": "forward",
        "split": split,
        "mirror": forward.mirror.map(|m| json!({"service": name(m.service), "percent": m.percent})),
    })
}

fn answer_json(answer: &Answer, action: Option<&Action>) -> Value {
    let kind = match action {
        Some(Action::Redirect { .. }) => "redirect",
        _ => "respond",
    };
    let fields = text(&answer.fields);
    let location = fields
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    json!({"kind": kind, "status": answer.status, "location": location, "bytes": answer.body.len()})
}

fn upstream_json(
    ex: &Exchange,
    build: &Build,
    forward: &Forward,
    listener: &ListenerConfig,
    thread: &Thread,
) -> Value {
    let service = &build.services[forward.service(0) as usize];
    let Some(target) = service.targets.first() else {
        return Value::Null;
    };
    let route = build
        .routes
        .iter()
        .find(|route| matches!(&route.action, Action::Forward(f) if std::ptr::eq(f, forward)));
    let upgrades = route.map_or(&[][..], |route| &route.upgrades);
    let upgrade = upgrade_token(&ex.head, &ex.bytes, upgrades);
    let mut out = Vec::new();
    let close = false;
    write_request(
        &mut out,
        &RequestParts {
            ex,
            forward,
            service,
            target,
            listener,
            thread,
            upgrade,
            close,
        },
    );
    let head = text(&out);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    json!({"method": first.next(), "target": first.next(), "headers": headers})
}

fn targets_json(build: &Build, forward: &Forward) -> Value {
    let shares: u32 = forward.split.iter().map(|share| share.1).sum();
    let mut rows = Vec::new();
    for (service, weight) in &*forward.split {
        let service = &build.services[*service as usize];
        let all: u32 = service.targets.iter().map(|target| target.weight).sum();
        for target in &service.targets {
            let share = f64::from(*weight) / f64::from(shares.max(1)) * f64::from(target.weight)
                / f64::from(all.max(1));
            rows.push(json!({
                "service": service.name.as_ref(),
                "url": format!("{}{}", target.url, target.path_prefix),
                "weight": target.weight,
                "share": (share * 10_000.0).round() / 10_000.0,
            }));
        }
    }
    rows.into()
}

fn rules_json(snapshot: &Snapshot, build: &Build, ex: &Exchange) -> Value {
    let rules = match_rules(snapshot);
    let row = |verdict: Verdict| {
        let rule = &rules[verdict.rule as usize];
        let name = &build.routes[verdict.route as usize].name;
        let owner = |rule: u32| {
            build.routes[rules[rule as usize].route as usize]
                .name
                .as_ref()
        };
        let (result, reason) = reason_text(&verdict.reason, &owner);
        json!({"route": name.as_ref(), "rule": rule_text(rule), "result": result, "reason": reason})
    };
    build
        .router
        .explain(ex)
        .into_iter()
        .map(row)
        .collect::<Vec<_>>()
        .into()
}

fn rule_text(rule: &frontdesk_router::MatchRule) -> String {
    let mut parts = Vec::new();
    if rule.priority != 0 {
        parts.push(format!("priority={}", rule.priority));
    }
    parts.extend(rule.host.as_ref().map(|host| format!("host={host}")));
    parts.push(
        rule.path
            .as_ref()
            .map_or("path=/**".to_owned(), |path| format!("path={}", path.value)),
    );
    if !rule.methods.is_empty() {
        parts.push(format!("methods={}", rule.methods.join(",")));
    }
    let field = |kind: &str, rule: &frontdesk_router::FieldRule| {
        format!(
            "{kind}:{}={}",
            rule.name,
            rule.value.as_deref().unwrap_or("*")
        )
    };
    parts.extend(rule.headers.iter().map(|rule| field("header", rule)));
    parts.extend(rule.query.iter().map(|rule| field("query", rule)));
    parts.join(" ")
}

fn reason_text<'n>(reason: &Reason, owner: &dyn Fn(u32) -> &'n str) -> (&'static str, String) {
    let any = |value: &Option<String>| value.clone().unwrap_or_else(|| "any value".to_owned());
    let seen = |value: &Option<String>| {
        value
            .clone()
            .map_or("nothing".to_owned(), |value| format!("{value:?}"))
    };
    match reason {
        Reason::Taken => ("taken", "takes the request".to_owned()),
        Reason::Shadowed { by } => (
            "shadowed",
            format!("would match, but {} goes before it", owner(*by)),
        ),
        Reason::Host { expected } => ("host", format!("the host is not {expected}")),
        Reason::Path { expected } => ("path", format!("the path does not match {expected}")),
        Reason::Method { allowed } => ("method", format!("takes only {}", allowed.join(", "))),
        Reason::Header {
            name,
            expected,
            found,
        } => (
            "header",
            format!("{name} should be {}, found {}", any(expected), seen(found)),
        ),
        Reason::Query {
            name,
            expected,
            found,
        } => (
            "query",
            format!("{name} should be {}, found {}", any(expected), seen(found)),
        ),
    }
}
