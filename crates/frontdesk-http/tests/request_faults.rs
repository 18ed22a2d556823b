//! Every way in which a request head is refused, byte for byte.

use frontdesk_http::{Fault, HeadLimits, Parsed, RequestHead, Underscores, parse_request};

fn parse_with(head: &[u8], limits: &HeadLimits) -> Result<Parsed, Fault> {
    parse_request(head, limits, &mut RequestHead::default())
}

fn fault_of(head: &[u8]) -> Option<Fault> {
    parse_with(head, &HeadLimits::default()).err()
}

/// Assert the fault of each request line, all with a valid Host.
fn assert_lines(cases: &[(&str, Fault)]) {
    for (line, fault) in cases {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(fault_of(head.as_bytes()), Some(*fault), "{line:?}");
    }
}

/// Assert the fault of each block of field lines, behind a valid request line and Host.
fn assert_fields(cases: &[(&str, Fault)]) {
    for (fields, fault) in cases {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(fault_of(head.as_bytes()), Some(*fault), "{fields:?}");
    }
}

#[test]
fn request_lines() {
    assert_lines(&[
        (" / HTTP/1.1", Fault::MethodInvalid),
        ("GE(T / HTTP/1.1", Fault::MethodInvalid),
        ("GET\t/ HTTP/1.1", Fault::MethodInvalid),
        ("GET: / HTTP/1.1", Fault::MethodInvalid),
        ("GET", Fault::MethodInvalid),
        ("G\0T / HTTP/1.1", Fault::MethodInvalid),
        ("\u{e9} / HTTP/1.1", Fault::MethodInvalid),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1",
            Fault::MethodTooLong,
        ),
        ("GET  / HTTP/1.1", Fault::RequestLineInvalid),
        ("GET ", Fault::RequestLineInvalid),
        ("GET /", Fault::RequestLineInvalid),
        ("GET  HTTP/1.1", Fault::RequestLineInvalid),
        ("GET / ", Fault::VersionInvalid),
        ("GET /  HTTP/1.1", Fault::VersionInvalid),
        ("GET / HTTP/1.1 ", Fault::VersionInvalid),
        ("GET / HTTP/1.1\t", Fault::VersionInvalid),
        ("GET / HTTP/1.11", Fault::VersionInvalid),
        ("GET / http/1.1", Fault::VersionInvalid),
        ("GET / HTTP/1", Fault::VersionInvalid),
        ("GET / HTTP/11.1", Fault::VersionInvalid),
        ("GET / HTTP/1,1", Fault::VersionInvalid),
        ("GET / HTTPS/1.1", Fault::VersionInvalid),
        ("GET / x HTTP/1.1", Fault::VersionInvalid),
        ("GET / HTTP/0.9", Fault::VersionUnsupported),
        ("GET / HTTP/1.2", Fault::VersionUnsupported),
        ("GET / HTTP/1.9", Fault::VersionUnsupported),
        ("GET / HTTP/2.0", Fault::VersionUnsupported),
        ("GET / HTTP/3.0", Fault::VersionUnsupported),
    ]);
}

#[test]
fn targets() {
    assert_lines(&[
        ("GET a HTTP/1.1", Fault::TargetInvalid),
        ("GET ?q HTTP/1.1", Fault::TargetInvalid),
        ("GET * HTTP/1.1", Fault::TargetInvalid),
        ("OPTIONS ** HTTP/1.1", Fault::TargetInvalid),
        ("GET a:80 HTTP/1.1", Fault::TargetInvalid),
        ("GET ftp://a/ HTTP/1.1", Fault::TargetInvalid),
        ("GET http:/a/ HTTP/1.1", Fault::TargetInvalid),
        ("GET http:a HTTP/1.1", Fault::TargetInvalid),
        ("GET \\\\a HTTP/1.1", Fault::TargetInvalid),
        ("CONNECT / HTTP/1.1", Fault::TargetInvalid),
        ("CONNECT a HTTP/1.1", Fault::TargetInvalid),
        ("CONNECT a: HTTP/1.1", Fault::TargetInvalid),
        ("CONNECT http://a:80/ HTTP/1.1", Fault::TargetInvalid),
        ("CONNECT u@a:80 HTTP/1.1", Fault::TargetInvalid),
        ("GET /#x HTTP/1.1", Fault::TargetFragment),
        ("GET /?q#x HTTP/1.1", Fault::TargetFragment),
        ("GET http://a/#x HTTP/1.1", Fault::TargetFragment),
        ("GET /\u{e4} HTTP/1.1", Fault::TargetByteInvalid),
        ("GET /?q=\u{e4} HTTP/1.1", Fault::TargetByteInvalid),
        ("GET /\0 HTTP/1.1", Fault::TargetByteInvalid),
        ("GET /\x7f HTTP/1.1", Fault::TargetByteInvalid),
        ("GET /a\tb HTTP/1.1", Fault::TargetByteInvalid),
        ("GET http:/// HTTP/1.1", Fault::HostInvalid),
        ("GET http://?q HTTP/1.1", Fault::HostInvalid),
        ("GET http://u@a/ HTTP/1.1", Fault::HostInvalid),
        ("GET http://a:65536/ HTTP/1.1", Fault::HostInvalid),
        ("GET http://a\\b/ HTTP/1.1", Fault::HostInvalid),
        ("GET http://b/ HTTP/1.1", Fault::HostMismatch),
        ("GET http://a:8080/ HTTP/1.1", Fault::HostMismatch),
        ("GET https://a:80/ HTTP/1.1", Fault::HostMismatch),
        ("GET http://b/ HTTP/1.0", Fault::HostMismatch),
    ]);
}

