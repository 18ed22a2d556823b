//! One field line, and the alphabets of names and values.

use crate::Known;
use crate::bytes::{TOKEN, VALUE, all, is_blank};

/// One field line as ranges into the buffer that was parsed.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// First byte of the name, which is the first byte of the line.
    pub start: u32,
    /// Bytes of the name.
    pub name_len: u16,
    /// What the name means, recognised while parsing.
    pub known: Known,
    /// Must not be forwarded. The parser sets it for hop-by-hop fields, those named in Connection,
    /// identity fields and dropped `_` names of a request; later stages may set it as well.
    pub removed: bool,
    /// First byte of the value, blanks before it skipped.
    pub value_start: u32,
    /// Bytes of the value, blanks after it left out.
    pub value_len: u32,
    /// One past the line's end, so that untouched neighbours are one run of bytes.
    pub end: u32,
    /// False if the line must be written anew instead of copied: it ended in LF alone, or had white
    /// space before the colon.
    pub crlf: bool,
}

impl Field {
    /// The name as sent.
    pub fn name<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.start as usize;
        &buf[start..start + self.name_len as usize]
    }

    /// The value without surrounding blanks.
    pub fn value<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let start = self.value_start as usize;
        &buf[start..start + self.value_len as usize]
    }

    /// The whole line with its end.
    pub fn line<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        &buf[self.start as usize..self.end as usize]
    }
}

/// Whether this is a token: a valid field name or method (RFC 9110 §5.6.2).
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && all(name, TOKEN)
}

/// Whether this is a field value: no control bytes, no blanks at its ends (RFC 9110 §5.5).
pub fn is_value(value: &[u8]) -> bool {
    let blank_end = |byte: Option<&u8>| byte.is_some_and(|&byte| is_blank(byte));
    all(value, VALUE) && !blank_end(value.first()) && !blank_end(value.last())
}
