//! The first line of a request or response (RFC 9112 §3, §4).

use crate::bytes::{CLASS, TOKEN, target_end, value_end};
use crate::lines::{Step, Stop, line_end};
use crate::{Fault, HeadLimits, Version};

/// The longest method; the longest registered one has 17 bytes.
const METHOD_BYTES: usize = 32;
/// Empty lines before a request that are skipped (RFC 9112 §2.2).
const EMPTY_LINES: usize = 4;

/// Positions in a request line.
pub(crate) struct RequestLine {
    pub(crate) method: (usize, usize),
    pub(crate) target: (usize, usize),
    pub(crate) version: Version,
    pub(crate) end: usize,
}

/// Positions in a status line.
pub(crate) struct StatusLine {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: (usize, usize),
    pub(crate) end: usize,
}

/// Read method, target and version, one space between them.
pub(crate) fn request_line(buf: &[u8], limits: &HeadLimits) -> Step<RequestLine> {
    let start = skip_empty_lines(buf, limits.lf_line_ends)?;
    let method_end = method_end(buf, start)?;
    let target = method_end + 1;
    let target_end = checked_target_end(buf, target, limits)?;
    let (version, at) = version(buf, target_end + 1)?;
    let end = line_end(buf, at, limits.lf_line_ends, Fault::VersionInvalid)?;
    Ok(RequestLine {
        method: (start, method_end),
        target: (target, target_end),
        version,
        end,
    })
}

/// Read version, status and reason; the reason and the space before it may be missing.
pub(crate) fn status_line(buf: &[u8], lf: bool) -> Step<StatusLine> {
    let (version, at) = version(buf, 0)?;
    let status = status(buf, at)?;
    let mut reason = at + 4;
    if buf.get(reason) == Some(&b' ') {
        reason += 1;
    } else if buf
        .get(reason)
        .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
    {
        return Err(Fault::StatusLineInvalid.into());
    }
    let reason_end = value_end(buf, reason);
    let end = line_end(buf, reason_end, lf, Fault::StatusLineInvalid)?;
    Ok(StatusLine {
        version,
        status,
        reason: (reason, reason_end),
        end,
    })
}

fn skip_empty_lines(buf: &[u8], lf: bool) -> Step<usize> {
    let mut at = 0;
    for _ in 0..EMPTY_LINES {
        match buf.get(at) {
            Some(b'\r' | b'\n') => at = line_end(buf, at, lf, Fault::BareCr)?,
            _ => break,
        }
    }
    Ok(at)
}

fn method_end(buf: &[u8], start: usize) -> Step<usize> {
    let mut end = start;
    while buf
        .get(end)
        .is_some_and(|&byte| CLASS[byte as usize] & TOKEN != 0)
    {
        end += 1;
        if end - start > METHOD_BYTES {
            return Err(Fault::MethodTooLong.into());
        }
    }
    match buf.get(end) {
        None => Err(Stop::Partial),
        Some(b' ') if end > start => Ok(end),
        Some(_) => Err(Fault::MethodInvalid.into()),
    }
}

fn checked_target_end(buf: &[u8], start: usize, limits: &HeadLimits) -> Step<usize> {
    let end = target_end(buf, start);
    if end - start > limits.target_bytes {
        return Err(Fault::TargetTooLong.into());
    }
    match buf.get(end) {
        None => Err(Stop::Partial),
        Some(b' ') if end > start => Ok(end),
        Some(b' ' | b'\r' | b'\n') => Err(Fault::RequestLineInvalid.into()),
        Some(b'#') => Err(Fault::TargetFragment.into()),
        Some(_) => Err(Fault::TargetByteInvalid.into()),
    }
}

/// Read `HTTP/1.1` or `HTTP/1.0` at `at`; returns the position after it.
#[inline]
fn version(buf: &[u8], at: usize) -> Step<(Version, usize)> {
    let rest = buf.get(at..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(b"HTTP/1.1") => Ok((Version::Http11, at + 8)),
        Some(b"HTTP/1.0") => Ok((Version::Http10, at + 8)),
        Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => {
            Err(Fault::VersionUnsupported.into())
        }
        None if b"HTTP/".starts_with(&rest[..rest.len().min(5)]) => Err(Stop::Partial),
        _ => Err(Fault::VersionInvalid.into()),
    }
}

/// Read ` ddd` at `at`.
fn status(buf: &[u8], at: usize) -> Step<u16> {
    match buf.get(at..).unwrap_or_default() {
        [b' ', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            let status = digit(a) * 100 + digit(b) * 10 + digit(c);
            if (100..600).contains(&status) {
                Ok(status)
            } else {
                Err(Fault::StatusInvalid.into())
            }
        }
        [] | [b' '] | [b' ', b'0'..=b'9'] | [b' ', b'0'..=b'9', b'0'..=b'9'] => Err(Stop::Partial),
        _ => Err(Fault::StatusLineInvalid.into()),
    }
}
