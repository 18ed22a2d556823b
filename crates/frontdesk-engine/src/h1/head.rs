//! Writing heads. Fields that nobody touched are copied as whole runs of lines.

use frontdesk_http::{Field, Framing, Known, RequestHead, ResponseHead, Upgrade, Version};
use frontdesk_policies::Exchange;

use crate::answer::{Answer, reason};
use crate::build::{Forward, ListenerConfig, Service, Target, UpstreamHost};
use crate::forwarding;
use crate::grpc;
use crate::pipeline;
use crate::thread::Thread;
use crate::websocket;

/// What the client is told about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It ends with this response.
    Close,
    /// It goes on; to HTTP/1.0 that must be said.
    Open(Version),
}

/// How a response body is delimited for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// There is none, or the fields describe one that is not sent (HEAD, 304).
    None,
    Length(u64),
    Chunked,
    /// It ends with the connection.
    Close,
}

/// Everything a request head for a target is made of.
pub(crate) struct RequestParts<'a> {
    pub(crate) ex: &'a Exchange,
    pub(crate) forward: &'a Forward,
    pub(crate) service: &'a Service,
    pub(crate) target: &'a Target,
    pub(crate) listener: &'a ListenerConfig,
    pub(crate) thread: &'a Thread,
    /// The upgrade token to pass on, if the route lets one pass.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// The target is asked to close after its response.
    pub(crate) close: bool,
}

/// Writes the request head as the target gets it.
pub(crate) fn write_request(out: &mut Vec<u8>, parts: &RequestParts<'_>) {
    let ex = parts.ex;
    out.extend_from_slice(ex.method());
    out.push(b' ');
    pipeline::upstream_target(ex, parts.forward, &parts.target.path_prefix, out);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(request_host(parts));
    out.extend_from_slice(b"\r\n");
    write_request_fields(out, parts);
    if ex.head.framing == Framing::Chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    if let Some(token) = parts.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
        out.extend_from_slice(token);
        out.extend_from_slice(b"\r\n");
    } else if parts.close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if ex.head.te_trailers {
        out.extend_from_slice(b"connection: te\r\nte: trailers\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The host that the target is asked for.
pub(crate) fn request_host<'a>(parts: &RequestParts<'a>) -> &'a [u8] {
    match &parts.service.host {
        UpstreamHost::Client => parts
            .ex
            .authority()
            .unwrap_or(parts.target.authority.as_bytes()),
        UpstreamHost::Target => parts.target.authority.as_bytes(),
        UpstreamHost::Literal(host) => host.as_bytes(),
    }
}

/// Writes the fields of a request as the target gets them, but for Host and those of the connection.
pub(crate) fn write_request_fields(out: &mut Vec<u8>, parts: &RequestParts<'_>) {
    let ex = parts.ex;
    write_fields(out, &ex.head.fields, &ex.bytes);
    forwarding::write_fields(out, ex, parts.listener, parts.thread);
    forwarding::write_prefix(out, ex, pipeline::stripped_prefix(ex, parts.forward));
    out.extend_from_slice(&ex.request_lines);
    // A body that is decoded on the way has another length.
    if let Framing::Length(length) = ex.head.framing
        && ex.grpc_web.is_none()
    {
        write_length(out, length);
    }
    if let Some(deadline) = ex.deadline {
        grpc::write_timeout(deadline, out);
    }
}

/// The token of an upgrade that the request asks for and the route lets pass.
pub(crate) fn upgrade_token<'a>(
    head: &RequestHead,
    bytes: &'a [u8],
    allowed: &[String],
) -> Option<&'a [u8]> {
    if head.upgrade == Upgrade::None {
        return None;
    }
    let token = head.get(Known::Upgrade)?.value(bytes);
    // RFC 6455 §4.1: by GET; the codec has judged that.
    if token.eq_ignore_ascii_case(b"websocket") && head.upgrade != Upgrade::WebSocket {
        return None;
    }
    allowed
        .iter()
        .any(|name| token.eq_ignore_ascii_case(name.as_bytes()))
        .then_some(token)
}

/// Everything a response head for the client is made of.
pub(crate) struct ResponseParts<'a> {
    pub(crate) head: &'a ResponseHead,
    pub(crate) bytes: &'a [u8],
    pub(crate) ex: &'a Exchange,
    pub(crate) thread: &'a Thread,
    pub(crate) body: BodyFraming,
    pub(crate) keep: Keep,
}

