//! Properties of the head parsers that hold for all bytes.

mod common;

use frontdesk_http::{
    Fault, Field, HeadLimits, Parsed, RequestHead, ResponseHead, Underscores, parse_request,
    parse_response,
};
use proptest::prelude::*;

const STRICT: HeadLimits = HeadLimits {
    head_bytes: 4096,
    fields: 20,
    target_bytes: 200,
    lf_line_ends: false,
    underscores: Underscores::Drop,
};
const LENIENT: HeadLimits = HeadLimits {
    lf_line_ends: true,
    underscores: Underscores::Allow,
    ..STRICT
};

/// What a parser made of some bytes: the length, the fields, and all of the head as text.
type Outcome = Result<Option<(usize, Vec<Field>, String)>, Fault>;

fn request(buf: &[u8], limits: &HeadLimits) -> Outcome {
    let mut head = RequestHead::default();
    Ok(match parse_request(buf, limits, &mut head)? {
        Parsed::Complete(len) => Some((len, head.fields.clone(), format!("{head:?}"))),
        Parsed::Partial => None,
    })
}

fn response(buf: &[u8], limits: &HeadLimits) -> Outcome {
    let mut head = ResponseHead::default();
    Ok(match parse_response(buf, limits, false, &mut head)? {
        Parsed::Complete(len) => Some((len, head.fields.clone(), format!("{head:?}"))),
        Parsed::Partial => None,
    })
}

/// The lines follow each other without a gap up to the empty line, names and values lie within them.
fn check_ranges(buf: &[u8], len: usize, fields: &[Field]) -> Result<(), TestCaseError> {
    for pair in fields.windows(2) {
        prop_assert_eq!(pair[0].end, pair[1].start);
    }
    if let Some(last) = fields.last() {
        let empty_line = &buf[last.end as usize..len];
        prop_assert!(matches!(empty_line, b"\r\n" | b"\n"));
    }
    for field in fields {
        let (name, value, line) = (field.name(buf), field.value(buf), field.line(buf));
        prop_assert!(line.starts_with(name) && frontdesk_http::is_token(name));
        prop_assert!(field.value_start > field.start + u32::from(field.name_len));
        prop_assert!(field.value_start + field.value_len < field.end);
        prop_assert!(frontdesk_http::is_value(value));
        prop_assert!(!field.crlf || line.ends_with(b"\r\n"));
    }
    Ok(())
}

/// More bytes never change what was decided; before the end of a valid head nothing is decided.
fn check_growth(buf: &[u8], parse: impl Fn(&[u8]) -> Outcome) -> Result<(), TestCaseError> {
    let text = |outcome: Outcome| outcome.map(|head| head.map(|(len, _, text)| (len, text)));
    let whole = text(parse(buf));
    for len in 0..buf.len() {
        match (text(parse(&buf[..len])), &whole) {
            (Ok(None), Ok(Some((end, _)))) => prop_assert!(len < *end),
            (Ok(None), _) => {}
            (decided, whole) => prop_assert_eq!(&decided, whole, "after {} bytes", len),
        }
    }
    Ok(())
}

fn check_all(buf: &[u8], parse: fn(&[u8], &HeadLimits) -> Outcome) -> Result<(), TestCaseError> {
    for limits in [STRICT, LENIENT] {
        check_growth(buf, |buf| parse(buf, &limits))?;
        if let Ok(Some((len, fields, _))) = parse(buf, &limits) {
            check_ranges(buf, len, &fields)?;
        }
    }
    Ok(())
}

/// The head that a gateway would send on with the lines it may copy.
fn forwarded(buf: &[u8], fields: &[Field]) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for field in fields.iter().filter(|field| !field.removed && field.crlf) {
        head.extend_from_slice(field.line(buf));
    }
    head.extend_from_slice(b"\r\n");
    head
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(buf in prop::collection::vec(any::<u8>(), 0..200)) {
        check_all(&buf, request)?;
        check_all(&buf, response)?;
    }

    #[test]
    fn requests_are_judged_once(buf in common::request()) {
        check_all(&buf, request)?;
    }

    #[test]
    fn responses_are_judged_once(buf in common::response()) {
        check_all(&buf, response)?;
    }

    #[test]
    fn copied_lines_mean_the_same_upstream(buf in common::request()) {
        if let Ok(Some((_, fields, _))) = request(&buf, &STRICT) {
            let sent = forwarded(&buf, &fields);
            let received = request(&sent, &STRICT);
            let (len, copies, _) = received.ok().flatten().ok_or(TestCaseError::fail("refused"))?;
            prop_assert_eq!(len, sent.len());
            prop_assert!(copies[1..].iter().all(|field| !field.removed));
            let kept = fields.iter().filter(|field| !field.removed).map(|field| field.line(&buf));
            prop_assert!(kept.eq(copies[1..].iter().map(|field| field.line(&sent))));
        }
    }

    #[test]
    fn limits_hold_for_any_size(buf in common::request(), head_bytes in 0_usize..200, fields in 0_usize..4) {
        let limits = HeadLimits { head_bytes, fields, ..STRICT };
        match request(&buf, &limits) {
            Ok(Some((len, found, _))) => prop_assert!(len <= head_bytes && found.len() <= fields),
            Ok(None) => prop_assert!(buf.len() < head_bytes),
            Err(_) => {}
        }
    }
}
