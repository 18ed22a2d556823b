//! Byte classes, and scans that go eight bytes at a time.

/// A byte of a token (RFC 9110 §5.6.2).
pub(crate) const TOKEN: u8 = 1;
/// A byte of a field value: HTAB, SP, visible or obs-text (RFC 9110 §5.5).
pub(crate) const VALUE: u8 = 2;
/// A byte of a request target: visible ASCII but `#`.
pub(crate) const TARGET: u8 = 4;
/// A byte of a registered name: letters, digits, `-`, `.`, `_`.
pub(crate) const HOST: u8 = 8;
/// `_` alone.
pub(crate) const UNDERSCORE: u8 = 16;

/// The classes of each byte.
pub(crate) static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = classify(index as u8);
        index += 1;
    }
    table
}

const fn classify(byte: u8) -> u8 {
    let mut class = 0;
    if is_token_byte(byte) {
        class |= TOKEN;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        class |= VALUE;
    }
    if byte.is_ascii_graphic() && byte != b'#' {
        class |= TARGET;
    }
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
        class |= HOST;
    }
    if byte == b'_' {
        class |= UNDERSCORE;
    }
    class
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Whether every byte is of the class; true for no bytes.
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|&byte| CLASS[byte as usize] & class != 0)
}

/// Space or tab.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes without blanks at both ends (OWS, RFC 9110 §5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The lowest set high bit marks the first byte below `limit` (at most 0x80); bits above it may be false.
#[inline]
pub(crate) const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGH
}

/// The lowest set high bit marks the first byte equal to `byte`; bits above it may be false.
#[inline]
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// The position of the first byte at or after `at` that is not of class `VALUE`, or the length.
pub(crate) fn value_end(buf: &[u8], at: usize) -> usize {
    scan(buf, at, VALUE, |word| below(word, b' ') | equal(word, 0x7f))
}

/// The position of the first byte at or after `at` that is not of class `TARGET`, or the length.
pub(crate) fn target_end(buf: &[u8], at: usize) -> usize {
    scan(buf, at, TARGET, |word| {
        below(word, b'!') | equal(word, 0x7f) | equal(word, b'#') | (word & HIGH)
    })
}

/// Leaps over words without suspects; the table decides about each suspect and about the last bytes.
#[inline]
fn scan(buf: &[u8], mut at: usize, class: u8, suspects: impl Fn(u64) -> u64) -> usize {
    while let Some(bytes) = buf.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = suspects(u64::from_le_bytes(*bytes));
        if found == 0 {
            at += 8;
            continue;
        }
        at += (found.trailing_zeros() / 8) as usize;
        if CLASS[buf[at] as usize] & class == 0 {
            return at;
        }
        at += 1;
    }
    while at < buf.len() && CLASS[buf[at] as usize] & class != 0 {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_agree_with_the_table_for_every_byte_and_place() {
        for byte in 0..=255_u8 {
            for place in 0..19 {
                let mut buf = [b'a'; 19];
                buf[place] = byte;
                let expected = |class| {
                    if all(&[byte], class) {
                        buf.len()
                    } else {
                        place
                    }
                };
                assert_eq!(
                    value_end(&buf, 0),
                    expected(VALUE),
                    "value {byte:#x} at {place}"
                );
                assert_eq!(
                    target_end(&buf, 0),
                    expected(TARGET),
                    "target {byte:#x} at {place}"
                );
            }
        }
    }

    #[test]
    fn trim_takes_blanks_only_from_the_ends() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t"), b"");
    }
}
