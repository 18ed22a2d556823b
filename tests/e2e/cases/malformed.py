"""Requests that must be refused before a byte goes upstream (http.md, "HTTP/1 messages")."""

from __future__ import annotations

from .model import Case, case, chunked, head, post

TAIL = b"0\r\n\r\n"


def start(line: bytes) -> bytes:
    """A request that is valid but for its request line."""
    return head(start=line)


REQUEST_LINE: list[Case] = [
    case("version-0.9-style", b"GET /echo\r\n\r\n", rule="RFC 9112 §3"),
    case("version-missing-with-host", start(b"GET /echo"), rule="RFC 9112 §3"),
    case("version-1.2", start(b"GET /echo HTTP/1.2"), 505, rule="named deviation"),
    case("version-1.9", start(b"GET /echo HTTP/1.9"), 505, rule="named deviation"),
    case("version-2.0", start(b"GET /echo HTTP/2.0"), 505, rule="RFC 9110 §15.6.6"),
    case("version-0.9", start(b"GET /echo HTTP/0.9"), 505, rule="RFC 9110 §15.6.6"),
    case("version-9.9", start(b"GET /echo HTTP/9.9"), 505, rule="RFC 9110 §15.6.6"),
    case("version-lower-case", start(b"GET /echo http/1.1"), rule="RFC 9112 §2.3"),
    case("version-two-digits", start(b"GET /echo HTTP/1.10"), 400, 505, rule="RFC 9112 §2.3"),
    case("version-comma", start(b"GET /echo HTTP/1,1"), rule="RFC 9112 §2.3"),
    case("version-other-protocol", start(b"GET /echo ICAP/1.0"), rule="RFC 9112 §2.3"),
    case("version-space-inside", start(b"GET /echo HTTP/ 1.1"), rule="RFC 9112 §2.3"),
    case("version-trailing-space", start(b"GET /echo HTTP/1.1 "), rule="RFC 9112 §3"),
    case("version-trailing-word", start(b"GET /echo HTTP/1.1 x"), rule="RFC 9112 §3"),
    case("space-double-after-method", start(b"GET  /echo HTTP/1.1"), rule="RFC 9112 §3"),
    case("space-double-after-target", start(b"GET /echo  HTTP/1.1"), rule="RFC 9112 §3"),
    case("space-inside-target", start(b"GET /ec ho HTTP/1.1"), rule="RFC 9112 §3.2"),
    case("space-before-method", start(b" GET /echo HTTP/1.1"), rule="RFC 9112 §3"),
    case("tab-after-method", start(b"GET\t/echo HTTP/1.1"), rule="RFC 9112 §3"),
    case("tab-before-version", start(b"GET /echo\tHTTP/1.1"), rule="RFC 9112 §3"),
    case("method-empty", start(b" /echo HTTP/1.1"), rule="RFC 9112 §3.1"),
    case("method-colon", start(b"GE:T /echo HTTP/1.1"), rule="RFC 9110 §5.6.2"),
    case("method-bracket", start(b"G[ET /echo HTTP/1.1"), rule="RFC 9110 §5.6.2"),
    case("method-nul", start(b"GE\0T /echo HTTP/1.1"), rule="RFC 9110 §5.6.2"),
    case("method-8-bit", start(b"G\xc9T /echo HTTP/1.1"), rule="RFC 9110 §5.6.2"),
    case("method-del", start(b"GE\x7fT /echo HTTP/1.1"), rule="RFC 9110 §5.6.2"),
    case("target-empty", start(b"GET  HTTP/1.1"), rule="RFC 9112 §3.2"),
    case("target-fragment", start(b"GET /echo#top HTTP/1.1"), rule="RFC 9112 §3.2"),
    case("target-fragment-in-query", start(b"GET /echo?a=1#top HTTP/1.1"), rule="RFC 9112 §3.2"),
    case("target-no-slash", start(b"GET echo HTTP/1.1"), rule="RFC 9112 §3.2.1"),
    case("target-asterisk-for-get", start(b"GET * HTTP/1.1"), rule="RFC 9112 §3.2.4"),
    case("target-authority-for-get", start(b"GET a.test:80 HTTP/1.1"), rule="RFC 9112 §3.2.3"),
    case("target-nul", start(b"GET /ec\0ho HTTP/1.1"), rule="RFC 3986 §2"),
    case("target-del", start(b"GET /ec\x7fho HTTP/1.1"), rule="RFC 3986 §2"),
    case("target-control", start(b"GET /ec\x01ho HTTP/1.1"), rule="RFC 3986 §2"),
    case("target-8-bit", start(b"GET /ec\xe4ho HTTP/1.1"), rule="RFC 3986 §2"),
    case("query-8-bit", start(b"GET /echo?q=\xe4 HTTP/1.1"), rule="RFC 3986 §3.4"),
    case("query-nul", start(b"GET /echo?q=\0 HTTP/1.1"), rule="RFC 3986 §3.4"),
    case("target-cr", start(b"GET /ec\rho HTTP/1.1"), rule="RFC 9112 §2.2"),
    case("target-lf", start(b"GET /ec\nho HTTP/1.1"), rule="RFC 9112 §2.2"),
    case("absolute-ftp", start(b"GET ftp://a.test/echo HTTP/1.1"), rule="http and https only"),
    case("absolute-no-authority", start(b"GET http:///echo HTTP/1.1"), rule="RFC 9110 §4.2.1"),
    case("absolute-userinfo", start(b"GET http://u@a.test/echo HTTP/1.1"), rule="RFC 9110 §4.2.4"),
    case(
        "absolute-other-host",
        start(b"GET http://b.test/echo HTTP/1.1"),
        rule="stricter than RFC 9112 §3.2.2",
    ),
    case(
        "absolute-other-port",
        start(b"GET http://a.test:81/echo HTTP/1.1"),
        rule="stricter than §3.2.2",
    ),
    case(
        "absolute-https-port",
        start(b"GET http://a.test:443/echo HTTP/1.1"),
        rule="stricter than §3.2.2",
    ),
    case(
        "garbage-tls-hello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"\r\n\r\n",
    ),
    case("broken-h2-preface", b"PRI * HTTP/2.0\r\n\r\nXM\r\n\r\n", 400, 505, rule="RFC 9113 §3.4"),
]

