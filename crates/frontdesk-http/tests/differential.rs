//! What this codec accepts, another parser accepts as well, and understands in the same way.

mod common;

use std::cell::Cell;

use frontdesk_http::{
    HeadLimits, Parsed, RequestHead, ResponseHead, Version, parse_request, parse_response,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const CASES: u32 = 4000;
/// So many of the cases must be accepted, or the comparison would prove nothing.
const ACCEPTED: u32 = CASES / 5;

type Names<'b> = Vec<(&'b [u8], &'b [u8])>;

fn theirs<'b>(fields: &[httparse::Header<'b>]) -> Names<'b> {
    fields
        .iter()
        .map(|field| (field.name.as_bytes(), field.value))
        .collect()
}

fn minor(version: Version) -> u8 {
    u8::from(version == Version::Http11)
}

/// Compare one request; true if it was accepted.
fn same_request(buf: &[u8]) -> Result<bool, TestCaseError> {
    let mut head = RequestHead::default();
    let Ok(Parsed::Complete(len)) = parse_request(buf, &HeadLimits::default(), &mut head) else {
        return Ok(false);
    };
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut other = httparse::Request::new(&mut fields);
    prop_assert_eq!(other.parse(buf), Ok(httparse::Status::Complete(len)));
    prop_assert_eq!(other.method.map(str::as_bytes), Some(head.method_text(buf)));
    prop_assert_eq!(other.path.map(str::as_bytes), Some(head.target(buf)));
    prop_assert_eq!(other.version, Some(minor(head.version)));
    let ours: Names = head
        .fields
        .iter()
        .map(|field| (field.name(buf), field.value(buf)))
        .collect();
    prop_assert_eq!(ours, theirs(other.headers));
    Ok(true)
}

/// Compare one response; true if it was accepted.
fn same_response(buf: &[u8]) -> Result<bool, TestCaseError> {
    let mut head = ResponseHead::default();
    let Ok(Parsed::Complete(len)) = parse_response(buf, &HeadLimits::default(), false, &mut head)
    else {
        return Ok(false);
    };
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut other = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    let outcome = config.parse_response(&mut other, buf);
    prop_assert_eq!(outcome, Ok(httparse::Status::Complete(len)));
    prop_assert_eq!(other.code, Some(head.status));
    prop_assert_eq!(other.version, Some(minor(head.version)));
    let ours: Names = head
        .fields
        .iter()
        .map(|field| (field.name(buf), field.value(buf)))
        .collect();
    prop_assert_eq!(ours, theirs(other.headers));
    Ok(true)
}

fn compare(
    strategy: impl Strategy<Value = Vec<u8>>,
    same: fn(&[u8]) -> Result<bool, TestCaseError>,
) {
    let accepted = Cell::new(0);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(CASES)
    });
    let outcome = runner.run(&strategy, |buf| {
        accepted.set(accepted.get() + u32::from(same(&buf)?));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
    assert!(
        accepted.get() >= ACCEPTED,
        "only {} heads were accepted",
        accepted.get()
    );
}

#[test]
fn requests_mean_the_same_to_httparse() {
    compare(common::request(), same_request);
}

#[test]
fn responses_mean_the_same_to_httparse() {
    compare(common::response(), same_response);
}
