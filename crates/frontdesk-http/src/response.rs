//! Response heads (RFC 9112 §4).

use crate::framing::Gathered;
use crate::lines::{LineRules, Step, field_lines, within_limit};
use crate::request::Span;
use crate::start_line::status_line;
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
    let end = within_limit(buf, limits, |window| {
        head.fill(window, limits, request_is_head)
    })?;
    Ok(end.map_or(Parsed::Partial, Parsed::Complete))
}

impl ResponseHead {
    fn fill(&mut self, buf: &[u8], limits: &HeadLimits, request_is_head: bool) -> Step<usize> {
        self.clear();
        let line = status_line(buf, limits.lf_line_ends)?;
        let rules = LineRules {
            lf: limits.lf_line_ends,
            space_before_colon: true,
            max_fields: limits.fields,
        };
        let (end, present) = field_lines(buf, line.end, rules, &mut self.fields)?;
        self.present = present;
        self.version = line.version;
        self.status = line.status;
        self.reason = (line.reason.0 as u32, (line.reason.1 - line.reason.0) as u32);
        self.set_connection(buf, request_is_head)?;
        Ok(end)
    }

    fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            ..Self::default()
        };
    }

    /// Settle framing, persistence and upgrade (RFC 9112 §6.3, §9.3).
    fn set_connection(&mut self, buf: &[u8], request_is_head: bool) -> Result<(), Fault> {
        let gathered = Gathered::from_fields(buf, &mut self.fields)?;
        let chunked = gathered.is_chunked(self.version)?;
        // An odd Connection value from an upstream costs the reuse of the connection, not the answer.
        self.keep_alive = gathered.options.persists(self.version) && !gathered.options.invalid;
        self.upgrade = gathered.wants_upgrade(self.version);
        if self.never_has_content() {
            if chunked {
                return Err(Fault::TransferEncodingForbidden);
            }
            // A length here is a lie or a sign of a body to come: both end the connection.
            self.keep_alive &= gathered.length.is_none_or(|length| length == 0);
            return Ok(());
        }
        self.content_length = gathered.length;
        self.framing = match gathered.length {
            _ if request_is_head || self.status == 304 => ResponseFraming::None,
            _ if chunked => ResponseFraming::Chunked,
            Some(length) => ResponseFraming::Length(length),
            None => ResponseFraming::UntilClose,
        };
        self.keep_alive &= self.framing != ResponseFraming::UntilClose;
        Ok(())
    }

    /// 1xx and 204 have neither content nor fields that describe its framing (RFC 9112 §6.1, RFC 9110 §8.6).
    const fn never_has_content(&self) -> bool {
        self.status < 200 || self.status == 204
    }
}
