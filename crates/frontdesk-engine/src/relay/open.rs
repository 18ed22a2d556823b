//! From an opened connection to a target that has the request's head.

use frontdesk_http::{Framing, Method, Upgrade};
use frontdesk_policies::{Code, Exchange};
use frontdesk_upstream::Http2Place;
use http::{HeaderValue, Request, Uri, header};

use super::Target;
use super::http1::Http1Target;
use super::http2::Http2Target;
use crate::exchange::Downstream;
use crate::forward::{Attempt, Failure, Opened, Retry};
use crate::h1::head::{
    RequestParts, request_host, upgrade_token, write_request, write_request_fields,
};
use crate::h2::head;
use crate::pipeline;

/// Begins the request.
pub(crate) fn open<D: Downstream>(
    down: &D,
    up: Opened,
    attempt: &Attempt<'_>,
    ex: &Exchange,
) -> Result<Target, Failure> {
    let plan = attempt.plan;
    let parts = RequestParts {
        ex,
        forward: plan.forward,
        service: plan.service,
        target: &plan.service.targets[attempt.target],
        listener: down.listener(),
        thread: plan.thread,
        upgrade: upgrade_token(&ex.head, &ex.bytes, &plan.route.upgrades),
        close: false,
    };
    let limits = plan.service.limits;
    let is_head = ex.head.method == Method::Head;
    match up {
        Opened::Http1(conn) => {
            let mut out = plan.thread.buffers.scratch();
            write_request(&mut out, &parts);
            let target = Http1Target::new(conn, plan.thread, limits, is_head, ex.head.framing, out);
            Ok(Target::Http1(Box::new(target)))
        }
        Opened::Http2(mut place) => {
            let is_upgrade = parts.upgrade.is_some();
            if is_upgrade && !takes_websockets(&place, ex) {
                return Err(Failure::of(Code::UpgradeRefused, Retry::Never));
            }
            let is_empty = matches!(ex.head.framing, Framing::None | Framing::Length(0));
            let ends = is_empty && !is_upgrade;
            let request = request(&parts).ok_or(Failure::of(Code::Internal, Retry::Never))?;
            let begun = send(&mut place, request, ends)?;
            let target = Http2Target::new(begun, ends, place, limits, is_head);
            Ok(Target::Http2(Box::new(target)))
        }
    }
}

/// The request in the form of HTTP/2. Nothing only if a part is not valid, which the parser has ruled out.
pub(crate) fn request(parts: &RequestParts<'_>) -> Option<Request<()>> {
    let (ex, thread) = (parts.ex, parts.thread);
    let mut text = thread.buffers.scratch();
    pipeline::upstream_target(ex, parts.forward, &parts.target.path_prefix, &mut text);
    let scheme = if parts.target.secure.is_some() {
        "https"
    } else {
        "http"
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(request_host(parts))
        .path_and_query(text.as_slice())
        .build();
    text.clear();
    write_request_fields(&mut text, parts);
    let mut fields = head::fields(&text);
    thread.buffers.give_scratch(text);
    if ex.head.te_trailers {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let mut request = Request::new(());
    *request.uri_mut() = uri.ok()?;
    *request.method_mut() = http::Method::from_bytes(ex.method()).ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    if parts.upgrade.is_some() {
        // RFC 8441 §4, §5: the protocol is a field of the head, and nothing is proven by a key.
        *request.method_mut() = http::Method::CONNECT;
        let websocket = h2::ext::Protocol::from_static("websocket");
        request.extensions_mut().insert(websocket);
        fields.remove("sec-websocket-key");
    }
    *request.headers_mut() = fields;
    Some(request)
}

/// Whether a target with HTTP/2 can be asked for the upgrade: for a `WebSocket`, once it has said so (RFC 8441 §3).
fn takes_websockets(place: &Http2Place, ex: &Exchange) -> bool {
    place.sender.is_extended_connect_protocol_enabled() && ex.head.upgrade == Upgrade::WebSocket
}

type Begun = (h2::client::ResponseFuture, h2::SendStream<bytes::Bytes>);

fn send(place: &mut Http2Place, request: Request<()>, ends: bool) -> Result<Begun, Failure> {
    place
        .sender
        .send_request(request, ends)
        .map_err(|_| Failure::of(Code::UpstreamReset, Retry::Safe))
}
