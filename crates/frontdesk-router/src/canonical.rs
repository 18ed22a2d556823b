//! The one canonical form of a path, used by the router, every policy, the log and the upstream request.
//!
//! Two spellings that a back end could read as the same path become one, and what different
//! back ends read differently (`%2F`, `\`, `..;`) is refused, so that what a policy judged is what
//! the upstream gets.

use std::fmt;

use crate::bytes::{Class, class, hex_pair, is_unreserved, push_escape};

/// How paths are made canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathOptions {
    /// Merge empty segments, `/a//b` to `/a/b`.
    pub merge_slashes: bool,
}

/// Why a path is refused (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// The path does not start with `/`.
    NotAbsolute,
    /// A `%` without two hex digits after it.
    BrokenEscape,
    /// `%2F`, which some back ends read as a separator.
    EncodedSlash,
    /// A backslash, raw or as `%5C`, which some back ends read as a separator.
    Backslash,
    /// A control byte, raw or encoded.
    Control(u8),
    /// A raw byte over 0x7F.
    NotAscii(u8),
    /// A raw space, `?` or `#`.
    NotInPath(u8),
    /// A path parameter on a dot segment, such as `..;`.
    DotParameter,
    /// Dot segments that climb above the root.
    AboveRoot,
    /// Values put into a path template join with what is around them into a dot segment or an escape.
    Joined,
}

impl PathFault {
    /// A stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::BrokenEscape => "path_broken_escape",
            Self::EncodedSlash => "path_encoded_slash",
            Self::Backslash => "path_backslash",
            Self::Control(_) => "path_control_byte",
            Self::NotAscii(_) => "path_not_ascii",
            Self::NotInPath(_) => "path_forbidden_byte",
            Self::DotParameter => "path_dot_parameter",
            Self::AboveRoot => "path_above_root",
            Self::Joined => "path_joined_values",
        }
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => f.write_str("the path does not start with `/`"),
            Self::BrokenEscape => f.write_str(
                "a `%` in the path is not followed by two hex digits; a plain % is `%25`",
            ),
            Self::EncodedSlash => f.write_str("the path has an encoded slash (`%2F`)"),
            Self::Backslash => f.write_str("the path has a backslash, raw or as `%5C`"),
            Self::Control(byte) => write!(f, "the path has the control byte 0x{byte:02X}"),
            Self::NotAscii(byte) => write!(
                f,
                "the path has the raw byte 0x{byte:02X}; expected `%{byte:02X}`"
            ),
            Self::NotInPath(byte) => {
                write!(
                    f,
                    "the path has a raw `{}`; expected `%{byte:02X}`",
                    *byte as char
                )
            }
            Self::DotParameter => {
                f.write_str("the path has a parameter on a dot segment, such as `..;`")
            }
            Self::AboveRoot => f.write_str("the dot segments of the path climb above its root"),
            Self::Joined => {
                f.write_str("values put into the path join into a dot segment or an escape")
            }
        }
    }
}

impl std::error::Error for PathFault {}

/// Makes a path canonical: escapes of unreserved characters decoded, the others in upper case (RFC 3986
/// §6.2.2), dot segments removed (§5.2.4), empty segments merged if `options` say so.
///
/// `Ok(true)`: `raw` is canonical already and `out` is untouched. `Ok(false)`: the canonical form was
/// appended to `out`.
///
/// # Errors
/// The path is to be refused with 400; `out` is untouched.
pub fn canonicalize(
    raw: &[u8],
    options: PathOptions,
    out: &mut Vec<u8>,
) -> Result<bool, PathFault> {
    if is_canonical(raw, options) {
        return Ok(true);
    }
    let base = out.len();
    rewrite(raw, options, out).inspect_err(|_| out.truncate(base))?;
    Ok(false)
}

/// One pass over the table. `false` also for what is refused: [`rewrite`] finds the reason.
fn is_canonical(raw: &[u8], options: PathOptions) -> bool {
    if raw.first() != Some(&b'/') {
        return false;
    }
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| class(*byte) != Class::Plain) {
        let (special, after) = (rest[at], &rest[at + 1..]);
        rest = match special {
            b'/' if starts_plain_segment(after, options) => after,
            b'%' if is_needed_escape(after) => &after[2..],
            _ => return false,
        };
    }
    true
}

