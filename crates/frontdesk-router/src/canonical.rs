//! Canonical paths.

use std::fmt;

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
    /// `%2F`.
    EncodedSlash,
    /// A backslash, raw or as `%5C`.
    Backslash,
    /// A control byte, raw or encoded.
    Control(u8),
    /// A raw byte over 0x7F.
    NotAscii(u8),
    /// A raw byte that cannot be in a path: space, `?`, `#`.
    NotInPath(u8),
    /// A path parameter on a dot segment, such as `..;`.
    DotParameter,
    /// Dot segments that climb above the root.
    AboveRoot,
}

impl PathFault {
    /// A stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        todo!()
    }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for PathFault {}

/// Makes a path canonical. `Ok(true)`: `raw` is canonical already and `out` is untouched; `Ok(false)`: the
/// canonical form was appended to `out`.
///
/// # Errors
/// The path is to be refused with 400; `out` is untouched.
pub fn canonicalize(raw: &[u8], options: PathOptions, out: &mut Vec<u8>) -> Result<bool, PathFault> {
    let _ = (raw, options, out);
    todo!()
}
