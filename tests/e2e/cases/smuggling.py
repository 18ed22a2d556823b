"""The smuggling corpus: every known way to make two readers disagree about where a request ends.

The spellings follow the published families: CL.TE, TE.CL, TE.TE, CL.0, header-name and line-end tricks
(Watchfire 2005, RFC 9112 §11.2, the obfuscation lists of later research). `PREFIX` is the request an
attacker would want the upstream to see as its next one.
"""

from __future__ import annotations

from .model import Case, case, chunked, head, post

PREFIX = b"GET /smuggled HTTP/1.1\r\nHost: a.test\r\nX-Smuggled: yes\r\n\r\n"
LAST = b"0\r\n\r\n"


def both(te: bytes, *, body: bytes = LAST + PREFIX) -> bytes:
    """A request with a Content-Length and `te` as a whole second field line."""
    return post(b"Content-Length: %d" % len(body), te, body=body)


TE_VALUES: dict[str, bytes] = {
    "other-coding": b"gzip",
    "chunked-not-last": b"chunked, gzip",
    "chunked-last-of-two": b"gzip, chunked",
    "identity": b"identity",
    "identity-then-chunked": b"identity, chunked",
    "chunked-then-identity": b"chunked, identity",
    "chunked-twice": b"chunked, chunked",
    "leading-comma": b", chunked",
    "trailing-comma": b"chunked,",
    "comma-in-the-middle": b"chunked,,chunked",
    "empty": b"",
    "only-comma": b",",
    "x-prefix": b"xchunked",
    "suffix": b"chunkedx",
    "shortened": b"chunk",
    "quoted": b'"chunked"',
    "single-quoted": b"'chunked'",
    "parameter": b"chunked;q=1",
    "parameter-empty": b"chunked;",
    "two-words": b"chunked chunked",
    "inner-space": b"chun ked",
    "vertical-tab-before": b"\x0bchunked",
    "vertical-tab-after": b"chunked\x0b",
    "form-feed-before": b"\x0cchunked",
    "nul-after": b"chunked\0",
    "nul-before": b"\0chunked",
    "nbsp-before": b"\xa0chunked",
    "8-bit-after": b"chunked\xff",
    "bom-before": b"\xef\xbb\xbfchunked",
    "kelvin-sign": "chun\u212aed".encode(),
    "colon-before": b": chunked",
    "bracketed": b"[chunked]",
    "escaped": b"chun\\ked",
    "percent-encoded": b"%63hunked",
    "cow": b"cow",
}

TE_LINES: dict[str, bytes] = {
    "space-before-colon": b"Transfer-Encoding : chunked",
    "tab-before-colon": b"Transfer-Encoding\t: chunked",
    "space-before-name": b" Transfer-Encoding: chunked",
    "tab-before-name": b"\tTransfer-Encoding: chunked",
    "value-on-next-line": b"Transfer-Encoding:\r\n chunked",
    "value-on-next-line-lf": b"Transfer-Encoding:\n chunked",
    "folded-name": b"Transfer\r\n -Encoding: chunked",
    "hidden-behind-lf": b"X-A: b\nTransfer-Encoding: chunked",
    "hidden-behind-cr": b"X-A: b\rTransfer-Encoding: chunked",
    "hidden-behind-folded": b"X-A: b\r\n Transfer-Encoding: chunked",
    "cr-before-colon": b"Transfer-Encoding\r: chunked",
    "lf-before-colon": b"Transfer-Encoding\n: chunked",
    "vertical-tab-before-colon": b"Transfer-Encoding\x0b: chunked",
    "nul-before-colon": b"Transfer-Encoding\0: chunked",
    "nul-in-name": b"Transfer-\0Encoding: chunked",
    "8-bit-in-name": b"Transfer-Encod\xc4\xb1ng: chunked",
    "8-bit-before-colon": b"Transfer-Encoding\x85: chunked",
    "semicolon-for-colon": b"Transfer-Encoding; chunked",
    "no-colon": b"Transfer-Encoding chunked",
    "space-for-dash": b"Transfer Encoding: chunked",
    "slash-before": b"/Transfer-Encoding: chunked",
    "colon-before-name": b":Transfer-Encoding: chunked",
    "cr-at-end": b"Transfer-Encoding: chunked\r",
    "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "twice-identity-first": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "twice-identity-last": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "twice-other-case": b"Transfer-Encoding: chunked\r\ntransfer-encoding: CHUNKED",
    "twice-x-first": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
}

VALID_TE = {
    "plain": b"Transfer-Encoding: chunked",
    "upper": b"Transfer-Encoding: CHUNKED",
    "mixed": b"tRANSFER-eNCODING: cHuNkEd",
    "no-space": b"Transfer-Encoding:chunked",
    "tab": b"Transfer-Encoding:\tchunked",
    "spaces": b"Transfer-Encoding:   chunked   ",
    "tab-after": b"Transfer-Encoding: chunked\t",
}

