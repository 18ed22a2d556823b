//! Response heads: what valid ones mean, and what is refused.

use frontdesk_http::{
    Fault, HeadLimits, Known, Parsed, ResponseFraming, ResponseHead, Version, parse_response,
};

fn parse(text: &str, request_is_head: bool) -> Result<ResponseHead, Fault> {
    let mut head = ResponseHead::default();
    let parsed = parse_response(
        text.as_bytes(),
        &HeadLimits::default(),
        request_is_head,
        &mut head,
    )?;
    assert_eq!(parsed, Parsed::Complete(text.len()), "{text:?}");
    Ok(head)
}

fn fault_of(text: &str) -> Option<Fault> {
    parse(text, false).err()
}

/// Framing, reuse and declared length of a response with that status line and fields.
fn framing(line: &str, fields: &str) -> Option<(ResponseFraming, bool, Option<u64>)> {
    let head = parse(&format!("HTTP/{line}\r\n{fields}\r\n"), false).ok()?;
    Some((head.framing, head.keep_alive, head.content_length))
}

#[test]
fn status_lines() {
    let cases = [
        ("HTTP/1.1 200 OK\r\n\r\n", 200, "OK"),
        ("HTTP/1.1 200 \r\n\r\n", 200, ""),
        ("HTTP/1.1 200\r\n\r\n", 200, ""),
        (
            "HTTP/1.0 404 Not \t Found\u{e9}\r\n\r\n",
            404,
            "Not \t Found\u{e9}",
        ),
        ("HTTP/1.1 100 Continue\r\n\r\n", 100, "Continue"),
        ("HTTP/1.1 599  x\r\n\r\n", 599, " x"),
    ];
    for (text, status, reason) in cases {
        let head = parse(text, false);
        let found = head.map(|head| (head.status, head.reason(text.as_bytes()).to_vec()));
        assert_eq!(found, Ok((status, reason.as_bytes().to_vec())), "{text:?}");
    }
}

#[test]
fn status_line_faults() {
    let cases = [
        ("HTTP/1.1 20 OK", Fault::StatusLineInvalid),
        ("HTTP/1.1 2000 OK", Fault::StatusLineInvalid),
        ("HTTP/1.1  200 OK", Fault::StatusLineInvalid),
        ("HTTP/1.1\t200 OK", Fault::StatusLineInvalid),
        ("HTTP/1.1 +20 OK", Fault::StatusLineInvalid),
        ("HTTP/1.1 200\tOK", Fault::StatusLineInvalid),
        ("HTTP/1.1 200 O\0K", Fault::StatusLineInvalid),
        ("HTTP/1.1", Fault::StatusLineInvalid),
        ("HTTP/1.1 200 OK\rx", Fault::BareCr),
        ("HTTP/1.1 099 x", Fault::StatusInvalid),
        ("HTTP/1.1 600 x", Fault::StatusInvalid),
        ("HTTP/1.1 999 x", Fault::StatusInvalid),
        ("HTTP/2.0 200 OK", Fault::VersionUnsupported),
        ("HTTP/1.2 200 OK", Fault::VersionUnsupported),
        ("ICY 200 OK", Fault::VersionInvalid),
        ("<html>", Fault::VersionInvalid),
        ("\r\nHTTP/1.1 200 OK", Fault::VersionInvalid),
    ];
    for (line, fault) in cases {
        assert_eq!(
            fault_of(&format!("{line}\r\n\r\n")),
            Some(fault),
            "{line:?}"
        );
    }
    assert_eq!(fault_of("HTTP/1.1 200 OK\nA: b\n\n"), Some(Fault::BareLf));
}

#[test]
fn bodies_are_delimited_as_in_rfc_9112() {
    use ResponseFraming::{Chunked, Length, None as Empty, UntilClose};
    let cases = [
        (
            "1.1 200 OK",
            "Content-Length: 05\r\n",
            (Length(5), true, Some(5)),
        ),
        (
            "1.1 200 OK",
            "Transfer-Encoding: Chunked\r\n",
            (Chunked, true, None),
        ),
        ("1.1 200 OK", "", (UntilClose, false, None)),
        (
            "1.0 200 OK",
            "Connection: keep-alive\r\n",
            (UntilClose, false, None),
        ),
        (
            "1.0 200 OK",
            "Content-Length: 1\r\n",
            (Length(1), false, Some(1)),
        ),
        (
            "1.0 200 OK",
            "Connection: keep-alive\r\nContent-Length: 1\r\n",
            (Length(1), true, Some(1)),
        ),
        (
            "1.1 200 OK",
            "Connection: close\r\nContent-Length: 1\r\n",
            (Length(1), false, Some(1)),
        ),
        (
            "1.1 200 OK",
            "Connection: a b\r\nContent-Length: 1\r\n",
            (Length(1), false, Some(1)),
        ),
        ("1.1 204 No Content", "", (Empty, true, None)),
        (
            "1.1 204 No Content",
            "Content-Length: 0\r\n",
            (Empty, true, None),
        ),
        (
            "1.1 204 No Content",
            "Content-Length: 5\r\n",
            (Empty, false, None),
        ),
        (
            "1.1 100 Continue",
            "Content-Length: 0\r\n",
            (Empty, true, None),
        ),
        (
            "1.1 304 Not Modified",
            "Content-Length: 5\r\n",
            (Empty, true, Some(5)),
        ),
        (
            "1.1 304 Not Modified",
            "Transfer-Encoding: chunked\r\n",
            (Empty, true, None),
        ),
    ];
    for (line, fields, expected) in cases {
        assert_eq!(framing(line, fields), Some(expected), "{line} {fields:?}");
    }
}

