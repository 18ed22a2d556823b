//! Request heads (RFC 9112 §3).

use crate::{Field, Framing, Known, Method, Version};

/// Start and length of a part of the buffer, in bytes.
pub type Span = (u32, u32);

/// The four forms of a request target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, with CONNECT only.
    Authority,
    /// `*`, or an absolute form without path and query, with OPTIONS only (RFC 9112 §3.2.4).
    Asterisk,
}

/// A wish to change the protocol (RFC 9110 §7.8): on HTTP/1.1 with `Connection: upgrade` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None, or not a valid one.
    #[default]
    None,
    /// GET without a body, and exactly `websocket` (RFC 6455 §4.1).
    WebSocket,
    /// Anything else; the tokens are in the Upgrade fields.
    Other,
}

/// A parsed request head. Reused between requests: parsing clears and refills it, without allocation once
/// `fields` has grown.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// Where its text is.
    pub method_range: Span,
    /// The version.
    pub version: Version,
    /// The form of the target.
    pub form: TargetForm,
    /// The whole target as sent.
    pub target: Span,
    /// The raw path without query; empty for an absolute form without path, and for `*` and CONNECT.
    pub path: Span,
    /// The raw query without `?`.
    pub query: Option<Span>,
    /// The authority as sent, an empty port dropped: from Host, or for HTTP/1.0 from the target.
    pub host: Option<Span>,
    /// Bytes of the host part of `host` (an IPv6 literal with its brackets, a name with its last dot).
    pub host_name_len: u32,
    /// The port in `host`.
    pub host_port: Option<u16>,
    /// The field lines, contiguous and in the order sent.
    pub fields: Vec<Field>,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the client wants the connection to persist (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// The client waits for a 100 before it sends the body.
    pub expect_continue: bool,
    /// The wish to change the protocol.
    pub upgrade: Upgrade,
    /// The client accepts trailers (`TE: trailers`).
    pub te_trailers: bool,
    /// Number of fields dropped for `_` in their name.
    pub underscores_dropped: u32,
    /// One bit for each `Known` among the fields.
    pub(crate) present: u64,
}

fn part(buf: &[u8], (start, len): Span) -> &[u8] {
    &buf[start as usize..(start + len) as usize]
}

impl RequestHead {
    /// The method as sent.
    pub fn method_text<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        part(buf, self.method_range)
    }

    /// The target as sent.
    pub fn target<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        part(buf, self.target)
    }

    /// The raw path.
    pub fn path<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        part(buf, self.path)
    }

    /// The raw query.
    pub fn query<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.query.map(|span| part(buf, span))
    }

    /// The authority: host and port as sent.
    pub fn host<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.host.map(|span| part(buf, span))
    }

    /// The host part of the authority as sent.
    pub fn host_name<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        self.host
            .map(|(start, _)| part(buf, (start, self.host_name_len)))
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

    /// The value of the first field of that name, in any case. Identity fields and dropped `_` names are
    /// not found, hop-by-hop fields are.
    pub fn find<'b>(&self, buf: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
        let hidden = |field: &Field| {
            field.removed && matches!(field.known, Known::Identity | Known::Underscore)
        };
        self.fields
            .iter()
            .find(|field| !hidden(field) && field.name(buf).eq_ignore_ascii_case(name))
            .map(|field| field.value(buf))
    }

    /// The values of all fields of that meaning, in order, removed or not.
    pub fn values<'a>(&'a self, buf: &'a [u8], known: Known) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| field.known == known)
            .map(|field| field.value(buf))
    }

    /// Whether a body follows the head.
    pub fn has_body(&self) -> bool {
        !matches!(self.framing, Framing::None | Framing::Length(0))
    }
}

/// Cheap test of whether a head could be complete: looks for an empty line from `from` on. The caller
/// keeps `from` (zero for a new message) between reads, so that a drip of single bytes costs linear time,
/// and parses when this is true or when `HeadLimits::head_bytes` bytes have come.
pub fn head_may_be_complete(buf: &[u8], from: &mut usize) -> bool {
    while let Some(offset) = buf
        .get(*from..)
        .and_then(|rest| memchr::memchr(b'\n', rest))
    {
        let line_feed = *from + offset;
        match &buf[line_feed + 1..] {
            [] | [b'\r'] => {
                *from = line_feed;
                return false;
            }
            [b'\n', ..] | [b'\r', b'\n', ..] => {
                *from = line_feed + 1;
                return true;
            }
            _ => *from = line_feed + 1,
        }
    }
    *from = buf.len();
    false
}
