//! Path patterns: `/robots.txt`, `/a/{id}`, `/a/**`, `/a/{id}/**`.

use crate::canonical::{PathFault, PathOptions, canonicalize};

/// The kinds of path rule, in their order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathKind {
    /// The whole path, `/robots.txt`.
    Exact,
    /// The whole path with variables, `/a/{id}`; a variable is one non-empty segment.
    Template,
    /// A prefix of whole segments, `/a/**`, which takes `/a` too.
    Prefix,
    /// A full match of a linear-time regex.
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

/// One segment of a pattern. The last may be an empty literal: the pattern then ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<[u8]>),
    Variable(String),
}

impl Segment {
    pub(crate) fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }

    /// The literal, empty for a variable.
    pub(crate) fn literal(&self) -> &[u8] {
        match self {
            Self::Literal(text) => text,
            Self::Variable(_) => b"",
        }
    }
}

/// A parsed pattern. `kind` is never [`PathKind::Regex`]; of a prefix, `segments` leaves the `**` out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathPattern {
    pub(crate) kind: PathKind,
    pub(crate) segments: Vec<Segment>,
}

/// Judges a path pattern: its kind, canonical form and variable names in order.
///
/// # Errors
/// What was found, what is expected, what to write instead.
pub fn check_path_pattern(text: &str) -> Result<(PathKind, String, Vec<String>), String> {
    let pattern = PathPattern::parse(text)?;
    let variables = pattern.variables().map(str::to_owned).collect();
    Ok((pattern.kind, pattern.canonical(), variables))
}

impl PathPattern {
    /// The pattern `/**`, which a rule without path has.
    pub(crate) fn everything() -> Self {
        Self {
            kind: PathKind::Prefix,
            segments: Vec::new(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "path `{text}` does not start with `/`; write `/{text}`"
            ));
        };
        let (rest, is_prefix) = match rest.strip_suffix("**") {
            Some("") => return Ok(Self::everything()),
            Some(head) if head.ends_with('/') => (&head[..head.len() - 1], true),
            _ => (rest, false),
        };
        let segments = parse_segments(text, rest, is_prefix)?;
        let kind = if is_prefix {
            PathKind::Prefix
        } else if segments.iter().any(Segment::is_variable) {
            PathKind::Template
        } else {
            PathKind::Exact
        };
        Ok(Self { kind, segments })
    }

    pub(crate) fn canonical(&self) -> String {
        let mut text = String::new();
        for segment in &self.segments {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(&String::from_utf8_lossy(literal)),
                Segment::Variable(name) => text.extend(["{", name, "}"]),
            }
        }
        if self.kind == PathKind::Prefix {
            text.push_str("/**");
        }
        text
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }
}

fn parse_segments(text: &str, rest: &str, is_prefix: bool) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut pieces = rest.split('/').peekable();
    while let Some(piece) = pieces.next() {
        // Empty segments are merged, as in a request; only the last one says something: a closing slash.
        if piece.is_empty() && (is_prefix || pieces.peek().is_some()) {
            continue;
        }
        let segment = parse_segment(text, piece)?;
        if let Segment::Variable(name) = &segment
            && segments
                .iter()
                .any(|other| matches!(other, Segment::Variable(seen) if seen == name))
        {
            return Err(format!(
                "path `{text}` has the variable `{{{name}}}` twice; names must differ"
            ));
        }
        segments.push(segment);
    }
    Ok(segments)
}

fn parse_segment(text: &str, piece: &str) -> Result<Segment, String> {
    if piece == "**" {
        return Err(format!(
            "path `{text}` has a `**` that is not its last segment; use `path: {{regex: …}}`"
        ));
    }
    if piece.contains('*') {
        return Err(format!(
            "path `{text}` has a `*` within `{piece}`; write `/**` at the end for everything below, `{{name}}` for one whole segment, or `path: {{regex: …}}`"
        ));
    }
    if !piece.contains(['{', '}']) {
        return parse_literal(text, piece).map(Segment::Literal);
    }
    let name = piece
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    match name {
        Some(name) if !name.contains(['{', '}']) => {
            check_name(text, name)?;
            Ok(Segment::Variable(name.to_owned()))
        }
        _ => Err(format!(
            "path `{text}`: a variable must be a whole segment such as `/{{id}}/`, found `{piece}`; use `path: {{regex: …}}` for a part of one, and `%7B` for a brace"
        )),
    }
}

fn check_name(text: &str, name: &str) -> Result<(), String> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(format!(
        "path `{text}`: `{name}` is not a variable name; expected letters, digits and `_`, not a digit first"
    ))
}

fn parse_literal(text: &str, piece: &str) -> Result<Box<[u8]>, String> {
    let raw = format!("/{piece}").into_bytes();
    let mut out = Vec::new();
    let is_canonical = match canonicalize(
        &raw,
        PathOptions {
            merge_slashes: true,
        },
        &mut out,
    ) {
        Ok(is_canonical) => is_canonical,
        Err(PathFault::AboveRoot) => return Err(dot_segment(text, piece)),
        Err(PathFault::NotInPath(b'?')) => {
            return Err(format!(
                "path `{text}` has a `?`; write conditions on the query under `query:`"
            ));
        }
        Err(fault) => return Err(format!("path `{text}` can never match: {fault}")),
    };
    let canonical = if is_canonical { raw } else { out };
    match canonical.split_first() {
        Some((_, [])) if !piece.is_empty() => Err(dot_segment(text, piece)),
        Some((_, literal)) => Ok(literal.into()),
        None => Ok(Box::default()),
    }
}

fn dot_segment(text: &str, piece: &str) -> String {
    format!(
        "path `{text}` has the dot segment `{piece}`, which requests are matched without; write the path it leads to"
    )
}
