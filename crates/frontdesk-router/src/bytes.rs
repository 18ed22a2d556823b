//! What each byte may do in a path (RFC 3986 §3.3), as one table.

/// What the canonicaliser does with a raw byte of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Stays as it is: unreserved, sub-delimiter, `:` or `@`.
    Plain,
    /// Ends a segment.
    Slash,
    /// Starts an escape.
    Percent,
    /// Not in the grammar but sent by browsers (`"<>^|{}` and the grave accent): spelled as an escape.
    Escape,
    /// Refused.
    Refused,
}

const UNRESERVED_MARKS: &[u8] = b"-._~";
const OTHER_PATH_MARKS: &[u8] = b"!$&'()*+,;=:@";
const SENT_RAW_BY_BROWSERS: &[u8] = b"\"<>^`{|}";

static CLASSES: [Class; 256] = {
    let mut table = [Class::Refused; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        table[byte] = if is_unreserved(value) || contains(OTHER_PATH_MARKS, value) {
            Class::Plain
        } else if value == b'/' {
            Class::Slash
        } else if value == b'%' {
            Class::Percent
        } else if contains(SENT_RAW_BY_BROWSERS, value) {
            Class::Escape
        } else {
            Class::Refused
        };
        byte += 1;
    }
    table
};

/// The class of a raw byte.
#[inline]
pub(crate) fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// Whether an escape of this byte is a needless one (RFC 3986 §2.3).
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || contains(UNRESERVED_MARKS, byte)
}

/// The byte spelled by two hex digits of any case.
pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|value| value as u8);
    Some(digit(high)? << 4 | digit(low)?)
}

/// Appends `%XX` with upper-case digits.
pub(crate) fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push(b'%');
    out.push(DIGITS[(byte >> 4) as usize]);
    out.push(DIGITS[(byte & 15) as usize]);
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut index = 0;
    while index < set.len() {
        if set[index] == byte {
            return true;
        }
        index += 1;
    }
    false
}
