//! Which names the gateway recognises.

use frontdesk_http::{Known, is_token, is_value};

#[test]
fn names_are_known_in_any_case() {
    let cases = [
        ("Host", Known::Host),
        ("TE", Known::Te),
        ("Via", Known::Via),
        ("date", Known::Date),
        ("Content-Length", Known::ContentLength),
        ("TRANSFER-ENCODING", Known::TransferEncoding),
        ("HTTP2-Settings", Known::Http2Settings),
        ("x-forwarded-FOR", Known::XForwardedFor),
        ("X-Forwarded-Host", Known::XForwardedHost),
        ("X-Forwarded-Port", Known::XForwardedPort),
        ("Proxy-Authenticate", Known::ProxyAuthenticate),
        ("proxy-authorization", Known::ProxyAuthorization),
        ("WWW-Authenticate", Known::WwwAuthenticate),
        ("If-Unmodified-Since", Known::IfUnmodifiedSince),
        ("traceparent", Known::Traceparent),
        ("Accept-Encoding", Known::AcceptEncoding),
    ];
    for (name, known) in cases {
        assert_eq!(Known::of(name.as_bytes()), known, "{name}");
    }
}

#[test]
fn near_misses_are_not_known() {
    for name in [
        "",
        "h",
        "hos",
        "hostt",
        "content-lengtx",
        "content-length-",
        "xcontent-length",
        "x-forwarded",
        "transfer-encodingtransfer-encoding",
        "x-plans",
        "client-certs",
        "x-consumer",
        "t",
        "content+length",
    ] {
        assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
    }
}

#[test]
fn identity_fields_and_their_aliases() {
    for name in [
        "X-Consumer-ID",
        "x-consumer-",
        "X-Authenticated-Scope",
        "X-Plan",
        "X-Credential-Id",
        "X-Auth-Request-User",
        "X-SSL-Client-Verify",
        "Client-Cert",
        "Client-Cert-Chain",
        "X-Client-Cert",
        "x-client-cert-dn",
        "X_Consumer_ID",
        "x-consumer_name",
        "X_PLAN",
        "client_cert",
        "x_ssl_client_s_dn",
        "X_Forwarded_For",
        "x-forwarded_proto",
        "x_real_ip",
        "x_authenticated_a-name-that-is-longer-than-all-of-the-table",
    ] {
        assert_eq!(Known::of(name.as_bytes()), Known::Identity, "{name}");
    }
}

#[test]
fn other_names_with_underscores() {
    for name in [
        "_",
        "a_b",
        "content_length",
        "x_request_id",
        "X_Plans",
        "accept_encoding",
    ] {
        assert_eq!(Known::of(name.as_bytes()), Known::Underscore, "{name}");
    }
}

#[test]
fn alphabets() {
    assert!(is_token(b"aZ09!#$%&'*+-.^_`|~"));
    for name in [&b""[..], b"a b", b"a:", b"a\xe9", b"(", b"a\r"] {
        assert!(!is_token(name), "{}", name.escape_ascii());
    }
    for value in [&b""[..], b"a b\tc", b"\xff", b"\"x\""] {
        assert!(is_value(value), "{}", value.escape_ascii());
    }
    for value in [&b" a"[..], b"a\t", b"a\rb", b"\0", b"\x7f", b"a\nb"] {
        assert!(!is_value(value), "{}", value.escape_ascii());
    }
}
