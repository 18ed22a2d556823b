//! Host and port of a request (RFC 9110 §7.2, RFC 3986 §3.2), strictly.

use std::net::Ipv6Addr;

use crate::Fault;
use crate::bytes::{HOST, all};

/// The longest host name of the DNS, its last dot included (RFC 1035 §2.3.4).
const NAME_BYTES: usize = 255;

/// A valid authority, as lengths of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Bytes of the text, an empty port dropped.
    pub(crate) len: usize,
    /// Bytes of the host part, brackets included.
    pub(crate) name_len: usize,
    /// The port.
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Parse `host`, `host:` or `host:port`. The host is a name of letters, digits, `-`, `.` and `_`, an IPv4
    /// address, or an IPv6 address in brackets. User information, percent-encoding, zones and
    /// sub-delimiters are refused: no name that resolves needs them, and parsers differ about them.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let name_len = match text {
            [b'[', rest @ ..] => 2 + ipv6_len(rest)?,
            _ => memchr::memchr(b':', text).unwrap_or(text.len()),
        };
        let (name, rest) = text.split_at(name_len);
        if !name.starts_with(b"[") && !is_host_name(name) {
            return Err(Fault::HostInvalid);
        }
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port_number(digits)?),
            _ => return Err(Fault::HostInvalid),
        };
        let len = if port.is_some() { text.len() } else { name_len };
        Ok(Self {
            len,
            name_len,
            port,
        })
    }
}

/// Whether two authorities are the same one for a scheme with that default port.
pub(crate) fn same(
    (left_text, left): (&[u8], Authority),
    (right_text, right): (&[u8], Authority),
    default_port: u16,
) -> bool {
    let left_name = &left_text[..left.name_len];
    let right_name = &right_text[..right.name_len];
    left_name.eq_ignore_ascii_case(right_name)
        && left.port.unwrap_or(default_port) == right.port.unwrap_or(default_port)
}

/// The length of the address between the brackets.
fn ipv6_len(rest: &[u8]) -> Result<usize, Fault> {
    let len = memchr::memchr(b']', rest).ok_or(Fault::HostInvalid)?;
    std::str::from_utf8(&rest[..len])
        .ok()
        .and_then(|address| address.parse::<Ipv6Addr>().ok())
        .map(|_| len)
        .ok_or(Fault::HostInvalid)
}

/// Labels may be of any kind, but not empty, except after a last dot.
fn is_host_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES
        && name[0] != b'.'
        && all(name, HOST)
        && !name.windows(2).any(|pair| pair == b"..")
}

fn port_number(digits: &[u8]) -> Result<u16, Fault> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Fault::HostInvalid);
    }
    let number = digits
        .iter()
        .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    u16::try_from(number).map_err(|_| Fault::HostInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(&str, &str, Option<u16>)> {
        let authority = Authority::parse(text.as_bytes()).ok()?;
        Some((
            &text[..authority.len],
            &text[..authority.name_len],
            authority.port,
        ))
    }

    #[test]
    fn accepts_names_addresses_and_ports() {
        assert_eq!(
            parsed("example.com"),
            Some(("example.com", "example.com", None))
        );
        assert_eq!(
            parsed("Example.com:8080"),
            Some(("Example.com:8080", "Example.com", Some(8080)))
        );
        assert_eq!(
            parsed("example.com:"),
            Some(("example.com", "example.com", None))
        );
        assert_eq!(
            parsed("example.com."),
            Some(("example.com.", "example.com.", None))
        );
        assert_eq!(parsed("a_b-c"), Some(("a_b-c", "a_b-c", None)));
        assert_eq!(
            parsed("127.0.0.1:1"),
            Some(("127.0.0.1:1", "127.0.0.1", Some(1)))
        );
        assert_eq!(
            parsed("[::1]:65535"),
            Some(("[::1]:65535", "[::1]", Some(65535)))
        );
        assert_eq!(
            parsed("[2001:db8::A]"),
            Some(("[2001:db8::A]", "[2001:db8::A]", None))
        );
    }

    #[test]
    fn refuses_everything_else() {
        let long = "a".repeat(256);
        let texts = [
            "",
            ":",
            ":80",
            ".",
            ".a",
            "a..b",
            "user@host",
            "u:p@host",
            "a,b",
            "a b",
            "a/b",
            "a%41",
            "ä",
            "a\\b",
            "a:65536",
            "a:99999",
            "a:000080",
            "a:-1",
            "a:+1",
            "a:8x",
            "a:80:80",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "::1",
            "[1.2.3.4]",
            "a\"",
            "a;b",
            "(a)",
            &long,
        ];
        for text in texts {
            assert_eq!(
                Authority::parse(text.as_bytes()),
                Err(Fault::HostInvalid),
                "{text}"
            );
        }
    }

    #[test]
    fn sameness_ignores_case_and_default_ports() {
        let same_at = |left: &str, right: &str, port| {
            let pair = |text: &'static str| (text.as_bytes(), Authority::parse(text.as_bytes()));
            let left: &'static str = left.to_owned().leak();
            let right: &'static str = right.to_owned().leak();
            match (pair(left), pair(right)) {
                ((l, Ok(left)), (r, Ok(right))) => same((l, left), (r, right), port),
                _ => false,
            }
        };
        assert!(same_at("a.example", "A.EXAMPLE:80", 80));
        assert!(same_at("a.example:443", "a.example:", 443));
        assert!(!same_at("a.example:443", "a.example", 80));
        assert!(!same_at("a.example", "b.example", 80));
        assert!(!same_at("a.example", "a.example.", 80));
    }
}