/// Writes an upstream's response head as the client gets it.
pub(crate) fn write_response(out: &mut Vec<u8>, parts: &ResponseParts<'_>) {
    let head = parts.head;
    write_status_line(out, head.status, head.reason(parts.bytes));
    write_response_fields(out, head, parts.bytes, parts.ex, parts.thread);
    match (parts.body, head.content_length) {
        (BodyFraming::Length(length), _) => write_length(out, length),
        // HEAD and 304: the length describes the body that GET would have had.
        (BodyFraming::None, Some(length)) if head.status != 204 && head.status >= 200 => {
            write_length(out, length);
        }
        (BodyFraming::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        (BodyFraming::None | BodyFraming::Close, _) => {}
    }
    write_keep(out, parts.keep);
    out.extend_from_slice(b"\r\n");
}

/// Writes the fields of an upstream's response as the client gets them, but for the framing.
pub(crate) fn write_response_fields(
    out: &mut Vec<u8>,
    head: &ResponseHead,
    bytes: &[u8],
    ex: &Exchange,
    thread: &Thread,
) {
    write_fields(out, &head.fields, bytes);
    if !head.has(Known::Date) {
        write_date(out, &thread.clock.date());
    }
    out.extend_from_slice(match head.version {
        Version::Http2 => b"via: 2 ",
        Version::Http11 | Version::Http10 => b"via: 1.1 ",
    });
    out.extend_from_slice(thread.shared.via.as_bytes());
    out.extend_from_slice(b"\r\nx-request-id: ");
    out.extend_from_slice(ex.request_id.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&ex.response_lines);
}

/// Writes an interim response (1xx) with its fields.
pub(crate) fn write_interim(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8]) {
    write_status_line(out, head.status, head.reason(bytes));
    write_fields(out, &head.fields, bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes the 101 that the client asked for.
pub(crate) fn write_switching(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8], ex: &Exchange) {
    write_status_line(out, head.status, head.reason(bytes));
    write_fields(out, &head.fields, bytes);
    let token = head
        .get(Known::Upgrade)
        .map_or(&b"websocket"[..], |field| field.value(bytes));
    out.extend_from_slice(b"connection: upgrade\r\nupgrade: ");
    out.extend_from_slice(token);
    out.extend_from_slice(b"\r\nx-request-id: ");
    out.extend_from_slice(ex.request_id.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&ex.response_lines);
    out.extend_from_slice(b"\r\n");
}

/// Writes the 101 for a WebSocket to which a target has agreed over HTTP/2.
pub(crate) fn write_agreed(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8], ex: &Exchange) {
    write_status_line(out, 101, b"Switching Protocols");
    write_fields(out, &head.fields, bytes);
    let key = ex.head.find(&ex.bytes, b"sec-websocket-key");
    out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ");
    out.extend_from_slice(websocket::accept(key.unwrap_or_default()).as_bytes());
    out.extend_from_slice(b"\r\nx-request-id: ");
    out.extend_from_slice(ex.request_id.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&ex.response_lines);
    out.extend_from_slice(b"\r\n");
}

/// Writes an answer of the gateway's own, body included unless the request was HEAD.
pub(crate) fn write_answer(
    out: &mut Vec<u8>,
    answer: &Answer,
    date: &[u8; 29],
    is_head: bool,
    keep: Keep,
) {
    write_status_line(out, answer.status, reason(answer.status).as_bytes());
    write_date(out, date);
    out.extend_from_slice(&answer.fields);
    let bodiless = matches!(answer.status, 204 | 304);
    if !bodiless {
        write_length(out, answer.body.len() as u64);
    }
    write_keep(out, keep);
    out.extend_from_slice(b"\r\n");
    if !bodiless && !is_head {
        out.extend_from_slice(&answer.body);
    }
}

fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

fn write_date(out: &mut Vec<u8>, date: &[u8; 29]) {
    out.extend_from_slice(b"date: ");
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n");
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_keep(out: &mut Vec<u8>, keep: Keep) {
    match keep {
        Keep::Close => out.extend_from_slice(b"connection: close\r\n"),
        Keep::Open(Version::Http10) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Keep::Open(Version::Http11 | Version::Http2) => {}
    }
}

/// Copies all fields that may pass. Neighbouring untouched lines are one run of bytes.
fn write_fields(out: &mut Vec<u8>, fields: &[Field], bytes: &[u8]) {
    let mut run = 0..0;
    for field in fields {
        let (start, end) = (field.start as usize, field.end as usize);
        if field.removed || !field.crlf {
            out.extend_from_slice(&bytes[run]);
            run = 0..0;
            if !field.removed {
                out.extend_from_slice(field.name(bytes));
                out.extend_from_slice(b": ");
                out.extend_from_slice(field.value(bytes));
                out.extend_from_slice(b"\r\n");
            }
        } else if run.end == start && !run.is_empty() {
            run.end = end;
        } else {
            out.extend_from_slice(&bytes[run]);
            run = start..end;
        }
    }
    out.extend_from_slice(&bytes[run]);
}
