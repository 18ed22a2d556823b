//! Query parameters, compared decoded and without allocation.

use crate::bytes::hex_pair;
use crate::rule::FieldRule;

/// Whether a parameter of that name, and of that value if the rule has one, is in `query`; any one
/// occurrence will do.
pub(crate) fn matches(query: Option<&[u8]>, rule: &FieldRule) -> bool {
    let wanted = |(name, value)| {
        same(name, &rule.name)
            && rule
                .value
                .as_ref()
                .is_none_or(|expected| same(value, expected))
    };
    query.is_some_and(|query| pairs(query).any(wanted))
}

/// The first value of a parameter, decoded; bytes that are no UTF-8 are replaced.
pub(crate) fn first_value(query: Option<&[u8]>, name: &str) -> Option<String> {
    let (_, value) = pairs(query?).find(|(found, _)| same(found, name))?;
    Some(String::from_utf8_lossy(&decoded(value).collect::<Vec<u8>>()).into_owned())
}

/// Names and values as they were sent; a name without `=` has the empty value.
fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match memchr::memchr(b'=', pair) {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &pair[pair.len()..]),
        })
}

fn same(sent: &[u8], expected: &str) -> bool {
    decoded(sent).eq(expected.bytes())
}

/// `+` is a space, an escape is its byte, a broken escape stands for itself (URL Standard, "urlencoded").
fn decoded(sent: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = sent;
    std::iter::from_fn(move || {
        let (byte, length) = match *rest {
            [] => return None,
            [b'+', ..] => (b' ', 1),
            [b'%', high, low, ..] => hex_pair(high, low).map_or((b'%', 1), |byte| (byte, 3)),
            [byte, ..] => (byte, 1),
        };
        rest = &rest[length..];
        Some(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::{first_value, matches};
    use crate::rule::FieldRule;

    fn rule(name: &str, value: Option<&str>) -> FieldRule {
        FieldRule {
            name: name.to_owned(),
            value: value.map(str::to_owned),
        }
    }

    #[test]
    fn any_occurrence_of_the_decoded_value_will_do() {
        let query = Some(&b"a=1&a=2&%62=x+y&c&d=%C3%A4&e=%zz&f=1=2"[..]);
        for (name, value) in [
            ("a", "1"),
            ("a", "2"),
            ("b", "x y"),
            ("c", ""),
            ("d", "ä"),
            ("e", "%zz"),
            ("f", "1=2"),
        ] {
            assert!(matches(query, &rule(name, Some(value))), "{name}={value}");
            assert!(matches(query, &rule(name, None)), "{name}");
        }
        for (name, value) in [
            ("a", "3"),
            ("a", ""),
            ("b", "x+y"),
            ("A", "1"),
            ("f", "1"),
            ("g", ""),
        ] {
            assert!(!matches(query, &rule(name, Some(value))), "{name}={value}");
        }
    }

    #[test]
    fn no_query_has_no_parameter() {
        assert!(!matches(None, &rule("a", None)));
        assert!(!matches(Some(b""), &rule("", None)));
        assert!(!matches(Some(b"&&"), &rule("", None)));
    }

    #[test]
    fn the_first_value_is_found_decoded() {
        assert_eq!(
            first_value(Some(b"a=x%20y&a=2"), "a").as_deref(),
            Some("x y")
        );
        assert_eq!(
            first_value(Some(b"a=%FF"), "a").as_deref(),
            Some("\u{FFFD}")
        );
        assert_eq!(first_value(Some(b"a=1"), "b"), None);
        assert_eq!(first_value(None, "b"), None);
    }
}
