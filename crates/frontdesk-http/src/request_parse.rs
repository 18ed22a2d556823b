//! How a request head is read, and what its fields mean for the connection.

use crate::authority::{Authority, same};
use crate::connection::options;
use crate::framing::Gathered;
use crate::lines::{LineRules, Step, field_lines, within_limit};
use crate::start_line::{RequestLine, request_line};
use crate::target::{Target, TargetAuthority};
use crate::{
    Fault, Framing, HeadLimits, Known, Method, Parsed, RequestHead, Underscores, Upgrade, Version,
};

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
