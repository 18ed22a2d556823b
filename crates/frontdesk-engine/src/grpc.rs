//! gRPC over HTTP/2: which requests are gRPC, their deadlines, and how the gateway's own answers look to them.
//! Source: `PROTOCOL-HTTP2.md` and `statuscodes.md` of the gRPC project.

use std::time::{Duration, Instant};

use frontdesk_http::{Known, Version};
use frontdesk_policies::{Code, Exchange, Rejection};

const CONTENT_TYPE: &[u8] = b"application/grpc";
const TIMEOUT: &[u8] = b"grpc-timeout";

/// Whether a content type is gRPC's: `application/grpc`, with `+proto` or parameters or without.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    let (Some(start), rest) = (
        content_type.get(..CONTENT_TYPE.len()),
        content_type.get(CONTENT_TYPE.len()),
    ) else {
        return false;
    };
    start.eq_ignore_ascii_case(CONTENT_TYPE) && matches!(rest, None | Some(b'+' | b';' | b' '))
}

/// Recognises gRPC and takes over the caller's deadline.
///
/// # Errors
/// The deadline cannot be read, or is over.
pub(crate) fn begin(ex: &mut Exchange) -> Result<(), Rejection> {
    let grpc =
        ex.head.version == Version::Http2 && ex.known(Known::ContentType).is_some_and(is_grpc);
    ex.grpc = grpc;
    if !grpc {
        return Ok(());
    }
    let mut seen = false;
    for index in 0..ex.head.fields.len() {
        let field = ex.head.fields[index];
        if !field.name(&ex.bytes).eq_ignore_ascii_case(TIMEOUT) {
            continue;
        }
        let timeout = parse_timeout(field.value(&ex.bytes)).filter(|_| !seen);
        let Some(timeout) = timeout else {
            let detail = "grpc-timeout is not at most eight digits and one of H, M, S, m, u, n.";
            return Err(Rejection::new(Code::MalformedRequest, detail));
        };
        if timeout.is_zero() {
            let detail = "The caller's deadline was over when the request came.";
            return Err(Rejection::new(Code::DeadlineExceeded, detail));
        }
        seen = true;
        // What is left of it is told to the target when the request is sent.
        ex.head.fields[index].removed = true;
        ex.deadline = Instant::now().checked_add(timeout);
    }
    Ok(())
}

fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits
        .iter()
        .fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Appends the field that tells the target how much time is left: in milliseconds, rounded up, so that it is
/// never zero.
pub(crate) fn write_timeout(deadline: Instant, out: &mut Vec<u8>) {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .as_millis()
        + 1;
    let mut digits = itoa::Buffer::new();
    out.extend_from_slice(b"grpc-timeout: ");
    // Eight digits are what the field can hold; beyond them seconds are fine enough.
    if left < 100_000_000 {
        out.extend_from_slice(digits.format(left).as_bytes());
        out.extend_from_slice(b"m\r\n");
    } else {
        let seconds = (left / 1000).min(99_999_999);
        out.extend_from_slice(digits.format(seconds).as_bytes());
        out.extend_from_slice(b"S\r\n");
    }
}

/// The gRPC status of an answer of the gateway's own. What a client makes of a plain HTTP status
/// (`http-grpc-status-mapping.md`) is the rule; a code that says more is mapped by itself.
pub(crate) fn status_of(code: Code) -> u8 {
    const CANCELLED: u8 = 1;
    const DEADLINE_EXCEEDED: u8 = 4;
    const PERMISSION_DENIED: u8 = 7;
    const RESOURCE_EXHAUSTED: u8 = 8;
    const UNIMPLEMENTED: u8 = 12;
    const INTERNAL: u8 = 13;
    const UNAVAILABLE: u8 = 14;
    const UNAUTHENTICATED: u8 = 16;
    match code {
        Code::DeadlineExceeded | Code::UpstreamTotalTimeout => DEADLINE_EXCEEDED,
        Code::BodyTooLarge => RESOURCE_EXHAUSTED,
        Code::ClientClosed | Code::WriteTimeout => CANCELLED,
        _ => match code.status() {
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 | 405 | 501 => UNIMPLEMENTED,
            429 => RESOURCE_EXHAUSTED,
            502..=504 => UNAVAILABLE,
            _ => INTERNAL,
        },
    }
}

/// The number of a status field.
pub(crate) fn parse_status(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The status that trailer lines hold.
pub(crate) fn status_in(lines: &[u8]) -> Option<u32> {
    let mut lines = lines.split(|&b| b == b'\n');
    lines.find_map(|line| {
        let (name, value) = line.split_at_checked(b"grpc-status:".len())?;
        name.eq_ignore_ascii_case(b"grpc-status:")
            .then(|| parse_status(value))?
    })
}

/// The fields that end a gRPC call: status and message.
pub(crate) fn write_status(status: u8, message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"grpc-status: ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.extend_from_slice(b"\r\ngrpc-message: ");
    for &byte in message.as_bytes() {
        // Percent-encoded but for printable ASCII without the percent sign.
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            out.push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_grpc() {
        for yes in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; x=y",
        ] {
            assert!(is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in [
            "application/grpc-web",
            "application/grpcx",
            "application/json",
            "",
        ] {
            assert!(!is_grpc(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn timeouts_have_one_of_six_units() {
        assert_eq!(parse_timeout(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(
            parse_timeout(b"99999999m"),
            Some(Duration::from_millis(99_999_999))
        );
        assert_eq!(parse_timeout(b"0n"), Some(Duration::ZERO));
        for bad in [
            &b""[..],
            b"m",
            b"1",
            b"1s",
            b"-1m",
            b"100000000m",
            b"1.5S",
            b" 1m",
        ] {
            assert_eq!(parse_timeout(bad), None);
        }
    }

    #[test]
    fn what_is_left_is_told_in_few_digits() {
        let told = |left| {
            let mut out = Vec::new();
            write_timeout(Instant::now() + left, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(told(Duration::ZERO).starts_with("grpc-timeout: 1m"));
        assert!(told(Duration::from_secs(10)).ends_with("m\r\n"));
        assert_eq!(
            told(Duration::from_secs(200_000)),
            "grpc-timeout: 200000S\r\n"
        );
    }

    #[test]
    fn messages_are_percent_encoded() {
        let mut out = Vec::new();
        write_status(14, "a b\n100% ü", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "grpc-status: 14\r\ngrpc-message: a b%0A100%25 %C3%BC\r\n"
        );
    }
}