#[test]
fn answers_to_head_have_no_body_but_keep_their_length() {
    for (fields, length) in [
        ("Content-Length: 9\r\n", Some(9)),
        ("Transfer-Encoding: chunked\r\n", None),
        ("", None),
    ] {
        let head = parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), true);
        let found = head.map(|head| (head.framing, head.keep_alive, head.content_length));
        assert_eq!(
            found,
            Ok((ResponseFraming::None, true, length)),
            "{fields:?}"
        );
    }
}

#[test]
fn framing_faults() {
    let cases = [
        (
            "1.1 200 OK",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            Fault::ContentLengthRepeated,
        ),
        (
            "1.1 200 OK",
            "Content-Length: 5,5\r\n",
            Fault::ContentLengthInvalid,
        ),
        (
            "1.1 204 x",
            "Content-Length: -1\r\n",
            Fault::ContentLengthInvalid,
        ),
        (
            "1.1 200 OK",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Fault::TransferEncodingWithContentLength,
        ),
        (
            "1.0 200 OK",
            "Transfer-Encoding: chunked\r\n",
            Fault::TransferEncodingOnHttp10,
        ),
        (
            "1.1 200 OK",
            "Transfer-Encoding: gzip, chunked\r\n",
            Fault::TransferEncodingUnknown,
        ),
        (
            "1.1 200 OK",
            "Transfer-Encoding: chunked, chunked\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "1.1 204 x",
            "Transfer-Encoding: chunked\r\n",
            Fault::TransferEncodingForbidden,
        ),
        (
            "1.1 101 x",
            "Transfer-Encoding: chunked\r\n",
            Fault::TransferEncodingForbidden,
        ),
        ("1.1 200 OK", "a: b\r\n c\r\n", Fault::ObsFold),
        ("1.1 200 OK", "a: \0\r\n", Fault::FieldValueInvalid),
        ("1.1 200 OK", "a b: c\r\n", Fault::FieldNameInvalid),
        ("1.1 200 OK", "a\r\n", Fault::ColonMissing),
        ("1.1 200 OK", " : b\r\n", Fault::ObsFold),
    ];
    for (line, fields, fault) in cases {
        assert_eq!(
            fault_of(&format!("HTTP/{line}\r\n{fields}\r\n")),
            Some(fault),
            "{line} {fields:?}"
        );
    }
}

#[test]
fn space_before_the_colon_is_left_out() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length \t: 3\r\nServer: x\r\n\r\n";
    let head = parse(text, false).unwrap_or_default();
    assert_eq!(head.framing, ResponseFraming::Length(3));
    assert_eq!(head.fields[0].name(text.as_bytes()), b"Content-Length");
    assert_eq!(
        head.fields
            .iter()
            .map(|field| field.crlf)
            .collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn hop_by_hop_fields_are_removed_and_names_with_underscores_are_not() {
    let text = "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
        Content-Length: 1\r\nTrailer: x\r\nProxy-Authenticate: Basic\r\nX_Y: 1\r\nSet-Cookie: a\r\n\r\n";
    let head = parse(text, false).unwrap_or_default();
    let kept: Vec<_> = head.fields.iter().filter(|field| !field.removed).collect();
    let names: Vec<_> = kept
        .iter()
        .map(|field| field.name(text.as_bytes()))
        .collect();
    assert_eq!(names, [&b"Proxy-Authenticate"[..], b"X_Y", b"Set-Cookie"]);
    assert_eq!(head.find(text.as_bytes(), b"set-cookie"), Some(&b"a"[..]));
    assert!(head.has(Known::SetCookie) && head.get(Known::Server).is_none());
}

#[test]
fn upgrades() {
    let upgrade = |fields: &str| {
        parse(
            &format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n"),
            false,
        )
        .map(|head| head.upgrade)
    };
    assert_eq!(
        upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        Ok(true)
    );
    assert_eq!(upgrade("Upgrade: websocket\r\n"), Ok(false));
    assert_eq!(upgrade("Connection: upgrade\r\n"), Ok(false));
}

#[test]
fn limits_hold_for_responses_too() {
    let limits = HeadLimits {
        head_bytes: 40,
        fields: 1,
        ..HeadLimits::default()
    };
    let fault = |text: &str| {
        parse_response(
            text.as_bytes(),
            &limits,
            false,
            &mut ResponseHead::default(),
        )
    };
    assert_eq!(
        fault("HTTP/1.1 200 OK\r\na: b\r\nc: d\r\n\r\n"),
        Err(Fault::TooManyFields)
    );
    assert_eq!(
        fault(&format!("HTTP/1.1 200 {}", "x".repeat(40))),
        Err(Fault::HeadTooLarge)
    );
    assert_eq!(fault("HTTP/1.1 200 OK\r\na"), Ok(Parsed::Partial));
}

#[test]
fn lf_line_ends_where_the_service_allows_them() {
    let limits = HeadLimits {
        lf_line_ends: true,
        ..HeadLimits::default()
    };
    let text = b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok";
    let mut head = ResponseHead::default();
    assert_eq!(
        parse_response(text, &limits, false, &mut head),
        Ok(Parsed::Complete(35))
    );
    assert_eq!(
        (head.version, head.framing),
        (Version::Http10, ResponseFraming::Length(2))
    );
}
