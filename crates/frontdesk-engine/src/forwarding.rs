//! Forwarding, identity and tracing fields: what is believed of a request, and what the upstream is told.

use std::io::Write;
use std::net::IpAddr;

use frontdesk_http::{Known, ResponseHead, Version};
use frontdesk_policies::{Code, Exchange, NetSet, Rejection};

use crate::build::ListenerConfig;
use crate::thread::Thread;

/// Settles who calls, names the exchange, and marks what must not pass. The exchange knows its peer.
///
/// # Errors
/// A request that has passed through this gateway before.
pub(crate) fn receive(
    ex: &mut Exchange,
    listener: &ListenerConfig,
    thread: &Thread,
) -> Result<(), Rejection> {
    ex.peer_trusted = !listener.trusted.is_empty() && listener.trusted.contains(ex.peer);
    ex.client = ex.peer;
    let mut request_id = false;
    let mut looped = false;
    let mut trace: Option<[u8; 32]> = None;
    let mut traces = 0;
    for index in 0..ex.head.fields.len() {
        let field = ex.head.fields[index];
        let value = field.value(&ex.bytes);
        let remove = match field.known {
            // X-Forwarded-For and -Prefix are written anew, with our part at the end.
            Known::Identity | Known::XRealIp | Known::XForwardedFor | Known::XForwardedPrefix => {
                true
            }
            Known::Via => {
                looped |= memchr::memmem::find(value, thread.shared.via.as_bytes()).is_some();
                false
            }
            Known::XRequestId => {
                request_id = request_id || ex.request_id.accept(value);
                true
            }
            Known::Traceparent => {
                traces += 1;
                trace = trace_id(value);
                false
            }
            known if known.is_forwarding() => !ex.peer_trusted,
            _ => false,
        };
        if remove {
            ex.head.fields[index].removed = true;
        }
    }
    if !request_id {
        ex.request_id.generate(thread.random(), thread.random());
    }
    match trace {
        Some(id) if traces == 1 => ex.trace_id = id,
        _ => start_trace(ex, thread, traces > 0),
    }
    if ex.peer_trusted {
        ex.client = client_address(ex, &listener.trusted);
    }
    if looped {
        let detail = "The request has come through here before.";
        return Err(Rejection::new(Code::LoopDetected, detail));
    }
    Ok(())
}

/// The trace id of a valid traceparent (W3C Trace Context §3.2.2).
fn trace_id(value: &[u8]) -> Option<[u8; 32]> {
    let hex = |part: &[u8]| {
        part.iter()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    };
    let zero = |part: &[u8]| part.iter().all(|&b| b == b'0');
    let dashes = value.len() >= 55 && value[2] == b'-' && value[35] == b'-' && value[52] == b'-';
    if !dashes {
        return None;
    }
    let (version, trace, parent, flags) =
        (&value[..2], &value[3..35], &value[36..52], &value[53..55]);
    // Version 00 has exactly this length; a later one may go on after another dash.
    let end = value.len() == 55 || (version != b"00" && value[55] == b'-');
    let valid = end && hex(version) && version != b"ff" && hex(trace) && hex(parent) && hex(flags);
    if !valid || zero(trace) || zero(parent) {
        return None;
    }
    trace.try_into().ok()
}

/// Starts a trace, sampled as a caller without any trace would be; an invalid one and its state are dropped.
fn start_trace(ex: &mut Exchange, thread: &Thread, drop_old: bool) {
    if drop_old || ex.head.has(Known::Tracestate) {
        let stale = |known| matches!(known, Known::Traceparent | Known::Tracestate);
        for field in ex.head.fields.iter_mut().filter(|field| stale(field.known)) {
            field.removed = true;
        }
    }
    let (high, low, parent) = (thread.random() | 1, thread.random(), thread.random() | 1);
    let mut line = *b"traceparent: 00-00000000000000000000000000000000-0000000000000000-01\r\n";
    hex(high, &mut line[16..32]);
    hex(low, &mut line[32..48]);
    hex(parent, &mut line[49..65]);
    ex.trace_id.copy_from_slice(&line[16..48]);
    ex.request_lines.extend_from_slice(&line);
}

fn hex(value: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = DIGITS[(value >> (60 - 4 * index)) as usize & 15];
    }
}

/// Takes what the gateway states itself out of a target's response: an echoed request id, and a word on HTTPS
/// where the listener has its own, because of two a browser follows the first (RFC 6797 §8.1).
pub(crate) fn respond(head: &mut ResponseHead, bytes: &[u8], ex: &Exchange) {
    const HSTS: &[u8] = b"strict-transport-security";
    let hsts = ex.response_lines.starts_with(HSTS);
    if !hsts && !head.has(Known::XRequestId) {
        return;
    }
    for field in &mut head.fields {
        let own = field.known == Known::XRequestId
            || hsts && field.name(bytes).eq_ignore_ascii_case(HSTS);
        field.removed |= own;
    }
}

/// The right-most hop that is not a trusted proxy: of X-Forwarded-For, else of Forwarded (RFC 7239).
fn client_address(ex: &Exchange, trusted: &NetSet) -> IpAddr {
    let mut client = ex.peer;
    let source = if ex.head.has(Known::XForwardedFor) {
        Known::XForwardedFor
    } else {
        Known::Forwarded
    };
    for field in ex
        .head
        .fields
        .iter()
        .rev()
        .filter(|field| field.known == source)
    {
        for element in field.value(&ex.bytes).rsplit(|&b| b == b',') {
            // Empty list elements mean nothing (RFC 9110 §5.6.1.2).
            if element.trim_ascii().is_empty() {
                continue;
            }
            let hop = if source == Known::Forwarded {
                forwarded_for(element)
            } else {
                Some(element)
            };
            // A hop that cannot be read ends the walk: what stands left of it proves nothing.
            let Some(address) = hop.and_then(hop_address) else {
                return client;
            };
            client = address;
            if !trusted.contains(address) {
                return client;
            }
        }
    }
    client
}