/// Whether what follows a slash is surely neither a dot segment nor an empty one to be merged.
fn starts_plain_segment(rest: &[u8], options: PathOptions) -> bool {
    match rest.first() {
        Some(b'/') => !options.merge_slashes,
        Some(b'.') => {
            let after_dots = &rest[if rest.get(1) == Some(&b'.') { 2 } else { 1 }..];
            !matches!(after_dots.first(), None | Some(b'/' | b';'))
                && !after_dots.starts_with(b"%3B")
        }
        _ => true,
    }
}

/// Whether `after`, which follows a `%`, makes an escape that the canonical form has as it is.
fn is_needed_escape(after: &[u8]) -> bool {
    let [high, low, ..] = *after else {
        return false;
    };
    let is_upper = |digit: u8| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit);
    is_upper(high)
        && is_upper(low)
        && hex_pair(high, low)
            .is_some_and(|byte| !is_unreserved(byte) && refused_escape(byte).is_none())
}

/// Why a byte may not be in a path, not even encoded.
fn refused_escape(byte: u8) -> Option<PathFault> {
    match byte {
        b'/' => Some(PathFault::EncodedSlash),
        b'\\' => Some(PathFault::Backslash),
        0..0x20 | 0x7F => Some(PathFault::Control(byte)),
        _ => None,
    }
}

fn rewrite(raw: &[u8], options: PathOptions, out: &mut Vec<u8>) -> Result<(), PathFault> {
    let Some((b'/', rest)) = raw.split_first() else {
        return Err(PathFault::NotAbsolute);
    };
    let base = out.len();
    out.push(b'/');
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let start = out.len();
        push_segment(segment, out)?;
        let is_last = segments.peek().is_none();
        match &out[start..] {
            b"." => out.truncate(start),
            b".." => climb(base, start, out)?,
            written if has_dot_parameter(written) => return Err(PathFault::DotParameter),
            b"" if options.merge_slashes => {}
            _ if is_last => {}
            _ => out.push(b'/'),
        }
    }
    Ok(())
}

/// Replaces `/a/..` at the end of `out` by `/`. The path starts at `base`, the `..` at `start`.
fn climb(base: usize, start: usize, out: &mut Vec<u8>) -> Result<(), PathFault> {
    let parent = &out[base..start - 1];
    let slash = memchr::memrchr(b'/', parent).ok_or(PathFault::AboveRoot)?;
    out.truncate(base + slash + 1);
    Ok(())
}

/// Whether a segment is `.` or `..` with a parameter. A back end that decodes twice reads `%3B` as `;`.
fn has_dot_parameter(segment: &[u8]) -> bool {
    let Some(rest) = segment.strip_prefix(b".") else {
        return false;
    };
    let rest = rest.strip_prefix(b".").unwrap_or(rest);
    rest.starts_with(b";") || rest.starts_with(b"%3B")
}

fn push_segment(segment: &[u8], out: &mut Vec<u8>) -> Result<(), PathFault> {
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match class(byte) {
            Class::Percent => {
                let [high, low, after @ ..] = rest else {
                    return Err(PathFault::BrokenEscape);
                };
                push_decoded(hex_pair(*high, *low).ok_or(PathFault::BrokenEscape)?, out)?;
                rest = after;
            }
            Class::Escape => push_escape(byte, out),
            Class::Refused => return Err(refused_raw(byte)),
            Class::Plain | Class::Slash => out.push(byte),
        }
    }
    Ok(())
}

fn push_decoded(byte: u8, out: &mut Vec<u8>) -> Result<(), PathFault> {
    if let Some(fault) = refused_escape(byte) {
        return Err(fault);
    }
    if is_unreserved(byte) {
        out.push(byte);
    } else {
        push_escape(byte, out);
    }
    Ok(())
}

fn refused_raw(byte: u8) -> PathFault {
    match byte {
        b'\\' => PathFault::Backslash,
        0..0x20 | 0x7F => PathFault::Control(byte),
        0x80.. => PathFault::NotAscii(byte),
        _ => PathFault::NotInPath(byte),
    }
}
