//! Parses one head over and over, for counting instructions: `instr_parse request|response COUNT`.
//! `benches/callgrind.py` runs it with two counts; the difference is free of what the start costs.

use std::error::Error;
use std::hint::black_box;

use frontdesk_http::{
    HeadLimits, Parsed, RequestHead, ResponseHead, parse_request, parse_response,
};

const REQUEST: &[u8] = b"GET /api/users/42?expand=orders HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: client/1.0\r\n\
    Accept: application/json\r\n\
    Accept-Encoding: gzip, br\r\n\
    Authorization: Bearer 4f2a9d0c7b6e4c3f8a1d5e9b\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n\
    X-Tenant: north\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Tue, 02 Jul 2024 10:00:00 GMT\r\n\
    Server: example/1.0\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 1024\r\n\
    Cache-Control: no-store\r\n\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, count] = arguments.as_slice() else {
        return Err("usage: instr_parse request|response COUNT".into());
    };
    let limits = HeadLimits::default();
    let (mut request, mut response) = (RequestHead::default(), ResponseHead::default());
    for _ in 0..count.parse::<u32>()? {
        let (parsed, whole) = match case.as_str() {
            "request" => {
                let parsed = parse_request(black_box(REQUEST), &limits, &mut request);
                (parsed, REQUEST.len())
            }
            "response" => {
                let parsed = parse_response(black_box(RESPONSE), &limits, false, &mut response);
                (parsed, RESPONSE.len())
            }
            other => return Err(format!("{other}: expected request or response").into()),
        };
        if !matches!(parsed, Ok(Parsed::Complete(length)) if length == whole) {
            return Err(format!("the {case} did not parse").into());
        }
    }
    Ok(())
}
