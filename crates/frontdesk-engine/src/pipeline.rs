//! What happens to every request, whatever protocol carried it: the steps in the order in which they run.

use frontdesk_http::{Framing, Method, TargetForm, Upgrade, Version};
use frontdesk_policies::{Code, Exchange, Flow, Rejection, Response};
use frontdesk_router::{Found, PathFault};

use crate::answer::Answer;
use crate::build::{Action, Build, Forward, ListenerConfig, Route, render};
use crate::forwarding;
use crate::h1::head::upgrade_token;
use crate::thread::Thread;
use crate::{grpc, grpc_web};

/// What a request comes to.
pub(crate) enum Decision<'b> {
    /// Send it to a service.
    Forward(&'b Forward),
    /// Answer here.
    Answer(Answer),
    /// Say no.
    Reject(Box<Rejection>),
}

/// Where a request went, as far as it got; for metrics and the log.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) route: Option<u32>,
    pub(crate) rule: u32,
}

/// Decides. The order: what costs least and protects most comes first.
pub(crate) async fn decide<'b>(
    ex: &mut Exchange,
    build: &'b Build,
    listener: &ListenerConfig,
    thread: &Thread,
    place: &mut Place,
) -> Decision<'b> {
    // 1. Who calls, under which name; loops end here. Before all, so that every answer has an id.
    if let Err(rejection) = forwarding::receive(ex, listener, thread) {
        return Decision::Reject(Box::new(rejection));
    }
    // 2. Where this listener only sends on to HTTPS, there is nothing else to decide.
    ex.response_lines
        .extend_from_slice(&listener.response_lines);
    if let Some((port, status)) = listener.redirect_https
        && !matches!(ex.head.method, Method::Connect | Method::Trace)
    {
        return to_https(ex, port, status);
    }
    // 3. gRPC is known from here on, so that every answer has its form.
    if let Err(rejection) = grpc::begin(ex) {
        return Decision::Reject(Box::new(rejection));
    }
    // 4. Methods that no route can take.
    if let Some(decision) = special_method(ex) {
        return decision;
    }
    // 5. One path for everybody who comes after.
    if let Err(fault) = ex.canonicalize_path(listener.path) {
        return reject(Code::InvalidPath, format!("The path is refused: {fault}."));
    }
    // 6. The route.
    let route = match find_route(ex, build, place) {
        Ok(route) => route,
        Err(rejection) => return Decision::Reject(rejection),
    };
    if route.grpc_web {
        grpc_web::begin(ex);
    }
    // 7. A body that says that it is too large need not be read.
    if matches!(ex.head.framing, Framing::Length(length) if length > route.max_body) {
        return reject(Code::BodyTooLarge, body_limit(route.max_body));
    }
    // 8. Whether the page that asks may open a WebSocket here.
    if let Some(decision) = judge_upgrade(ex, build, route) {
        return decision;
    }
    // 9. Policies, in the order of the snapshot.
    for policy in &*route.policies {
        let mut flow = policy.on_request(ex);
        loop {
            match flow {
                Flow::Continue => break,
                Flow::Reject(rejection) => return Decision::Reject(rejection),
                Flow::Suspend(wait) => flow = wait.await,
            }
        }
    }
    // 10. The route's action.
    match &route.action {
        Action::Forward(forward) if !forward.rewrites => Decision::Forward(forward),
        Action::Forward(forward) => match rewrite(ex, build, place.rule) {
            Ok(()) => Decision::Forward(forward),
            Err(fault) => reject(Code::InvalidPath, format!("The path is refused: {fault}.")),
        },
        Action::Redirect { status } => Decision::Answer(redirect(ex, build, place.rule, *status)),
        Action::Respond {
            status,
            body,
            content_type,
        } => {
            let fields = format!("content-type: {content_type}\r\n").into_bytes();
            Decision::Answer(Answer {
                status: *status,
                fields,
                body: body.to_vec(),
            })
        }
    }
}

/// The response phase of the policies, in reverse order.
///
/// # Errors
/// A policy's rejection, which takes the place of the response.
pub(crate) async fn respond(
    ex: &mut Exchange,
    route: &Route,
    response: &mut Response<'_>,
) -> Result<(), Box<Rejection>> {
    for policy in route.policies.iter().rev() {
        let mut flow = policy.on_response(ex, response);
        loop {
            match flow {
                Flow::Continue => break,
                Flow::Reject(rejection) => return Err(rejection),
                Flow::Suspend(wait) => flow = wait.await,
            }
        }
    }
    Ok(())
}

/// The sentence of a 413.
pub(crate) fn body_limit(limit: u64) -> String {
    format!("The request body is larger than the {limit} bytes this route takes.")
}

fn reject<'b>(code: Code, detail: impl Into<String>) -> Decision<'b> {
    Decision::Reject(Box::new(Rejection::new(code, detail)))
}

