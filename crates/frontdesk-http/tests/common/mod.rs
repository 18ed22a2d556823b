//! Heads made of likely and unlikely parts, for the property tests.

use proptest::prelude::*;
use proptest::sample::{Index, select};

const METHODS: &[&str] = &[
    "GET", "POST", "OPTIONS", "CONNECT", "PURGE", "get", "G T", "",
];
const TARGETS: &[&str] = &[
    "/",
    "/a/b?c=d",
    "*",
    "a:80",
    "http://a/",
    "http://b:80/x?y",
    "/%2e%2e;\"<>\\^`{|}",
    "/a b",
    "/#",
    "",
];
const VERSIONS: &[&str] = &[
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/1.1 ",
];
const STATUSES: &[&str] = &[
    "200 OK",
    "200",
    "204 No Content",
    "304 ",
    "100 x",
    "101 x",
    "600 x",
    "20 x",
    "404 a\tb",
];
const SEPARATORS: &[&str] = &[": ", ": ", ": ", ":", ":\t ", " : ", " ", ""];
const ENDS: &[&str] = &[
    "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", " \t\r\n", "\n", "\r", "\r\n ", "",
];
const NAMES: &[&str] = &[
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Upgrade",
    "Expect",
    "TE",
    "X-A",
    "x_b",
    "X-Consumer-Id",
    "Accept",
    "a-name-that-is-longer-than-all-of-the-table",
    "Ho st",
    "",
];
const VALUES: &[&str] = &[
    "",
    "5",
    "0",
    "5, 5",
    "chunked",
    "gzip, chunked",
    "keep-alive",
    "close, X-A",
    "upgrade",
    "websocket",
    "100-continue",
    "trailers",
    "a b\tc",
    "\u{e9}",
    "a longer value, so that whole words of it are leapt over at once; q=0.5",
    "\0",
];

/// Field lines, mostly valid, with Host before them more often than not.
fn fields() -> impl Strategy<Value = String> {
    let line = (
        select(NAMES),
        select(SEPARATORS),
        select(VALUES),
        select(ENDS),
    );
    let plain = (
        select(&NAMES[6..11]),
        Just(": "),
        select(VALUES),
        Just("\r\n"),
    );
    let line = prop_oneof![1 => line, 6 => plain];
    let odd_host = select(&["Host: a,b\r\n", "Host: a", ""][..]);
    let plain_host = select(&["Host: a\r\n", "host:b:8 \r\n"][..]);
    let host = prop_oneof![1 => odd_host, 8 => plain_host];
    (host, prop::collection::vec(line, 0..6)).prop_map(|(host, lines)| {
        let lines = lines
            .into_iter()
            .map(|(name, colon, value, end)| [name, colon, value, end].concat());
        host.to_owned() + &lines.collect::<String>()
    })
}

/// A change of one byte at some place.
fn spoil(head: String) -> impl Strategy<Value = Vec<u8>> {
    let change = prop_oneof![6 => Just(None), 1 => any::<(Index, u8)>().prop_map(Some)];
    change.prop_map(move |change| {
        let mut head = head.clone().into_bytes();
        if let Some((index, byte)) = change {
            let index = index.index(head.len());
            head[index] = byte;
        }
        head
    })
}

/// Requests, with a few bytes after the head.
pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let odd = (select(METHODS), select(TARGETS), select(VERSIONS));
    let plain = (
        select(&METHODS[..2]),
        select(&TARGETS[..2]),
        select(&VERSIONS[..4]),
    );
    let line = prop_oneof![1 => odd, 3 => plain];
    let lead = select(&["", "", "", "\r\n", "\n"][..]);
    (lead, line, fields(), select(ENDS))
        .prop_map(|(lead, (method, target, version), fields, end)| {
            format!("{lead}{method} {target} {version}\r\n{fields}{end}\r\nrest")
        })
        .prop_flat_map(spoil)
}

/// Responses, with a few bytes after the head.
pub(crate) fn response() -> impl Strategy<Value = Vec<u8>> {
    (select(VERSIONS), select(STATUSES), fields())
        .prop_map(|(version, status, fields)| format!("{version} {status}\r\n{fields}\r\nrest"))
        .prop_flat_map(spoil)
}
