//! Heads between HTTP/2 and the form of HTTP/1 lines in which the pipeline sees every message. A request of
//! HTTP/2 goes through the same strict parser as one of HTTP/1, so that it cannot mean anything else
//! upstream (RFC 9113 §8.2, §8.3).

use frontdesk_http::{Fault, HeadLimits, Parsed, Version, parse_request};
use frontdesk_policies::Exchange;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;

use crate::answer::reason;

/// Fills the exchange's head from an HTTP/2 request. `ends` says that no body follows; `key` is for a WebSocket,
/// which becomes the upgrade that HTTP/1 knows (RFC 8441 §5).
///
/// # Errors
/// The fault that makes the request unusable.
pub(crate) fn receive(
    parts: &Parts,
    ends: bool,
    limits: &HeadLimits,
    key: &str,
    ex: &mut Exchange,
) -> Result<(), Fault> {
    if parts.headers.len() > limits.fields {
        return Err(Fault::TooManyFields);
    }
    ex.bytes.clear();
    write_request(parts, ends, key, &mut ex.bytes)?;
    let Parsed::Complete(length) = parse_request(&ex.bytes, limits, &mut ex.head)? else {
        return Err(Fault::HeadTooLarge);
    };
    ex.head_len = length;
    ex.head.version = Version::Http2;
    ex.head.te_trailers = parts.headers.contains_key(header::TE);
    Ok(())
}

fn write_request(parts: &Parts, ends: bool, key: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    let method = match protocol.map(h2::ext::Protocol::as_str) {
        None => parts.method.as_str(),
        Some("websocket") if !ends => "GET",
        Some(_) => return Err(Fault::UpgradeUnknown),
    };
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    if path.starts_with('/') || path == "*" {
        out.extend_from_slice(path.as_bytes());
    } else if let ("CONNECT", "", Some(authority)) = (method, path, authority) {
        // RFC 9113 §8.5: it has no path.
        out.extend_from_slice(authority.as_bytes());
    } else {
        return Err(Fault::TargetInvalid);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(authority) = authority {
        line(out, b"host", authority.as_bytes())?;
    }
    let mut cookies: Vec<&HeaderValue> = Vec::new();
    for (name, value) in &parts.headers {
        match *name {
            header::COOKIE => {
                check_edges(value.as_bytes())?;
                cookies.push(value);
            }
            // RFC 9113 §8.3.1: both may be there, but only if they say the same.
            header::HOST if authority.is_some() => {
                let same =
                    authority.is_some_and(|a| value.as_bytes().eq_ignore_ascii_case(a.as_bytes()));
                if !same {
                    return Err(Fault::HostMismatch);
                }
            }
            // The crate refuses every other value.
            header::TE => {}
            header::SEC_WEBSOCKET_KEY if protocol.is_some() => {}
            _ => line(out, name.as_str().as_bytes(), value.as_bytes())?,
        }
    }
    // RFC 9113 §8.2.3: crumbs are one field again.
    if let Some((first, rest)) = cookies.split_first() {
        out.extend_from_slice(b"cookie: ");
        out.extend_from_slice(first.as_bytes());
        for crumb in rest {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(crumb.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    if protocol.is_some() {
        for part in [
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ",
            key,
            "\r\n",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
    } else if !ends && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A value may neither begin nor end with white space (RFC 9113 §8.2.1).
fn check_edges(value: &[u8]) -> Result<(), Fault> {
    if value.trim_ascii().len() == value.len() {
        Ok(())
    } else {
        Err(Fault::FieldValueInvalid)
    }
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Fault> {
    check_edges(value)?;
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends fields as lines, for trailers and for responses of targets.
pub(crate) fn write_lines(fields: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in fields {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a target's response head in the form of HTTP/1.
pub(crate) fn write_response(response: &http::response::Parts, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(response.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason(response.status.as_u16()).as_bytes());
    out.extend_from_slice(b"\r\n");
    write_lines(&response.headers, out);
    out.extend_from_slice(b"\r\n");
}

/// The fields of lines that were written here or passed a parser; what only HTTP/1 knows is left out
/// (RFC 9113 §8.2.2).
pub(crate) fn fields(lines: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    for line in lines.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Lines from a parser are valid; one that is not is no field.
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        else {
            continue;
        };
        if !is_hop_by_hop(&name) {
            map.append(name, value);
        }
    }
    map
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || *name == header::HOST
        || *name == "keep-alive"
        || *name == "proxy-connection"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(builder: http::request::Builder, ends: bool) -> Result<Exchange, Fault> {
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let mut ex = Exchange::default();
        receive(&parts, ends, &HeadLimits::default(), "key", &mut ex).map(|()| ex)
    }

    #[test]
    fn a_request_gets_the_form_of_http_1() {
        let builder = http::Request::builder()
            .method("POST")
            .uri("https://example.com/a?b")
            .header("cookie", "a=1")
            .header("x-y", "z")
            .header("cookie", "b=2")
            .header("te", "trailers");
        let ex = request(builder, false).unwrap();
        assert_eq!(
            String::from_utf8(ex.bytes.clone()).unwrap(),
            "POST /a?b HTTP/1.1\r\nhost: example.com\r\nx-y: z\r\ncookie: a=1; b=2\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        assert_eq!(ex.head.framing, frontdesk_http::Framing::Chunked);
        assert!(ex.head.te_trailers);
        assert_eq!(ex.path(), b"/a");
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        let get = || http::Request::builder().uri("https://example.com/");
        let refused = |builder| request(builder, true).err();
        assert_eq!(
            refused(get().header("host", "other")),
            Some(Fault::HostMismatch)
        );
        assert_eq!(
            refused(get().header("x", " y")),
            Some(Fault::FieldValueInvalid)
        );
        assert!(
            refused(get().header("transfer-encoding", "chunked"))
                .is_none_or(|f| f != Fault::HostMismatch)
        );
        assert_eq!(
            refused(
                get()
                    .header("content-length", "1")
                    .header("content-length", "1")
            ),
            Some(Fault::ContentLengthRepeated)
        );
        assert_eq!(
            refused(http::Request::builder().uri("/")),
            Some(Fault::HostMissing)
        );
        let many = (0..101).fold(get(), |builder, n| builder.header("x", n));
        assert_eq!(refused(many), Some(Fault::TooManyFields));
        assert!(request(get().header("host", "EXAMPLE.com"), true).is_ok());
    }

    #[test]
    fn lines_become_fields_without_those_of_the_connection() {
        let map = fields(b"A: b\r\nconnection: close\r\nset-cookie: x\r\nset-cookie:  y \r\n\r\n");
        assert_eq!(map.get("a").unwrap(), "b");
        assert_eq!(map.get_all("set-cookie").iter().count(), 2);
        assert!(!map.contains_key("connection"));
    }
}
