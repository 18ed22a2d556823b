//! Host rules and the form in which request hosts are compared with them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest host name (RFC 1035 §2.3.4, without the trailing dot).
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;

/// Judges a host rule and gives its canonical form: `example.com`, `*.example.com` (one label or more in
/// place of the star), an IPv4 literal, or an IPv6 literal with or without brackets.
///
/// The form is lower case; IPv6 literals are in brackets and in the spelling of RFC 5952.
///
/// # Errors
/// What was found, what is expected, what to write instead.
pub fn check_host_pattern(text: &str) -> Result<String, String> {
    if let Some(address) = parse_ipv6(text.as_bytes()) {
        return Ok(format!("[{address}]"));
    }
    let lower = text.to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    check_characters(text, name)?;
    check_labels(text, name)?;
    let ends_numeric = name
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if ends_numeric && (name != lower || name.parse::<Ipv4Addr>().is_err()) {
        return Err(format!(
            "host `{text}` is neither a name nor an IPv4 address such as `192.0.2.1`"
        ));
    }
    Ok(lower)
}

fn check_characters(text: &str, name: &str) -> Result<(), String> {
    if !text.is_ascii() {
        return Err(format!(
            "host `{text}` is not ASCII; write its punycode form, such as `xn--bcher-kva.example`"
        ));
    }
    if name == "*" {
        return Err("host `*` means any host; leave `host` out instead".to_owned());
    }
    if name.contains('*') {
        return Err(format!(
            "host `{text}` has a `*` that is not its whole first label; write `*.example.com`"
        ));
    }
    if name.contains(['/', '@']) {
        return Err(format!(
            "host `{text}` is not a bare host; write `example.com`, without scheme, user or path"
        ));
    }
    if name.contains(':') {
        return Err(format!(
            "host `{text}` has a port or is no IPv6 address; write the host alone"
        ));
    }
    match name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
    {
        Some(other) => Err(format!(
            "host `{text}` has {other:?}; expected letters, digits, `-`, `_` and `.`"
        )),
        None => Ok(()),
    }
}

fn check_labels(text: &str, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!(
            "host `{text}` is empty; leave `host` out for any host"
        ));
    }
    if name.len() > MAX_HOST {
        return Err(format!(
            "host `{text}` has {} characters; at most {MAX_HOST} are possible",
            name.len()
        ));
    }
    if name.ends_with('.') {
        return Err(format!(
            "host `{text}` ends with a dot; write it without (a request may have it)"
        ));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(format!(
                "host `{text}` has an empty label (two dots, or a dot in front)"
            ));
        }
        if label.len() > MAX_LABEL {
            return Err(format!(
                "host `{text}` has a label over {MAX_LABEL} characters: `{label}`"
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!(
                "host `{text}` has a label that starts or ends with `-`: `{label}`"
            ));
        }
    }
    Ok(())
}

/// An IPv6 literal, with or without brackets.
fn parse_ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let inner = text
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .unwrap_or(text);
    std::str::from_utf8(inner).ok()?.parse().ok()
}

/// The form in which a request host is compared: lower case, without trailing dot, IPv6 as in
/// [`check_host_pattern`]. Borrows from `raw` where it can, else from `scratch`. `None` for what no rule
/// can name.
pub(crate) fn normalize<'a>(raw: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let host = raw.strip_suffix(b".").unwrap_or(raw);
    if host.is_empty() || host.len() > MAX_HOST {
        return None;
    }
    if host[0] == b'[' || host.contains(&b':') {
        scratch.clear();
        scratch.extend_from_slice(format!("[{}]", parse_ipv6(host)?).as_bytes());
        return Some(scratch);
    }
    if !host.iter().any(u8::is_ascii_uppercase) {
        return Some(host);
    }
    scratch.clear();
    scratch.extend(host.iter().map(u8::to_ascii_lowercase));
    Some(scratch)
}

/// The suffixes of `host` that a wildcard could name, longest first: for `a.b.c` these are `b.c` and `c`.
pub(crate) fn parents(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'.', host)
        .filter(|dot| *dot > 0)
        .map(|dot| &host[dot + 1..])
}