#[test]
fn hosts() {
    let cases: [(&str, Fault); 10] = [
        ("GET / HTTP/1.1\r\n\r\n", Fault::HostMissing),
        ("GET http://a/ HTTP/1.1\r\n\r\n", Fault::HostMissing),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            Fault::HostRepeated,
        ),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nhOST: b\r\n\r\n",
            Fault::HostRepeated,
        ),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Fault::HostInvalid),
        ("GET / HTTP/1.0\r\nHost: \t\r\n\r\n", Fault::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", Fault::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Fault::HostInvalid),
        (
            "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
            Fault::HostInvalid,
        ),
        (
            "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n",
            Fault::HostInvalid,
        ),
    ];
    for (head, fault) in cases {
        assert_eq!(fault_of(head.as_bytes()), Some(fault), "{head:?}");
    }
}

#[test]
fn field_lines() {
    assert_fields(&[
        (": x\r\n", Fault::FieldNameEmpty),
        ("a b: x\r\n", Fault::FieldNameInvalid),
        ("a(: x\r\n", Fault::FieldNameInvalid),
        ("\u{e4}: x\r\n", Fault::FieldNameInvalid),
        ("a\0: x\r\n", Fault::FieldNameInvalid),
        ("Content\rLength: 5\r\n", Fault::ColonMissing),
        ("a\x0bb: x\r\n", Fault::FieldNameInvalid),
        ("a : x\r\n", Fault::SpaceBeforeColon),
        ("a\t: x\r\n", Fault::SpaceBeforeColon),
        ("Content-Length : 5\r\n", Fault::SpaceBeforeColon),
        ("a\r\n", Fault::ColonMissing),
        ("a \r\n", Fault::ColonMissing),
        (" a: x\r\n", Fault::ObsFold),
        ("a: x\r\n y\r\n", Fault::ObsFold),
        ("a: x\r\n\ty: z\r\n", Fault::ObsFold),
        ("a: x\r\n \r\n", Fault::ObsFold),
        ("a: x\ry\r\n", Fault::BareCr),
        ("a: x\r\r\n", Fault::BareCr),
        ("\ra: x\r\n", Fault::BareCr),
        ("a: x\n", Fault::BareLf),
        ("a: x\r\nb: y\nc: z\r\n", Fault::BareLf),
        ("\n", Fault::BareLf),
        ("a: x\0y\r\n", Fault::FieldValueInvalid),
        ("a: \x01\r\n", Fault::FieldValueInvalid),
        ("a: x\x0b\r\n", Fault::FieldValueInvalid),
        ("a: \x7f\r\n", Fault::FieldValueInvalid),
        ("a: \x1b[31m\r\n", Fault::FieldValueInvalid),
    ]);
}

