//! Path patterns.

/// The kinds of path rule, in their order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathKind {
    /// The whole path, `/robots.txt`.
    Exact,
    /// Whole path with variables, `/a/{id}`.
    Template,
    /// Segment-wise prefix, `/a/**`, which takes `/a` too.
    Prefix,
    /// Full match of a linear-time regex.
    Regex,
}

impl PathKind {
    /// The name in snapshots: `exact`, `template`, `prefix` or `regex`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Template => "template",
            Self::Prefix => "prefix",
            Self::Regex => "regex",
        }
    }
}

/// Judges a path pattern: its kind, canonical form and variable names.
///
/// # Errors
/// What was found, what is expected, what to write instead.
pub fn check_path_pattern(text: &str) -> Result<(PathKind, String, Vec<String>), String> {
    todo!("{text}")
}
