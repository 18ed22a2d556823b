//! Request heads (RFC 9112 §3).

use crate::authority::{Authority, same};
use crate::connection::options;
use crate::framing::Gathered;
use crate::lines::{LineRules, Step, field_lines, within_limit};
use crate::start_line::{RequestLine, request_line};
use crate::target::{Target, TargetAuthority};
use crate::{Fault, Field, Framing, HeadLimits, Known, Method, Parsed, Underscores, Version};

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

/// Parse a request head at the start of `buf`. Up to four empty lines before it are skipped (RFC 9112
/// §2.2).
///
/// # Errors
/// The fault that makes the request refusable, as soon as it shows: a head may be refused before it is whole.
pub fn parse_request(
    buf: &[u8],
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> Result<Parsed, Fault> {
    let end = within_limit(buf, limits, |window| head.fill(window, limits))?;
    Ok(end.map_or(Parsed::Partial, Parsed::Complete))
}

impl RequestHead {
    fn fill(&mut self, buf: &[u8], limits: &HeadLimits) -> Step<usize> {
        self.clear();
        let line = request_line(buf, limits)?;
        let rules = LineRules {
            lf: limits.lf_line_ends,
            space_before_colon: false,
            max_fields: limits.fields,
        };
        self.method = Method::of(&buf[line.method.0..line.method.1]);
        let target = Target::parse(buf, line.target.0, line.target.1, self.method)?;
        let (end, present) = field_lines(buf, line.end, rules, &mut self.fields)?;
        self.present = present;
        self.set_line(&line, &target);
        self.set_host(buf, target.authority)?;
        self.set_connection(buf)?;
        self.judge_names(buf, limits.underscores)?;
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

    fn set_line(&mut self, line: &RequestLine, target: &Target) {
        let span = |(start, end): (usize, usize)| (start as u32, (end - start) as u32);
        self.method_range = span(line.method);
        self.target = span(line.target);
        self.version = line.version;
        self.form = target.form;
        self.path = target.path;
        self.query = target.query;
    }

    /// Find the one authority of the request (RFC 9112 §3.2).
    fn set_host(&mut self, buf: &[u8], in_target: Option<TargetAuthority>) -> Result<(), Fault> {
        let mut hosts = self
            .fields
            .iter()
            .filter(|field| field.known == Known::Host);
        let found = match (hosts.next(), hosts.next()) {
            (Some(_), Some(_)) => return Err(Fault::HostRepeated),
            (Some(field), None) => {
                let authority = Authority::parse(field.value(buf))?;
                Some((field.value_start as usize, authority))
            }
            (None, _) if self.version == Version::Http11 => return Err(Fault::HostMissing),
            (None, _) => in_target.map(|target| (target.start, target.authority)),
        };
        let Some((start, authority)) = found else {
            return Ok(());
        };
        if let Some(target) = in_target
            && !same(
                (&buf[start..], authority),
                (&buf[target.start..], target.authority),
                target.default_port,
            )
        {
            return Err(Fault::HostMismatch);
        }
        self.host = Some((start as u32, authority.len as u32));
        self.host_name_len = authority.name_len as u32;
        self.host_port = authority.port;
        Ok(())
    }

    /// Settle framing, persistence, expectation and upgrade.
    fn set_connection(&mut self, buf: &[u8]) -> Result<(), Fault> {
        let gathered = Gathered::from_fields(buf, &mut self.fields)?;
        if gathered.options.invalid {
            return Err(Fault::ConnectionInvalid);
        }
        self.framing = match gathered.length {
            _ if gathered.is_chunked(self.version)? => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::None,
        };
        self.keep_alive = gathered.options.persists(self.version);
        if self.has(Known::Expect) && self.version == Version::Http11 {
            self.expect_continue = self.expects_continue(buf)? && self.has_body();
        }
        if gathered.wants_upgrade(self.version) {
            self.upgrade = self.kind_of_upgrade(&gathered);
        }
        self.te_trailers = self.has(Known::Te) && self.values(buf, Known::Te).any(accepts_trailers);
        Ok(())
    }

    /// Any expectation but one is refused (RFC 9110 §10.1.1); HTTP/1.0 has none.
    fn expects_continue(&self, buf: &[u8]) -> Result<bool, Fault> {
        let is_continue = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
        if self.values(buf, Known::Expect).all(is_continue) {
            Ok(true)
        } else {
            Err(Fault::ExpectationUnknown)
        }
    }

    fn kind_of_upgrade(&self, gathered: &Gathered<'_>) -> Upgrade {
        let websocket = gathered
            .upgrade
            .is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
        if websocket && !gathered.upgrade_repeated && self.method == Method::Get && !self.has_body()
        {
            Upgrade::WebSocket
        } else {
            Upgrade::Other
        }
    }

    /// Mark identity fields, and treat names with `_` as the listener says.
    fn judge_names(&mut self, buf: &[u8], underscores: Underscores) -> Result<(), Fault> {
        if self.present & (Known::Identity.bit() | Known::Underscore.bit()) == 0 {
            return Ok(());
        }
        for field in &mut self.fields {
            if !matches!(field.known, Known::Identity | Known::Underscore) {
                continue;
            }
            let name = field.name(buf);
            let aliased = name.contains(&b'_');
            if aliased && underscores == Underscores::Refuse {
                return Err(Fault::UnderscoreRefused);
            }
            let drop = aliased && (underscores == Underscores::Drop || Known::of_alias(name).1);
            field.removed |= drop || field.known == Known::Identity;
            self.underscores_dropped += u32::from(drop);
        }
        Ok(())
    }
}

/// Whether a TE value holds `trailers` (RFC 9110 §10.1.4).
fn accepts_trailers(value: &[u8]) -> bool {
    options(value).any(|option| option.eq_ignore_ascii_case(b"trailers"))
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