HOST: list[Case] = [
    case("missing", head(host=False), rule="RFC 9112 §3.2"),
    case(
        "missing-absolute-form",
        head(start=b"GET http://a.test/echo HTTP/1.1", host=False),
        rule="§3.2",
    ),
    case("repeated-different", head("Host: b.test"), rule="RFC 9112 §3.2"),
    case("repeated-equal", head("Host: a.test"), rule="RFC 9112 §3.2"),
    case("repeated-other-case", head("HOST: a.test"), rule="RFC 9112 §3.2"),
    *(
        case(name, head(b"Host: " + value, host=False), rule="RFC 9110 §7.2, RFC 3986 §3.2")
        for name, value in {
            "list": b"a.test, b.test",
            "comma": b"a.test,",
            "userinfo": b"user@a.test",
            "userinfo-password": b"user:secret@a.test",
            "port-65536": b"a.test:65536",
            "port-huge": b"a.test:99999999999999999999",
            "port-word": b"a.test:http",
            "port-signed": b"a.test:+80",
            "port-twice": b"a.test:80:80",
            "space-inside": b"a .test",
            "tab-inside": b"a\t.test",
            "two-words": b"a.test b.test",
            "path": b"a.test/x",
            "query": b"a.test?x",
            "fragment": b"a.test#x",
            "url": b"http://a.test",
            "backslash": b"a.test\\x",
            "quote": b'"a.test"',
            "percent-broken": b"a%zz.test",
            "8-bit": b"\xe4.test",
            "nul": b"a\0.test",
            "bracket-open": b"[::1",
            "bracket-close": b"::1]",
            "bracket-word": b"[a.test]",
            "bracket-empty": b"[]",
            "bracket-tail": b"[::1]x",
            "ipv6-bare": b"::1",
            "only-port": b":80",
            "pipe": b"a|b.test",
            "angle": b"<a.test>",
        }.items()
    ),
]

