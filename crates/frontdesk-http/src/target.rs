//! The request target (RFC 9112 §3.2).

use crate::authority::Authority;
use crate::request::Span;
use crate::{Fault, Method, TargetForm};

/// The parts of a target as spans of the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) form: TargetForm,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) authority: Option<TargetAuthority>,
}

/// The authority in an absolute or authority form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetAuthority {
    pub(crate) start: usize,
    pub(crate) authority: Authority,
    /// The port that the scheme implies.
    pub(crate) default_port: u16,
}

impl Target {
    /// Take apart `buf[start..end]`, whose bytes are all of the target class.
    pub(crate) fn parse(
        buf: &[u8],
        start: usize,
        end: usize,
        method: Method,
    ) -> Result<Self, Fault> {
        match &buf[start..end] {
            text if method == Method::Connect => Self::authority(start, text),
            [b'/', ..] => Ok(Self::path_and_query(buf, start, end, TargetForm::Origin)),
            b"*" if method == Method::Options => Ok(Self::bare(start, TargetForm::Asterisk)),
            text => Self::absolute(buf, start, end, scheme(text)?, method),
        }
    }

    const fn bare(start: usize, form: TargetForm) -> Self {
        Self {
            form,
            path: (start as u32, 0),
            query: None,
            authority: None,
        }
    }

    fn path_and_query(buf: &[u8], start: usize, end: usize, form: TargetForm) -> Self {
        let span = |from: usize, to: usize| (from as u32, (to - from) as u32);
        let (path_end, query) = match memchr::memchr(b'?', &buf[start..end]) {
            Some(offset) => (start + offset, Some(span(start + offset + 1, end))),
            None => (end, None),
        };
        Self {
            form,
            path: span(start, path_end),
            query,
            authority: None,
        }
    }

    /// `host:port`; CONNECT must name the port (RFC 9112 §3.2.3).
    fn authority(start: usize, text: &[u8]) -> Result<Self, Fault> {
        let authority = Authority::parse(text).map_err(|_| Fault::TargetInvalid)?;
        let default_port = authority.port.ok_or(Fault::TargetInvalid)?;
        let authority = Some(TargetAuthority {
            start,
            authority,
            default_port,
        });
        Ok(Self {
            authority,
            ..Self::bare(start, TargetForm::Authority)
        })
    }

    fn absolute(
        buf: &[u8],
        start: usize,
        end: usize,
        (scheme_len, default_port): (usize, u16),
        method: Method,
    ) -> Result<Self, Fault> {
        let start = start + scheme_len;
        let text = &buf[start..end];
        let len = memchr::memchr2(b'/', b'?', text).unwrap_or(text.len());
        let authority = Authority::parse(&text[..len])?;
        let mut target = Self::path_and_query(buf, start + len, end, TargetForm::Absolute);
        // The client that speaks to a proxy writes `*` for the server like this (RFC 9112 §3.2.4).
        if method == Method::Options && len == text.len() {
            target.form = TargetForm::Asterisk;
        }
        target.authority = Some(TargetAuthority {
            start,
            authority,
            default_port,
        });
        Ok(target)
    }
}

/// The length of the scheme with `://`, and its default port.
fn scheme(text: &[u8]) -> Result<(usize, u16), Fault> {
    let starts_with = |scheme: &[u8]| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if starts_with(b"http://") {
        Ok((7, 80))
    } else if starts_with(b"https://") {
        Ok((8, 443))
    } else {
        Err(Fault::TargetInvalid)
    }
}