fn forwarded_for(element: &[u8]) -> Option<&[u8]> {
    element.split(|&b| b == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let is_for = pair.len() > 4 && pair[..4].eq_ignore_ascii_case(b"for=");
        is_for.then(|| pair[4..].trim_ascii())
    })
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, quoted or not.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii())
        .ok()?
        .trim_matches('"');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some(rest) = text.strip_prefix('[') {
        let address = rest.split(']').next()?.parse::<IpAddr>().ok()?;
        return Some(address.to_canonical());
    }
    text.parse::<std::net::SocketAddr>()
        .ok()
        .map(|address| address.ip().to_canonical())
}

/// Appends an address as text; the common case without formatting machinery.
pub(crate) fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    if let IpAddr::V4(v4) = address {
        let mut digits = itoa::Buffer::new();
        for (index, octet) in v4.octets().into_iter().enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            out.extend_from_slice(digits.format(octet).as_bytes());
        }
        return;
    }
    // Writing into a vector cannot fail.
    let _ = write!(out, "{address}");
}

/// Appends the forwarding fields for the upstream.
pub(crate) fn write_fields(
    out: &mut Vec<u8>,
    ex: &Exchange,
    listener: &ListenerConfig,
    thread: &Thread,
) {
    out.extend_from_slice(b"x-forwarded-for: ");
    if ex.peer_trusted {
        for field in ex
            .head
            .fields
            .iter()
            .filter(|field| field.known == Known::XForwardedFor)
        {
            out.extend_from_slice(field.value(&ex.bytes));
            out.extend_from_slice(b", ");
        }
    }
    write_address(ex.peer, out);
    out.extend_from_slice(b"\r\nx-real-ip: ");
    write_address(ex.client, out);
    out.extend_from_slice(b"\r\n");
    let kept = |known| ex.peer_trusted && passes(ex, known);
    if !kept(Known::XForwardedProto) {
        line(out, b"x-forwarded-proto: ", ex.scheme.as_str().as_bytes());
    }
    if !kept(Known::XForwardedHost)
        && let Some(host) = ex.authority()
    {
        line(out, b"x-forwarded-host: ", host);
    }
    if !kept(Known::XForwardedPort) {
        line(
            out,
            b"x-forwarded-port: ",
            itoa::Buffer::new().format(listener.port).as_bytes(),
        );
    }
    if ex.peer_trusted && passes(ex, Known::Forwarded) {
        write_forwarded(out, ex);
    }
    let version: &[u8] = match ex.head.version {
        Version::Http10 => b"via: 1.0 ",
        Version::Http11 => b"via: 1.1 ",
        Version::Http2 => b"via: 2 ",
    };
    line(out, version, thread.shared.via.as_bytes());
    line(out, b"x-request-id: ", ex.request_id.as_bytes());
}

/// Appends X-Forwarded-Prefix: what proxies before us stripped, then what this route strips.
pub(crate) fn write_prefix(out: &mut Vec<u8>, ex: &Exchange, stripped: &str) {
    let before = ex
        .known(Known::XForwardedPrefix)
        .filter(|_| ex.peer_trusted)
        .unwrap_or_default();
    if before.is_empty() && stripped.is_empty() {
        return;
    }
    out.extend_from_slice(b"x-forwarded-prefix: ");
    out.extend_from_slice(before);
    line(out, b"", stripped.as_bytes());
}

fn passes(ex: &Exchange, known: Known) -> bool {
    ex.head
        .fields
        .iter()
        .any(|field| field.known == known && !field.removed)
}

/// A trusted proxy spoke RFC 7239: its list goes on with our hop.
fn write_forwarded(out: &mut Vec<u8>, ex: &Exchange) {
    out.extend_from_slice(b"forwarded: for=");
    let quoted = ex.peer.is_ipv6();
    out.extend_from_slice(if quoted { b"\"[" } else { b"" });
    write_address(ex.peer, out);
    out.extend_from_slice(if quoted { b"]\"" } else { b"" });
    line(out, b";proto=", ex.scheme.as_str().as_bytes());
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_follows_the_recommendation() {
        let good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            trace_id(good).unwrap(),
            *b"4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert!(
            trace_id(b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what").is_some()
        );
        for bad in [
            &b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"[..],
            b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            b"",
        ] {
            assert!(trace_id(bad).is_none(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn hops_come_in_several_spellings() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        for text in ["2001:db8::1", "[2001:db8::1]", "\"[2001:db8::1]:80\""] {
            assert_eq!(hop_address(text.as_bytes()), Some(v6), "{text}");
        }
        assert_eq!(
            hop_address(b" 192.0.2.1:8080 "),
            Some("192.0.2.1".parse().unwrap())
        );
        assert_eq!(
            hop_address(b"::ffff:192.0.2.1"),
            Some("192.0.2.1".parse().unwrap())
        );
        assert_eq!(hop_address(b"unknown"), None);
        assert_eq!(
            forwarded_for(b" proto=http; For=\"x\""),
            Some(&b"\"x\""[..])
        );
    }
}
