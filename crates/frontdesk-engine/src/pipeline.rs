//! What happens to every request, whatever protocol carried it: the steps in the order in which they run.

use frontdesk_http::{Framing, Method, TargetForm};
use frontdesk_policies::{Code, Exchange, Flow, Rejection, Response};
use frontdesk_router::{Captures, Found};

use crate::answer::Answer;
use crate::build::{Action, Build, Forward, ListenerConfig, Route, render};
use crate::forwarding;
use crate::thread::Thread;

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
    // 2. Methods that no route can take.
    if let Some(decision) = special_method(ex) {
        return decision;
    }
    // 3. One path for everybody who comes after.
    if let Err(fault) = ex.canonicalize_path(listener.path) {
        return reject(Code::InvalidPath, format!("The path is refused: {fault}."));
    }
    // 4. The route.
    let route = match find_route(ex, build, place) {
        Ok(route) => route,
        Err(rejection) => return Decision::Reject(rejection),
    };
    // 5. A body that says that it is too large need not be read.
    if matches!(ex.head.framing, Framing::Length(length) if length > route.max_body) {
        return reject(Code::BodyTooLarge, body_limit(route.max_body));
    }
    // 6. Policies, in the order of the snapshot.
    for policy in &route.policies {
        let mut flow = policy.on_request(ex);
        loop {
            match flow {
                Flow::Continue => break,
                Flow::Reject(rejection) => return Decision::Reject(rejection),
                Flow::Suspend(wait) => flow = wait.await,
            }
        }
    }
    // 7. The route's action.
    match &route.action {
        Action::Forward(forward) => Decision::Forward(forward),
        Action::Redirect { status } => Decision::Answer(redirect(ex, build, place.rule, *status)),
        Action::Respond { status, body, content_type } => {
            let fields = format!("content-type: {content_type}\r\n").into_bytes();
            Decision::Answer(Answer { status: *status, fields, body: body.clone() })
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
            Some(Decision::Answer(Answer { status: 204, fields, body: Vec::new() }))
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
            *place = Place { route: Some(route), rule };
            Ok(&build.routes[route as usize])
        }
        Found::MethodNotAllowed => {
            let allow = build.router.allowed(ex).join(", ");
            let detail = format!("This path takes {allow}.");
            Err(Box::new(Rejection::new(Code::MethodNotAllowed, detail).with("allow", allow)))
        }
        Found::NotFound => {
            Err(Box::new(Rejection::new(Code::RouteNotFound, "No route takes this host and path.")))
        }
    }
}

fn redirect(ex: &Exchange, build: &Build, rule: u32, status: u16) -> Answer {
    let mut fields = b"location: ".to_vec();
    if let Some(template) = build.template(rule) {
        render(template, ex.path(), &ex.captures, ex.authority().unwrap_or_default(), &mut fields);
    }
    // A location with a query of its own replaces the request's.
    if let Some(query) = ex.query()
        && !fields.contains(&b'?')
    {
        fields.push(b'?');
        fields.extend_from_slice(query);
    }
    fields.extend_from_slice(b"\r\n");
    Answer { status, fields, body: Vec::new() }
}

/// The path and query for the upstream: the target's prefix, then the path stripped or rewritten.
pub(crate) fn upstream_target(
    ex: &Exchange,
    build: &Build,
    forward: &Forward,
    rule: u32,
    prefix: &str,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(prefix.as_bytes());
    let path = ex.path();
    if let Some(template) = build.template(rule) {
        rewritten(template, ex, out);
    } else {
        out.extend_from_slice(stripped(path, forward.strip_prefix.as_bytes()));
    }
    if let Some(query) = ex.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// The path without a prefix of whole segments.
fn stripped<'p>(path: &'p [u8], prefix: &[u8]) -> &'p [u8] {
    match path.strip_prefix(prefix) {
        Some(b"") => b"/",
        Some(rest) if rest[0] == b'/' => rest,
        _ => path,
    }
}

/// A path is canonical again after every rewrite: a captured `..` cannot be, but empty ends can.
fn rewritten(template: &frontdesk_router::Template, ex: &Exchange, out: &mut Vec<u8>) {
    let mut path = Vec::with_capacity(64);
    let captures: &Captures = &ex.captures;
    render(template, ex.path(), captures, ex.authority().unwrap_or_default(), &mut path);
    let options = frontdesk_router::PathOptions { merge_slashes: true };
    match frontdesk_router::canonicalize(&path, options, out) {
        Ok(true) => out.extend_from_slice(&path),
        Ok(false) => {}
        // Captures are parts of a canonical path and the template is canonical: this cannot be reached, and
        // if it were, the root is the path with the least meaning.
        Err(_) => out.push(b'/'),
    }
}
