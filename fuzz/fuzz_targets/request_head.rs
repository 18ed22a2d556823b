//! Request heads: no panic, ranges inside the input, no prefix with another meaning, and whatever is
//! accepted is read the same way by an independent parser.
#![no_main]

use frontdesk_http::{HeadLimits, Parsed, RequestHead, Underscores, parse_request};
use libfuzzer_sys::fuzz_target;

fn limits(lf_line_ends: bool) -> HeadLimits {
    HeadLimits {
        head_bytes: 8 * 1024,
        fields: 64,
        target_bytes: 2 * 1024,
        lf_line_ends,
        underscores: Underscores::Allow,
    }
}

fuzz_target!(|data: &[u8]| {
    for lf_line_ends in [false, true] {
        let mut head = RequestHead::default();
        if let Ok(Parsed::Complete(end)) = parse_request(data, &limits(lf_line_ends), &mut head) {
            assert!(end <= data.len());
            ranges_are_inside(&head, data, end);
            no_prefix_is_complete(data, end, &limits(lf_line_ends));
            if !lf_line_ends {
                other_parser_agrees(&head, data, end);
            }
        }
    }
});

fn ranges_are_inside(head: &RequestHead, data: &[u8], end: usize) {
    assert!(!head.method_text(data).is_empty());
    let _ = (head.path(data), head.query(data), head.host(data));
    for field in &head.fields {
        assert!(field.end as usize <= end);
        assert!(frontdesk_http::is_token(field.name(data)));
        assert!(frontdesk_http::is_value(field.value(data)));
    }
}

fn no_prefix_is_complete(data: &[u8], end: usize, limits: &HeadLimits) {
    let mut head = RequestHead::default();
    for cut in [end / 2, end.saturating_sub(1), end.saturating_sub(2)] {
        let parsed = parse_request(&data[..cut], limits, &mut head);
        assert_eq!(parsed.ok(), Some(Parsed::Partial), "a prefix of a whole head");
    }
}

fn other_parser_agrees(head: &RequestHead, data: &[u8], end: usize) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut other = httparse::Request::new(&mut fields);
    let status = other.parse(data).expect("what we accept, httparse accepts");
    assert_eq!(status, httparse::Status::Complete(end));
    assert_eq!(other.method.map(str::as_bytes), Some(head.method_text(data)));
    assert_eq!(other.headers.len(), head.fields.len());
    for (theirs, ours) in other.headers.iter().zip(&head.fields) {
        assert_eq!(theirs.name.as_bytes(), ours.name(data));
        assert_eq!(theirs.value, ours.value(data));
    }
}