FIELDS: list[Case] = [
    case("no-colon", head("just words"), rule="RFC 9112 §5"),
    case("no-colon-last", head("X-A: 1", "novalue"), rule="RFC 9112 §5"),
    case("name-empty", head(": value"), rule="RFC 9110 §5.1"),
    case("name-space-before-colon", head("X-A : 1"), rule="RFC 9112 §5.1"),
    case("name-tab-before-colon", head("X-A\t: 1"), rule="RFC 9112 §5.1"),
    case("name-space-inside", head("X A: 1"), rule="RFC 9110 §5.1"),
    case(
        "name-leading-space-first",
        b"GET /echo HTTP/1.1\r\n Host: a.test\r\n\r\n",
        rule="RFC 9112 §2.2",
    ),
    case("name-nul", head("X\0A: 1"), rule="RFC 9110 §5.1"),
    case("name-8-bit", head("X-\xe4: 1"), rule="RFC 9110 §5.1"),
    case("name-parenthesis", head("X(A): 1"), rule="RFC 9110 §5.6.2"),
    case("name-slash", head("X/A: 1"), rule="RFC 9110 §5.6.2"),
    case("name-quote", head('"X": 1'), rule="RFC 9110 §5.6.2"),
    case("name-at", head("X@A: 1"), rule="RFC 9110 §5.6.2"),
    case("name-equals", head("X=A: 1"), rule="RFC 9110 §5.6.2"),
    case("name-control", head("X\x01A: 1"), rule="RFC 9110 §5.1"),
    case("name-del", head("X\x7fA: 1"), rule="RFC 9110 §5.1"),
    case("value-nul", head("X-A: a\0b"), rule="RFC 9110 §5.5"),
    case("value-bell", head("X-A: a\x07b"), rule="RFC 9110 §5.5"),
    case("value-escape", head("X-A: \x1b[31m"), rule="RFC 9110 §5.5"),
    case("value-del", head("X-A: a\x7fb"), rule="RFC 9110 §5.5"),
    case("value-vertical-tab", head("X-A: a\x0bb"), rule="RFC 9110 §5.5"),
    case("value-form-feed", head("X-A: a\x0cb"), rule="RFC 9110 §5.5"),
    case("obs-fold-space", head("X-A: 1", " 2"), rule="RFC 9112 §5.2"),
    case("obs-fold-tab", head("X-A: 1", "\t2"), rule="RFC 9112 §5.2"),
    case("obs-fold-empty", head("X-A: 1", " "), rule="RFC 9112 §5.2"),
    case("obs-fold-after-host", head(" x"), rule="RFC 9112 §5.2"),
    case("bare-cr-in-value", head("X-A: a\rb"), rule="RFC 9112 §2.2"),
    case("bare-cr-hides-field", head("X-A: a\rX-B: b"), rule="RFC 9112 §2.2"),
    case("bare-cr-before-crlf", head("X-A: a\r"), rule="RFC 9112 §2.2"),
    case("bare-cr-in-name", head("X\rA: a"), rule="RFC 9112 §2.2"),
    case("bare-lf-ends-field", head("X-A: a\nX-B: b"), rule="RFC 9112 §2.2"),
    case("bare-lf-ends-head", b"GET /echo HTTP/1.1\r\nHost: a.test\r\n\n", rule="RFC 9112 §2.2"),
    case("bare-lf-everywhere", b"GET /echo HTTP/1.1\nHost: a.test\n\n", rule="RFC 9112 §2.2"),
    case("bare-lf-request-line", b"GET /echo HTTP/1.1\nHost: a.test\r\n\r\n", rule="RFC 9112 §2.2"),
    case("cr-cr-lf", b"GET /echo HTTP/1.1\r\r\nHost: a.test\r\n\r\n", rule="RFC 9112 §2.2"),
    case("expect-other", head("Expect: 200-ok"), 417, rule="RFC 9110 §10.1.1"),
    case("expect-list", head("Expect: 100-continue, more"), 417, rule="RFC 9110 §10.1.1"),
]

CONTENT_LENGTH: list[Case] = [
    *(
        case(name, post(b"Content-Length: " + value, body=b"hello"), rule="RFC 9112 §6.3")
        for name, value in {
            "plus": b"+5",
            "minus": b"-5",
            "list-equal": b"5, 5",
            "list-different": b"5, 6",
            "list-tight": b"5,5",
            "list-trailing-comma": b"5,",
            "inner-space": b"5 5",
            "inner-tab": b"5\t5",
            "hex-prefix": b"0x5",
            "hex-digits": b"a",
            "empty": b"",
            "float": b"5.0",
            "exponent": b"5e0",
            "word": b"five",
            "quoted": b'"5"',
            "semicolon": b"5;",
            "underscore": b"5_0",
            "over-63-bits": b"9223372036854775808",
            "over-64-bits": b"18446744073709551616",
            "over-64-bits-wraps-to-5": b"18446744073709551621",
            "many-digits": b"9" * 60,
            "arabic-digit": "\u0665".encode(),
            "superscript": b"5\xb2",
        }.items()
    ),
    case(
        "repeated-equal", post("Content-Length: 5", "Content-Length: 5", body=b"hello"), rule="§6.3"
    ),
    case(
        "repeated-different",
        post("Content-Length: 5", "Content-Length: 6", body=b"hello!"),
        rule="§6.3",
    ),
    case(
        "repeated-other-case",
        post("Content-Length: 5", "content-LENGTH: 0", body=b"hello"),
        rule="§6.3",
    ),
    case(
        "repeated-zero-first",
        post("Content-Length: 0", "Content-Length: 5", body=b"hello"),
        rule="§6.3",
    ),
    case(
        "repeated-far-apart",
        post("Content-Length: 5", *["X-A: 1"] * 40, "Content-Length: 5", body=b"hello"),
    ),
    case("get-with-bad-length", head("Content-Length: x"), rule="RFC 9112 §6.3"),
]