/// The same URL over TLS (RFC 9110 §15.4). A request that names no host cannot be sent anywhere.
fn to_https<'b>(ex: &Exchange, port: u16, status: u16) -> Decision<'b> {
    let Some(host) = ex.head.host_name(&ex.bytes).filter(|host| !host.is_empty()) else {
        let detail = "This listener sends requests on to HTTPS, and this one names no host.";
        return reject(Code::MalformedRequest, detail);
    };
    let mut fields = b"location: https://".to_vec();
    let is_v6 = host.contains(&b':') && !host.starts_with(b"[");
    fields.extend_from_slice(if is_v6 { b"[" } else { b"" });
    fields.extend_from_slice(host);
    fields.extend_from_slice(if is_v6 { b"]" } else { b"" });
    if port != 443 {
        fields.push(b':');
        fields.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
    }
    let path = ex.head.path(&ex.bytes);
    fields.extend_from_slice(if path.is_empty() || path == b"*" {
        b"/"
    } else {
        path
    });
    if let Some(query) = ex.query() {
        fields.push(b'?');
        fields.extend_from_slice(query);
    }
    fields.extend_from_slice(b"\r\n");
    Decision::Answer(Answer {
        status,
        fields,
        body: Vec::new(),
    })
}

/// An upgrade that cannot be, as far as that is known before the target is asked. The Origin of a page is checked
/// where the route names some (RFC 6455 §10.2); a program that is no browser sends none.
fn judge_upgrade<'b>(ex: &Exchange, build: &Build, route: &Route) -> Option<Decision<'b>> {
    if ex.head.upgrade == Upgrade::None {
        return None;
    }
    let is_forwarded = matches!(route.action, Action::Forward(_));
    let token = upgrade_token(&ex.head, &ex.bytes, &route.upgrades).filter(|_| is_forwarded);
    if token.is_none() && ex.head.version == Version::Http2 {
        // Here an ordinary answer would be taken for agreement (RFC 8441 §4).
        let detail = "This route takes no WebSockets.";
        return Some(reject(Code::UnsupportedMethod, detail));
    }
    let origins = &build.websocket(route).origins;
    let origin = ex.head.find(&ex.bytes, b"origin")?;
    let known = |known: &String| known.as_bytes().eq_ignore_ascii_case(origin);
    if token.is_some() && !origins.is_empty() && !origins.iter().any(known) {
        let detail = "Pages of this origin may not open WebSockets here.";
        return Some(reject(Code::Forbidden, detail));
    }
    None
}

fn special_method<'b>(ex: &Exchange) -> Option<Decision<'b>> {
    match ex.head.method {
        Method::Connect | Method::Trace => {
            let detail = "CONNECT and TRACE are not served here.";
            let allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
            let rejection = Rejection::new(Code::MethodNotAllowed, detail).with("allow", allow);
            Some(Decision::Reject(Box::new(rejection)))
        }
        _ if ex.head.form == TargetForm::Asterisk => {
            let fields = b"allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n".to_vec();
            Some(Decision::Answer(Answer {
                status: 204,
                fields,
                body: Vec::new(),
            }))
        }
        _ => None,
    }
}

fn find_route<'b>(
    ex: &mut Exchange,
    build: &'b Build,
    place: &mut Place,
) -> Result<&'b Route, Box<Rejection>> {
    let mut captures = std::mem::take(&mut ex.captures);
    let found = build.router.find(ex, &mut captures);
    ex.captures = captures;
    match found {
        Found::Rule { rule, route } => {
            *place = Place {
                route: Some(route),
                rule,
            };
            Ok(&build.routes[route as usize])
        }
        Found::MethodNotAllowed => {
            let allow = build.router.allowed(ex).join(", ");
            let detail = format!("This path takes {allow}.");
            Err(Box::new(
                Rejection::new(Code::MethodNotAllowed, detail).with("allow", allow),
            ))
        }
        Found::NotFound => Err(Box::new(Rejection::new(
            Code::RouteNotFound,
            "No route takes this host and path.",
        ))),
    }
}

/// Writes the path that the upstream gets, where the route has a template for it. It is canonical again
/// afterwards; values that would join into something else are refused.
fn rewrite(ex: &mut Exchange, build: &Build, rule: u32) -> Result<(), PathFault> {
    let Some(template) = build.template(rule) else {
        return Ok(());
    };
    let mut path = std::mem::take(&mut ex.rewritten);
    template.render_path(ex.path(), &ex.captures, &mut path)?;
    ex.rewritten = path;
    Ok(())
}