#[test]
fn framing() {
    assert_fields(&[
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Fault::TransferEncodingWithContentLength,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            Fault::TransferEncodingWithContentLength,
        ),
        (
            "Transfer-Encoding: gzip\r\nContent-Length: 0\r\n",
            Fault::TransferEncodingWithContentLength,
        ),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            Fault::ContentLengthRepeated,
        ),
        (
            "Content-Length: 5\r\ncontent-length: 6\r\n",
            Fault::ContentLengthRepeated,
        ),
        ("Content-Length: 5, 5\r\n", Fault::ContentLengthInvalid),
        ("Content-Length: +5\r\n", Fault::ContentLengthInvalid),
        ("Content-Length: -5\r\n", Fault::ContentLengthInvalid),
        ("Content-Length: 1 0\r\n", Fault::ContentLengthInvalid),
        ("Content-Length: 0x5\r\n", Fault::ContentLengthInvalid),
        ("Content-Length:\r\n", Fault::ContentLengthInvalid),
        (
            "Content-Length: 9223372036854775808\r\n",
            Fault::ContentLengthTooLarge,
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Fault::TransferEncodingRepeated,
        ),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            Fault::TransferEncodingRepeated,
        ),
        (
            "Transfer-Encoding: , chunked\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "Transfer-Encoding: chunked, chunked\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "Transfer-Encoding: chunked, identity\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "Transfer-Encoding: chunked;q=1\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "Transfer-Encoding: \"chunked\"\r\n",
            Fault::TransferEncodingInvalid,
        ),
        ("Transfer-Encoding:\r\n", Fault::TransferEncodingInvalid),
        (
            "Transfer-Encoding: \u{e9}chunked\r\n",
            Fault::TransferEncodingInvalid,
        ),
        (
            "Transfer-Encoding: xchunked\r\n",
            Fault::TransferEncodingUnknown,
        ),
        (
            "Transfer-Encoding: identity\r\n",
            Fault::TransferEncodingUnknown,
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            Fault::TransferEncodingUnknown,
        ),
    ]);
    let on_http10 = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(fault_of(on_http10), Some(Fault::TransferEncodingOnHttp10));
}

#[test]
fn expectations_and_connection_options() {
    assert_fields(&[
        ("Expect: 200-ok\r\n", Fault::ExpectationUnknown),
        ("Expect:\r\n", Fault::ExpectationUnknown),
        (
            "Expect: 100-continue, 100-continue\r\n",
            Fault::ExpectationUnknown,
        ),
        (
            "Expect: 100-continue\r\nExpect: x\r\n",
            Fault::ExpectationUnknown,
        ),
        ("Connection: clo se\r\n", Fault::ConnectionInvalid),
        ("Connection: close; x\r\n", Fault::ConnectionInvalid),
        (
            &format!("Connection: {}\r\n", "a,".repeat(33)),
            Fault::ConnectionInvalid,
        ),
    ]);
}

#[test]
fn limits() {
    let limits = HeadLimits {
        head_bytes: 100,
        fields: 2,
        target_bytes: 10,
        ..HeadLimits::default()
    };
    let fault = |head: &str| parse_with(head.as_bytes(), &limits).err();
    let padded = |pad: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
            "y".repeat(pad)
        )
    };
    let most = 100 - padded(0).len();

    assert_eq!(fault(&padded(most)), None);
    assert_eq!(fault(&padded(most + 1)), Some(Fault::HeadTooLarge));
    assert_eq!(fault(&padded(most)[..99]), None);
    assert_eq!(
        fault(&format!("{}z", "\r\n".repeat(4) + &padded(most)[..91])),
        Some(Fault::HeadTooLarge)
    );
    assert_eq!(
        fault("GET / HTTP/1.1\r\nHost: a\r\nx: 1\r\ny"),
        Some(Fault::TooManyFields)
    );
    assert_eq!(fault("GET /123456789 HTTP/1.1\r\nHost: a\r\n\r\n"), None);
    assert_eq!(fault("GET /1234567890"), Some(Fault::TargetTooLong));
    assert_eq!(
        fault("GET /1234567890 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Some(Fault::TargetTooLong)
    );
}

#[test]
fn too_many_empty_lines_come_before_the_request() {
    let after = |lines: usize| "\r\n".repeat(lines) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(fault_of(after(4).as_bytes()), None);
    assert_eq!(fault_of(after(5).as_bytes()), Some(Fault::MethodInvalid));
    assert_eq!(fault_of(b"\nGET / HTTP/1.1\r\n"), Some(Fault::BareLf));
    assert_eq!(fault_of(b"\rGET / HTTP/1.1\r\n"), Some(Fault::BareCr));
}

#[test]
fn faults_show_before_the_head_is_whole() {
    assert_eq!(
        fault_of(b"\x16\x03\x01\x02\x00"),
        Some(Fault::MethodInvalid)
    );
    assert_eq!(fault_of(b"GET / FTP"), Some(Fault::VersionInvalid));
    assert_eq!(
        fault_of(b"GET / HTTP/1.1\r\na b"),
        Some(Fault::FieldNameInvalid)
    );
    assert_eq!(
        fault_of(b"GET / HTTP/1.1\r\nHost: a\n"),
        Some(Fault::BareLf)
    );
}

#[test]
fn underscores_are_refused_where_the_listener_says_so() {
    let limits = HeadLimits {
        underscores: Underscores::Refuse,
        ..HeadLimits::default()
    };
    for name in ["a_b", "_", "X_Consumer_Id", "content_length"] {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: x\r\n\r\n");
        assert_eq!(
            parse_with(head.as_bytes(), &limits),
            Err(Fault::UnderscoreRefused),
            "{name}"
        );
    }
}