REFUSED: list[Case] = [
    *(
        case(f"te.cl-{name}", both(line), 400, rule="RFC 9112 §6.1")
        for name, line in VALID_TE.items()
    ),
    *(
        case(
            f"te.te-value-{name}",
            both(b"Transfer-Encoding: " + value),
            400,
            501,
            rule="RFC 9112 §6.1",
        )
        for name, value in TE_VALUES.items()
    ),
    *(
        case(
            f"te-alone-value-{name}",
            post(b"Transfer-Encoding: " + value, body=LAST + PREFIX),
            400,
            501,
        )
        for name, value in TE_VALUES.items()
    ),
    *(
        case(f"te.te-line-{name}", both(line), 400, 501, rule="§5.1, §2.2")
        for name, line in TE_LINES.items()
    ),
    *(
        case(
            f"te-alone-line-{name}", post(line, body=LAST + PREFIX), 400, 501, rule="RFC 9112 §5.1"
        )
        for name, line in TE_LINES.items()
    ),
    case(
        "te-before-cl", post("Transfer-Encoding: chunked", "Content-Length: 5", body=LAST + PREFIX)
    ),
    case(
        "te-with-cl-zero",
        post("Content-Length: 0", "Transfer-Encoding: chunked", body=LAST + PREFIX),
    ),
    case(
        "te-with-two-cl",
        post("Content-Length: 5", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ),
    case(
        "te-on-http-1.0",
        head("Transfer-Encoding: chunked", start=b"POST /echo HTTP/1.0") + LAST + PREFIX,
    ),
    case(
        "te-on-http-1.0-keep-alive",
        head("Transfer-Encoding: chunked", "Connection: keep-alive", start=b"POST /echo HTTP/1.0")
        + LAST,
    ),
    case("te-unknown-alone", post("Transfer-Encoding: gzip", body=LAST), 501, rule="RFC 9112 §6.1"),
    case("te-identity-alone", post("Transfer-Encoding: identity", body=LAST), 400, 501),
    case(
        "te-named-in-connection-with-cl",
        both(b"Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding"),
    ),
    case("te-on-get", head("Content-Length: 5", "Transfer-Encoding: chunked") + LAST + PREFIX),
    case("cl-space-before-colon", post("Content-Length : 5", body=b"hello" + PREFIX)),
    case("cl-nul-in-name", post("Content-\0Length: 5", body=b"hello" + PREFIX)),
    case("cl-folded", post("Content-Length:", " 5", body=b"hello" + PREFIX)),
    case("cl-behind-lf", post("X-A: b\nContent-Length: 5", body=b"hello" + PREFIX)),
    case("cl-behind-cr", post("X-A: b\rContent-Length: 5", body=b"hello" + PREFIX)),
    case("host-behind-lf", head("X-A: b\nHost: b.test") + PREFIX),
    case("double-crlf-as-lf-lf", b"GET /echo HTTP/1.1\r\nHost: a.test\n\n" + PREFIX),
    case("request-line-injects-line", b"GET /echo\r\nX: HTTP/1.1\r\nHost: a.test\r\n\r\n" + PREFIX),
]

# Accepted as they stand: the name that looks like framing is an ordinary field, so `body` is the whole body.
HARMLESS: list[Case] = [
    case("underscore-te", both(b"Transfer_Encoding: chunked"), 200, body=LAST + PREFIX),
    case("x-prefixed-te", both(b"X-Transfer-Encoding: chunked"), 200, body=LAST + PREFIX),
    case("te-field", both(b"TE: chunked"), 200, body=LAST + PREFIX),
    case("content-encoding-chunked", both(b"Content-Encoding: chunked"), 200, body=LAST + PREFIX),
    case(
        "underscore-cl", chunked(b"5\r\nhello\r\n" + LAST, "Content_Length: 50"), 200, body=b"hello"
    ),
    case(
        "cl-named-in-connection",
        post("Content-Length: 5", "Connection: Content-Length", body=b"hello"),
        200,
        body=b"hello",
    ),
    case(
        "te-named-in-connection",
        chunked(b"5\r\nhello\r\n" + LAST, "Connection: Transfer-Encoding"),
        200,
        body=b"hello",
    ),
    case(
        "host-named-in-connection",
        post("Content-Length: 5", "Connection: host", body=b"hello"),
        200,
        body=b"hello",
    ),
    case("cl-leading-zeros", post("Content-Length: 0005", body=b"hello"), 200, body=b"hello"),
    case("cl-white-space", post("Content-Length: \t 5 \t", body=b"hello"), 200, body=b"hello"),
    case("cl-no-space", post("Content-Length:5", body=b"hello"), 200, body=b"hello"),
    case("get-with-body", head("Content-Length: 5") + b"hello", 200, body=b"hello"),
    case(
        "delete-with-body",
        head("Content-Length: 5", start=b"DELETE /echo HTTP/1.1") + b"hello",
        200,
        body=b"hello",
    ),
    *(
        case(f"te-{name}", post(line, body=b"5\r\nhello\r\n" + LAST), 200, body=b"hello")
        for name, line in VALID_TE.items()
    ),
    case(
        "chunk-size-leading-zeros",
        chunked(b"0000000000000005\r\nhello\r\n" + LAST),
        200,
        body=b"hello",
    ),
    case("chunk-size-upper-hex", chunked(b"A\r\nhellohello\r\n" + LAST), 200, body=b"hellohello"),
    case("chunk-extension", chunked(b'5;a=b;c="d;e"\r\nhello\r\n0;x\r\n\r\n'), 200, body=b"hello"),
    case(
        "chunk-extension-looks-like-chunk",
        chunked(b'5;a="0"\r\nhello\r\n' + LAST),
        200,
        body=b"hello",
    ),
    case("last-chunk-many-zeros", chunked(b"5\r\nhello\r\n0000\r\n\r\n"), 200, body=b"hello"),
    case(
        "data-looks-like-last-chunk", chunked(b"5\r\n0\r\n\r\n\r\n" + LAST), 200, body=b"0\r\n\r\n"
    ),
]