fn redirect(ex: &Exchange, build: &Build, rule: u32, status: u16) -> Answer {
    let mut fields = b"location: ".to_vec();
    if let Some(template) = build.template(rule) {
        let host = ex.head.host_name(&ex.bytes).unwrap_or_default();
        render(template, ex.path(), &ex.captures, host, &mut fields);
    }
    // A location with a query of its own replaces the request's.
    if let Some(query) = ex.query()
        && !fields.contains(&b'?')
    {
        fields.push(b'?');
        fields.extend_from_slice(query);
    }
    fields.extend_from_slice(b"\r\n");
    Answer {
        status,
        fields,
        body: Vec::new(),
    }
}

/// The path and query for the upstream: the target's prefix, then the path stripped or rewritten.
pub(crate) fn upstream_target(ex: &Exchange, forward: &Forward, prefix: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    let path = match ex.rewritten.as_slice() {
        b"" => stripped(ex.path(), forward.strip_prefix.as_bytes()),
        rewritten => rewritten,
    };
    out.extend_from_slice(path);
    if let Some(query) = ex.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// The part of the path that the upstream does not see.
pub(crate) fn stripped_prefix<'f>(ex: &Exchange, forward: &'f Forward) -> &'f str {
    let prefix = &*forward.strip_prefix;
    let is_stripped =
        ex.rewritten.is_empty() && stripped(ex.path(), prefix.as_bytes()).len() != ex.path().len();
    if is_stripped { prefix } else { "" }
}

