//! Response heads: no panic, ranges inside the input, no prefix with another meaning, framing as RFC 9112 §6.3.
#![no_main]

use frontdesk_http::{HeadLimits, Parsed, ResponseFraming, ResponseHead, Underscores, parse_response};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 8 * 1024,
    fields: 64,
    target_bytes: 2 * 1024,
    lf_line_ends: false,
    underscores: Underscores::Allow,
};

fuzz_target!(|data: &[u8]| {
    for to_head in [false, true] {
        let mut head = ResponseHead::default();
        if let Ok(Parsed::Complete(end)) = parse_response(data, &LIMITS, to_head, &mut head) {
            assert!(end <= data.len());
            assert!((100..=599).contains(&head.status));
            for field in &head.fields {
                assert!(field.end as usize <= end);
                assert!(frontdesk_http::is_token(field.name(data)));
                assert!(frontdesk_http::is_value(field.value(data)));
            }
            let bodiless = to_head || head.status < 200 || matches!(head.status, 204 | 304);
            assert!(!bodiless || matches!(head.framing, ResponseFraming::None));
            let mut again = ResponseHead::default();
            let cut = parse_response(&data[..end - 1], &LIMITS, to_head, &mut again);
            assert_eq!(cut.ok(), Some(Parsed::Partial), "a prefix of a whole head");
        }
    }
});
