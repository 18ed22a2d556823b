//! What valid request heads mean.

use frontdesk_http::{
    Framing, HeadLimits, Known, Method, Parsed, RequestHead, TargetForm, Underscores, Upgrade,
    Version, head_may_be_complete, parse_request,
};

fn parse_with(head: &str, limits: &HeadLimits) -> RequestHead {
    let mut parsed = RequestHead::default();
    let outcome = parse_request(head.as_bytes(), limits, &mut parsed);
    assert_eq!(outcome, Ok(Parsed::Complete(head.len())), "{head:?}");
    parsed
}

fn parse(head: &str) -> RequestHead {
    parse_with(head, &HeadLimits::default())
}

/// A POST on HTTP/1.1 with these field lines.
fn with_fields(fields: &str) -> RequestHead {
    parse(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn names<'b>(head: &RequestHead, buf: &'b str, removed: bool) -> Vec<&'b str> {
    let fields = head.fields.iter().filter(|field| field.removed == removed);
    fields
        .map(|field| std::str::from_utf8(field.name(buf.as_bytes())).unwrap_or("?"))
        .collect()
}

#[test]
fn parts_are_where_they_were_sent() {
    let text =
        "PUT /a/b?c=d&e HTTP/1.1\r\nHost: Example.com:8080\r\nX-A: \t b c \t\r\nempty:\r\n\r\n";
    let (head, buf) = (parse(text), text.as_bytes());
    assert_eq!(
        (head.method, head.version, head.form),
        (Method::Put, Version::Http11, TargetForm::Origin)
    );
    assert_eq!(head.method_text(buf), b"PUT");
    assert_eq!(head.target(buf), b"/a/b?c=d&e");
    assert_eq!(head.path(buf), b"/a/b");
    assert_eq!(head.query(buf), Some(&b"c=d&e"[..]));
    assert_eq!(head.host(buf), Some(&b"Example.com:8080"[..]));
    assert_eq!(head.host_name(buf), Some(&b"Example.com"[..]));
    assert_eq!(head.host_port, Some(8080));
    assert_eq!(head.find(buf, b"x-a"), Some(&b"b c"[..]));
    assert_eq!(head.find(buf, b"empty"), Some(&b""[..]));
    assert_eq!(head.find(buf, b"absent"), None);
    assert_eq!(head.fields[1].line(buf), b"X-A: \t b c \t\r\n");
    assert!(head.fields.iter().all(|field| field.crlf));
}

#[test]
fn empty_lines_before_the_request_are_part_of_the_head() {
    let text = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(parse(text).method_text(text.as_bytes()), b"GET");
}

#[test]
fn bytes_after_the_head_are_not_read() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\xff: not a head";
    let outcome = parse_request(text, &HeadLimits::default(), &mut RequestHead::default());
    assert_eq!(outcome, Ok(Parsed::Complete(27)));
}

#[test]
fn absolute_targets_name_the_same_host() {
    let cases = [
        (
            "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
            "/b",
            Some("c"),
            "a",
        ),
        (
            "GET HTTP://A:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "/",
            None,
            "a",
        ),
        (
            "GET https://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n",
            "/",
            None,
            "a:443",
        ),
        ("GET http://a HTTP/1.1\r\nHost: a:\r\n\r\n", "", None, "a"),
        (
            "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n",
            "",
            Some("q"),
            "a",
        ),
        (
            "GET http://[::1]:8/ HTTP/1.1\r\nHost: [::1]:8\r\n\r\n",
            "/",
            None,
            "[::1]:8",
        ),
        (
            "GET http://b.example:/x HTTP/1.0\r\n\r\n",
            "/x",
            None,
            "b.example",
        ),
    ];
    for (text, path, query, host) in cases {
        let (head, buf) = (parse(text), text.as_bytes());
        assert_eq!(head.form, TargetForm::Absolute, "{text:?}");
        assert_eq!(head.path(buf), path.as_bytes(), "{text:?}");
        assert_eq!(head.query(buf), query.map(str::as_bytes), "{text:?}");
        assert_eq!(head.host(buf), Some(host.as_bytes()), "{text:?}");
    }
}