/// The path without a prefix of whole segments.
fn stripped<'p>(path: &'p [u8], prefix: &[u8]) -> &'p [u8] {
    match path.strip_prefix(prefix) {
        Some(b"") => b"/",
        Some(rest) if rest[0] == b'/' => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use crate::handover::Lanes;
    use std::pin::pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Waker};

    use frontdesk_http::{HeadLimits, Parsed, ResponseHead, parse_request, parse_response};
    use frontdesk_policies::Policy;

    use super::*;
    use crate::snapshot::Snapshot;
    use crate::thread::Shared;

    /// Notes its calls; waits once in the request phase before it goes on.
    struct Noting(&'static str, Arc<Mutex<Vec<String>>>);

    impl Policy for Noting {
        fn name(&self) -> &'static str {
            self.0
        }

        fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Flow<'a> {
            Flow::Suspend(Box::pin(async move {
                let mut waited = false;
                std::future::poll_fn(|_| {
                    if std::mem::replace(&mut waited, true) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
                exchange.add_request_field("x-waited", self.0.as_bytes());
                self.1.lock().unwrap().push(format!("request {}", self.0));
                Flow::Continue
            }))
        }

        fn on_response<'a>(
            &'a self,
            exchange: &'a mut Exchange,
            response: &'a mut Response<'_>,
        ) -> Flow<'a> {
            self.1.lock().unwrap().push(format!("response {}", self.0));
            exchange.add_response_field("x-policy", self.0.as_bytes());
            response.head.fields[0].removed = true;
            Flow::Continue
        }
    }

    struct No;

    impl Policy for No {
        fn name(&self) -> &'static str {
            "no"
        }

        fn on_request<'a>(&'a self, _exchange: &'a mut Exchange) -> Flow<'a> {
            Flow::Reject(Box::new(Rejection::new(Code::Forbidden, "no")))
        }
    }

    fn snapshot() -> Snapshot {
        let hash = crate::snapshot::SCHEMA_HASH;
        let limits = r#"{"head_timeout_ms":1,"body_idle_ms":1,"body_min_rate":0,"body_min_rate_after_ms":0,
            "write_idle_ms":1,"keepalive_idle_ms":1,"keepalive_requests":1,"connection_age_ms":1,
            "head_bytes":32768,"head_fields":100,"target_bytes":8192,"chunk_extension_bytes":0,
            "early_answer_drain_bytes":0,"http2_streams":1,
            "http2_stream_window_bytes":65535,"http2_connection_window_bytes":65535,"http2_header_list_bytes":1024}"#;
        let json = format!(
            r#"{{"schema_hash":"{hash}",
            "listeners":[{{"name":"web","host":"127.0.0.1","port":80,"trusted_proxies":[],
                "proxy_protocol":false,"underscores":"drop","lf_line_ends":false,"merge_slashes":true,
                "tls":null,"hsts":null,"http2":true,"redirect_https":null,"tcp":null,
                "limits":{limits}}}],
            "services":[{{"name":"s","targets":[{{"scheme":"http","host":"127.0.0.1","port":1,
                "path_prefix":"","weight":1}}],"balance":"round_robin",
                "timeouts":{{"connect_ms":1,"first_byte_ms":1,"idle_ms":1,"total_ms":0}},
                "retries":{{"attempts":0,"budget_percent":0,"budget_per_second":0}},
                "pool":{{"idle_ms":1,"max_idle":0}},"host":"client","lf_line_ends":false,"protocol":"http1","proxy_protocol":0,"tls":null}}],
            "routes":[{{"name":"r","priority":0,"matches":[{{"host":null,
                "path":{{"kind":"prefix","value":"/a/**"}},"methods":[],"headers":[],"query":[]}}],
                "action":{{"kind":"forward","split":[{{"service":"s","weight":1}}],"strip_prefix":"/a",
                "rewrite_path":null,"mirror":null}},"policies":[],"max_body_bytes":10,"grpc_web":false,"upgrades":[],"websocket":null}}],
            "observe":{{"access_log":{{"to":"off","format":"json","fields":[],"sample_ppm":0}}}},
            "process":{{"max_connections":0,"drain_ms":0,"websocket":
                {{"origins":[],"idle_ms":0,"ping_ms":0,"max_message_bytes":0}}}}}}"#
        );
        Snapshot::decode(json.as_bytes()).unwrap()
    }

    /// Runs the pipeline on a request; `policies` take the place of the route's. Returns how often it waited.
    fn decided(
        raw: &str,
        policies: Vec<Box<dyn Policy>>,
        check: impl FnOnce(Decision<'_>, &mut Exchange, &Build),
    ) -> usize {
        let mut build = Build::new(&snapshot(), String::new(), None).unwrap();
        build.routes[0].policies = policies.into();
        let build = Arc::new(build);
        let thread = Thread::new(
            0,
            Arc::new(Shared::new(Lanes::default()).unwrap()),
            Arc::clone(&build),
            1,
        );
        let mut ex = Exchange::default();
        ex.bytes = raw.as_bytes().to_vec();
        let parsed = parse_request(&ex.bytes, &HeadLimits::default(), &mut ex.head);
        assert!(matches!(parsed, Ok(Parsed::Complete(_))));
        let mut waits = 0;
        let mut place = Place::default();
        let decision = {
            let listener = &build.listeners[0];
            let mut deciding = pin!(decide(&mut ex, &build, listener, &thread, &mut place));
            loop {
                match deciding
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                {
                    Poll::Ready(decision) => break decision,
                    Poll::Pending => waits += 1,
                }
            }
        };
        check(decision, &mut ex, &build);
        waits
    }

    #[test]
    fn policies_run_in_order_and_back_and_may_wait() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let policies: Vec<Box<dyn Policy>> = vec![
            Box::new(Noting("one", notes.clone())),
            Box::new(Noting("two", notes.clone())),
        ];
        let raw = "GET /a/b HTTP/1.1\r\nhost: x\r\n\r\n";
        let waits = decided(raw, policies, |decision, ex, build| {
            assert!(matches!(decision, Decision::Forward(_)));
            assert!(
                ex.request_lines
                    .ends_with(b"x-waited: one\r\nx-waited: two\r\n")
            );
            let bytes = b"HTTP/1.1 200 OK\r\nserver: secret\r\ncontent-length: 0\r\n\r\n";
            let mut head = ResponseHead::default();
            parse_response(bytes, &HeadLimits::default(), false, &mut head).unwrap();
            {
                let mut response = Response {
                    head: &mut head,
                    bytes,
                };
                let mut responding = pin!(respond(ex, &build.routes[0], &mut response));
                let mut context = Context::from_waker(Waker::noop());
                let polled = responding.as_mut().poll(&mut context);
                assert!(matches!(polled, Poll::Ready(Ok(()))));
            }
            assert!(head.fields[0].removed);
        });
        assert_eq!(waits, 2);
        let expected = ["request one", "request two", "response two", "response one"];
        assert_eq!(*notes.lock().unwrap(), expected);
    }

    #[test]
    fn a_rejection_ends_the_request_phase() {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let policies: Vec<Box<dyn Policy>> =
            vec![Box::new(No), Box::new(Noting("after", notes.clone()))];
        let waits = decided(
            "GET /a HTTP/1.1\r\nhost: x\r\n\r\n",
            policies,
            |decision, _, _| {
                assert!(matches!(decision, Decision::Reject(r) if r.code == Code::Forbidden));
            },
        );
        assert_eq!(waits, 0);
        assert!(notes.lock().unwrap().is_empty());
    }

    #[test]
    fn a_body_that_says_it_is_too_large_never_reaches_a_policy() {
        let raw = "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n";
        decided(raw, vec![Box::new(No)], |decision, _, _| {
            assert!(matches!(decision, Decision::Reject(r) if r.code == Code::BodyTooLarge));
        });
    }

    #[test]
    fn prefixes_are_stripped_by_segment() {
        assert_eq!(stripped(b"/api/users", b"/api"), b"/users");
        assert_eq!(stripped(b"/api", b"/api"), b"/");
        assert_eq!(stripped(b"/apixyz", b"/api"), b"/apixyz");
        assert_eq!(stripped(b"/other", b""), b"/other");
    }
}