CHUNKS: list[Case] = [
    *(
        case(name, chunked(body), rule="RFC 9112 §7.1")
        for name, body in {
            "size-empty": b"\r\nhello\r\n" + TAIL,
            "size-word": b"xyz\r\nhello\r\n" + TAIL,
            "size-signed": b"+5\r\nhello\r\n" + TAIL,
            "size-minus": b"-5\r\nhello\r\n" + TAIL,
            "size-hex-prefix": b"0x5\r\nhello\r\n" + TAIL,
            "size-17-digits": b"00000000000000005\r\nhello\r\n" + TAIL,
            "size-overflow-wraps-to-5": b"10000000000000005\r\nhello\r\n" + TAIL,
            "size-leading-space": b" 5\r\nhello\r\n" + TAIL,
            "size-inner-space": b"5 5\r\nhello\r\n" + TAIL,
            "size-comma": b"5,\r\nhello\r\n" + TAIL,
            "size-underscore": b"1_0\r\nhello\r\n" + TAIL,
            "size-h-suffix": b"5h\r\nhello\r\n" + TAIL,
            "size-nul": b"5\0\r\nhello\r\n" + TAIL,
            "size-line-lf": b"5\nhello\r\n" + TAIL,
            "size-line-cr": b"5\rhello\r\n" + TAIL,
            "size-line-cr-cr-lf": b"5\r\r\nhello\r\n" + TAIL,
            "data-too-long": b"5\r\nhello!\r\n" + TAIL,
            "data-too-short": b"5\r\nhell\r\n" + TAIL,
            "data-end-lf": b"5\r\nhello\n" + TAIL,
            "data-end-cr": b"5\r\nhello\r" + TAIL,
            "data-end-missing": b"5\r\nhello" + TAIL,
            "data-end-other": b"5\r\nhelloXX" + TAIL,
            "last-line-lf": b"5\r\nhello\r\n0\n\n",
            "last-end-lf": b"5\r\nhello\r\n0\r\n\n",
            "extension-control": b"5;a=\x01\r\nhello\r\n" + TAIL,
            "extension-nul": b"5;\0\r\nhello\r\n" + TAIL,
            "extension-lf-inside": b"5;a\nb\r\nhello\r\n" + TAIL,
            "extension-cr-inside": b"5;a\rb\r\nhello\r\n" + TAIL,
            "extension-open-quote": b'5;a="b\r\nhello\r\n' + TAIL,
            "extension-quoted-crlf": b'5;a="\r\nhello\r\n"\r\nhello\r\n' + TAIL,
            "trailer-no-colon": b"5\r\nhello\r\n0\r\nnocolon\r\n\r\n",
            "trailer-space-before-colon": b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n",
            "trailer-obs-fold": b"5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n",
            "trailer-nul": b"5\r\nhello\r\n0\r\nX-T: \0\r\n\r\n",
            "trailer-bare-lf": b"5\r\nhello\r\n0\r\nX-T: 1\n\r\n",
        }.items()
    ),
    case(
        "extension-over-4-kib",
        chunked(b"5;" + b"a" * 5000 + b"\r\nhello\r\n" + TAIL),
        400,
        413,
        431,
    ),
    case(
        "extensions-add-up", chunked((b"1;" + b"a" * 100 + b"\r\nx\r\n") * 60 + TAIL), 400, 413, 431
    ),
    case(
        "trailers-over-head-limit",
        chunked(b"0\r\n" + b"X-T: " + b"a" * 40_000 + b"\r\n\r\n"),
        400,
        431,
    ),
    case("trailers-too-many", chunked(b"0\r\n" + b"X-T: a\r\n" * 200 + b"\r\n"), 400, 431),
]

ALL: list[tuple[str, list[Case]]] = [
    ("request-line", REQUEST_LINE),
    ("host", HOST),
    ("fields", FIELDS),
    ("content-length", CONTENT_LENGTH),
]
