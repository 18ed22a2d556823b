"""Responses of a broken upstream: each must end in 502 and a connection that is never used again."""

from __future__ import annotations

from .model import Case, case


def answer(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    """A response of a status line, field lines and a body, as they stand."""
    return b"\r\n".join([status, *lines, b"", b""]) + body


def status(line: bytes) -> bytes:
    """A response that is valid but for its status line."""
    return answer(b"Content-Length: 0", status=line)


def length(value: bytes) -> bytes:
    """A response with one Content-Length line of `value`."""
    return answer(b"Content-Length: " + value, body=b"hello")


MALFORMED: list[Case] = [
    *(
        case(f"status-{name}", status(line), 502, rule="RFC 9112 §4")
        for name, line in {
            "garbage": b"hello there",
            "http-0.9": b"<html>hi</html>",
            "version-2": b"HTTP/2.0 200 OK",
            "version-lower": b"http/1.1 200 OK",
            "version-1.2": b"HTTP/1.2 200 OK",
            "icy": b"ICY 200 OK",
            "two-digits": b"HTTP/1.1 20 OK",
            "four-digits": b"HTTP/1.1 2000 OK",
            "letters": b"HTTP/1.1 2x0 OK",
            "signed": b"HTTP/1.1 +20 OK",
            "zero": b"HTTP/1.1 000 OK",
            "99": b"HTTP/1.1 099 OK",
            "600": b"HTTP/1.1 600 OK",
            "999": b"HTTP/1.1 999 OK",
            "two-spaces": b"HTTP/1.1  200 OK",
            "nul-in-reason": b"HTTP/1.1 200 O\0K",
            "cr-in-reason": b"HTTP/1.1 200 O\rK",
            "leading-space": b" HTTP/1.1 200 OK",
        }.items()
    ),
    *(
        case(f"length-{name}", length(value), 502, rule="RFC 9112 §6.3")
        for name, value in {
            "plus": b"+5",
            "minus": b"-5",
            "list": b"5, 5",
            "hex": b"0x5",
            "word": b"five",
            "empty": b"",
            "inner-space": b"5 5",
            "over-63-bits": b"9223372036854775808",
        }.items()
    ),
    case(
        "length-repeated-equal",
        answer(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
        502,
    ),
    case("length-repeated", answer(b"Content-Length: 5", b"Content-Length: 2", body=b"hello"), 502),
    case(
        "te-and-length",
        answer(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
        502,
    ),
    case("te-unknown", answer(b"Transfer-Encoding: gzip", body=b"x"), 502),
    case("te-gzip-chunked", answer(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 502),
    case(
        "te-chunked-twice", answer(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), 502
    ),
    case("te-leading-comma", answer(b"Transfer-Encoding: , chunked", body=b"0\r\n\r\n"), 502),
    case("te-two-fields", answer(*[b"Transfer-Encoding: chunked"] * 2, body=b"0\r\n\r\n"), 502),
    case(
        "te-on-http-1.0",
        answer(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK", body=b"0\r\n\r\n"),
        502,
    ),
    case(
        "te-on-204",
        answer(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 204 No", body=b"0\r\n\r\n"),
        502,
    ),
    case("field-no-colon", answer(b"Content-Length: 0", b"oops"), 502),
    case("field-empty-name", answer(b"Content-Length: 0", b": x"), 502),
    case("field-name-space-inside", answer(b"Content-Length: 0", b"X A: x"), 502),
    case("field-name-8-bit", answer(b"Content-Length: 0", b"X\xe4: x"), 502),
    case("field-obs-fold", answer(b"Content-Length: 0", b"X-A: 1", b" 2"), 502),
    case("field-value-nul", answer(b"Content-Length: 0", b"X-A: a\0b"), 502),
    case("field-value-control", answer(b"Content-Length: 0", b"X-A: a\x1bb"), 502),
    case("field-bare-cr", answer(b"Content-Length: 0", b"X-A: a\rSet-Cookie: b"), 502),
    case("field-bare-lf", answer(b"Content-Length: 0", b"X-A: a\nSet-Cookie: b"), 502),
    case("lf-everywhere", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 502),
    case("first-field-folded", answer(b" X: 1", b"Content-Length: 0"), 502),
    case("head-too-large", answer(b"Content-Length: 0", b"X-A: " + b"a" * 40_000), 502),
    case("too-many-fields", answer(b"Content-Length: 0", *[b"X-A: a"] * 150), 502),
    case(
        "interim-too-large",
        answer(b"X-A: " + b"a" * 40_000, status=b"HTTP/1.1 103 Early") + length(b"5"),
        502,
    ),
    case("interim-malformed", b"HTTP/1.1 103 Early\r\nbad line\r\n\r\n" + length(b"5"), 502),
    case("interim-flood", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + length(b"5"), 502),
    case(
        "101-not-asked-for",
        answer(b"Upgrade: websocket", b"Connection: upgrade", status=b"HTTP/1.1 101 Sw"),
        502,
    ),
]

# Chunk faults of a response whose head was sent on already: the client must see a cut, not an end.
BROKEN_CHUNKS: dict[str, bytes] = {
    "size-word": b"5\r\nhello\r\nxyz\r\n",
    "size-17-digits": b"5\r\nhello\r\n00000000000000005\r\nworld\r\n0\r\n\r\n",
    "size-lf": b"5\r\nhello\r\n5\nworld\r\n0\r\n\r\n",
    "data-too-long": b"5\r\nhello\r\n5\r\nworld!!\r\n0\r\n\r\n",
    "data-end-lf": b"5\r\nhello\n0\r\n\r\n",
    "extension-control": b"5\r\nhello\r\n5;\x01\r\nworld\r\n0\r\n\r\n",
    "trailer-malformed": b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "closed-in-data": b"5\r\nhello\r\n5\r\nwo",
    "closed-in-size": b"5\r\nhello\r\n5",
    "closed-before-last-chunk": b"5\r\nhello\r\n",
    "closed-in-last-chunk": b"5\r\nhello\r\n0\r\n",
}