#[test]
fn other_target_forms() {
    let asterisk = [
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for text in asterisk {
        let head = parse(text);
        assert_eq!(
            (head.form, head.path(text.as_bytes())),
            (TargetForm::Asterisk, &b""[..])
        );
    }
    let text = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    let head = parse(text);
    assert_eq!(
        (head.method, head.form),
        (Method::Connect, TargetForm::Authority)
    );
    assert_eq!(head.target(text.as_bytes()), b"a:443");
}

#[test]
fn odd_but_valid_target_bytes_pass() {
    let text = "GET /a%2F//..;\"<>\\^`{|}~?\"<>\\^`{|}?? HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = parse(text);
    assert_eq!(head.path(text.as_bytes()), b"/a%2F//..;\"<>\\^`{|}~");
    assert_eq!(head.query(text.as_bytes()), Some(&b"\"<>\\^`{|}??"[..]));
}

#[test]
fn http10_needs_no_host() {
    let head = parse("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((head.host, head.version), (None, Version::Http10));
}

#[test]
fn methods_are_case_sensitive_tokens() {
    let cases = [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
        ("PATCH", Method::Patch),
        ("TRACE", Method::Trace),
        ("get", Method::Other),
        ("PROPFIND", Method::Other),
        ("M!#$%&'*+-.^_`|~", Method::Other),
    ];
    for (name, method) in cases {
        let text = format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(parse(&text).method, method, "{name}");
        let idempotent = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].contains(&name);
        assert_eq!(method.is_idempotent(), idempotent, "{name}");
        assert_eq!(
            method.is_safe(),
            idempotent && !["PUT", "DELETE"].contains(&name),
            "{name}"
        );
    }
}

#[test]
fn framing_is_plain() {
    let framing = |fields: &str| with_fields(fields).framing;
    assert_eq!(framing(""), Framing::None);
    assert_eq!(framing("Content-Length: 0\r\n"), Framing::Length(0));
    assert_eq!(framing("Content-Length: \t007 \r\n"), Framing::Length(7));
    assert_eq!(
        framing("CONTENT-LENGTH:9223372036854775807\r\n"),
        Framing::Length(i64::MAX as u64)
    );
    assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Framing::Chunked);
    assert_eq!(
        framing("transfer-encoding:\tCHUNKed \r\n"),
        Framing::Chunked
    );
    assert_eq!(framing("X-Transfer-Encoding: gzip\r\n"), Framing::None);
}

#[test]
fn persistence_follows_version_and_connection() {
    let keeps = |version: &str, fields: &str| {
        parse(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).keep_alive
    };
    assert!(keeps("1.1", ""));
    assert!(keeps("1.1", "Connection: keep-alive\r\n"));
    assert!(!keeps("1.1", "Connection: close\r\n"));
    assert!(!keeps("1.1", "Connection: keep-alive, ,Close\r\n"));
    assert!(!keeps(
        "1.1",
        "Connection: keep-alive\r\nConnection: close\r\n"
    ));
    assert!(!keeps("1.0", ""));
    assert!(keeps("1.0", "connection: Keep-Alive\r\n"));
    assert!(!keeps("1.0", "Connection: keep-alive, close\r\n"));
}

#[test]
fn hop_by_hop_and_named_fields_are_removed() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-one, Content-Length,cookie\r\nX-One: 1\r\n\
        x-ONE: 2\r\nX-Two: 3\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nTE: trailers\r\nTrailer: x\r\n\
        Upgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Authorization: x\r\nContent-Length: 5\r\n\
        Expect: 100-continue\r\nCookie: x\r\nAuthorization: x\r\nAccept: x\r\n\r\n";
    let head = parse(text);
    assert_eq!(
        names(&head, text, false),
        ["X-Two", "Authorization", "Accept"]
    );
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.te_trailers);
}

#[test]
fn identity_fields_are_removed_and_not_found() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Consumer-ID: 1\r\nx-AUTHENTICATED-userid: 1\r\nX-Plan: gold\r\n\
        X-Plans: 1\r\nClient-Cert: x\r\nX-Forwarded-For: x\r\n\r\n";
    let head = parse(text);
    let removed = [
        "Host",
        "X-Consumer-ID",
        "x-AUTHENTICATED-userid",
        "X-Plan",
        "Client-Cert",
    ];
    assert_eq!(names(&head, text, true), removed);
    assert_eq!(head.find(text.as_bytes(), b"x-plan"), None);
    assert_eq!(
        head.find(text.as_bytes(), b"x-forwarded-for"),
        Some(&b"x"[..])
    );
}

#[test]
fn underscores_are_dropped_and_counted_or_allowed() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\na_b: 1\r\nX_Forwarded_For: 1\r\nX-Real_IP: 1\r\nx_plan: 1\r\n\
        Content_Length: 9\r\nTransfer_Encoding: x\r\n\r\n";
    let all = [
        "a_b",
        "X_Forwarded_For",
        "X-Real_IP",
        "x_plan",
        "Content_Length",
        "Transfer_Encoding",
    ];
    let dropped = parse(text);
    assert_eq!(names(&dropped, text, true)[1..], all);
    assert_eq!(dropped.underscores_dropped, 6);
    assert_eq!(dropped.find(text.as_bytes(), b"a_b"), None);
    assert_eq!(dropped.framing, Framing::None);
    assert!(!dropped.has(Known::XForwardedFor));

    let limits = HeadLimits {
        underscores: Underscores::Allow,
        ..HeadLimits::default()
    };
    let allowed = parse_with(text, &limits);
    assert_eq!(names(&allowed, text, false), ["a_b"]);
    assert_eq!(allowed.underscores_dropped, 5);
    assert_eq!(allowed.find(text.as_bytes(), b"A_B"), Some(&b"1"[..]));
}

