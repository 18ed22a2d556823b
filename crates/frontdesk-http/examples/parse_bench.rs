//! Prints what parsing a head costs: nanoseconds per call over a million calls, best of five rounds.
//! Run it with `cargo run --release --example parse_bench -p frontdesk-http`.

use std::hint::black_box;
use std::time::Instant;

use frontdesk_http::{
    HeadLimits, Parsed, RequestHead, ResponseHead, parse_request, parse_response,
};

const ROUNDS: usize = 5;
const CALLS: u32 = 1_000_000;

/// As a load generator sends it.
const PLAIN: &str = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";

/// As a browser sends it.
const BROWSER: &str = "GET /orders/2024/07/index.html?page=2&sort=date HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    Connection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Referer: https://shop.example.com/\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n\
    X-Custom: 1\r\n\
    Cache-Control: max-age=0\r\n\r\n";

/// As an API client behind another proxy sends it.
const API: &str = "POST /v1/users/42/orders HTTP/1.1\r\n\
    Host: api.example.com:8443\r\n\
    Authorization: Bearer 4f2a9d0c7b6e4c3f8a1d5e9b\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 128\r\n\
    Accept: application/json\r\n\
    User-Agent: python-client/3.11\r\n\
    X-Request-ID: 7b1f8a52-1d0c-4f43-9a52-0f9d0c7b6e4c\r\n\
    X-Forwarded-For: 192.0.2.17, 198.51.100.4\r\n\
    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";

/// As an upstream answers.
const ANSWER: &str = "HTTP/1.1 200 OK\r\n\
    Date: Tue, 02 Jul 2024 10:00:00 GMT\r\n\
    Server: example/1.0\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 1024\r\n\
    Cache-Control: no-store\r\n\
    Vary: Accept-Encoding\r\n\r\n";

fn main() {
    let limits = HeadLimits::default();
    for (name, text) in [("plain", PLAIN), ("browser", BROWSER), ("api", API)] {
        let mut head = RequestHead::default();
        report(name, text, || {
            parse_request(black_box(text.as_bytes()), &limits, &mut head).ok()
        });
    }
    let mut head = ResponseHead::default();
    report("answer", ANSWER, || {
        parse_response(black_box(ANSWER.as_bytes()), &limits, false, &mut head).ok()
    });
}

fn report(name: &str, text: &str, mut parse: impl FnMut() -> Option<Parsed>) {
    assert_eq!(
        parse(),
        Some(Parsed::Complete(text.len())),
        "{name} must parse"
    );
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(parse());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    println!("{name:8} {:4} bytes {best:7.1} ns", text.len());
}