#[test]
fn expectations() {
    let expects = |version: &str, fields: &str| {
        parse(&format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).expect_continue
    };
    assert!(expects(
        "1.1",
        "Expect: 100-Continue\r\nContent-Length: 1\r\n"
    ));
    assert!(expects(
        "1.1",
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"
    ));
    assert!(!expects(
        "1.1",
        "Expect: 100-continue\r\nContent-Length: 0\r\n"
    ));
    assert!(!expects("1.1", "Expect: 100-continue\r\n"));
    assert!(!expects(
        "1.0",
        "Expect: 100-continue\r\nContent-Length: 1\r\n"
    ));
    assert!(!expects(
        "1.0",
        "Expect: something\r\nContent-Length: 1\r\n"
    ));
}

#[test]
fn upgrades_need_the_connection_option() {
    let upgrade =
        |line: &str, fields: &str| parse(&format!("{line}\r\nHost: a\r\n{fields}\r\n")).upgrade;
    let get = "GET / HTTP/1.1";
    let both = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
    assert_eq!(upgrade(get, both), Upgrade::WebSocket);
    assert_eq!(
        upgrade(get, &format!("{both}Content-Length: 0\r\n")),
        Upgrade::WebSocket
    );
    assert_eq!(
        upgrade(get, &format!("{both}Content-Length: 1\r\n")),
        Upgrade::Other
    );
    assert_eq!(
        upgrade(get, &format!("{both}Upgrade: h2c\r\n")),
        Upgrade::Other
    );
    assert_eq!(
        upgrade(get, "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n"),
        Upgrade::Other
    );
    assert_eq!(
        upgrade(get, "Connection: upgrade\r\nUpgrade: h2c\r\n"),
        Upgrade::Other
    );
    assert_eq!(upgrade(get, "Upgrade: websocket\r\n"), Upgrade::None);
    assert_eq!(upgrade(get, "Connection: upgrade\r\n"), Upgrade::None);
    assert_eq!(upgrade("POST / HTTP/1.1", both), Upgrade::Other);
    assert_eq!(upgrade("GET / HTTP/1.0", both), Upgrade::None);
}

#[test]
fn lf_line_ends_where_the_listener_allows_them() {
    let limits = HeadLimits {
        lf_line_ends: true,
        ..HeadLimits::default()
    };
    let text = "\nGET / HTTP/1.1\nHost: a\nx: 1\r\n\n";
    let head = parse_with(text, &limits);
    assert_eq!(
        head.fields
            .iter()
            .map(|field| field.crlf)
            .collect::<Vec<_>>(),
        [false, true]
    );
    let bare_cr = parse_request(
        b"GET / HTTP/1.1\rHost: a\n\n",
        &limits,
        &mut RequestHead::default(),
    );
    assert!(bare_cr.is_err());
}

#[test]
fn a_head_can_be_used_again() {
    let limits = HeadLimits::default();
    let mut head = RequestHead::default();
    let first = b"POST /x?q HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\nContent-Length: 1\r\nX-Plan: 1\r\n\r\n";
    assert!(parse_request(first, &limits, &mut head).is_ok());
    let capacity = head.fields.capacity();
    let second = b"GET / HTTP/1.0\r\n\r\n";
    assert!(parse_request(second, &limits, &mut head).is_ok());
    assert_eq!(
        format!("{head:?}"),
        format!("{:?}", parse("GET / HTTP/1.0\r\n\r\n"))
    );
    assert_eq!(head.fields.capacity(), capacity);
}

#[test]
fn a_drip_of_bytes_shows_when_the_head_could_be_whole() {
    let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nnext";
    let mut from = 0;
    let whole = (1..=text.len()).find(|&len| head_may_be_complete(&text[..len], &mut from));
    assert_eq!(whole, Some(text.len() - 4));
    assert!(head_may_be_complete(b"a\n\n", &mut 0));
    assert!(!head_may_be_complete(b"a\n", &mut 0));
    assert!(!head_may_be_complete(b"", &mut 0));
}

#[test]
fn empty_lines_alone_are_reported_once() {
    let text = b"\r\n\r\nGET / HTTP/1.1\r\n";
    let mut from = 0;
    assert!(head_may_be_complete(text, &mut from));
    assert!(!head_may_be_complete(text, &mut from));
}
