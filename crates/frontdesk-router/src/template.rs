//! Templates of rewrite paths and redirect locations: text with `{name}` in it.

use crate::canonical::{PathFault, PathOptions, canonicalize};
use crate::captures::Captures;
use crate::location::check_location;

/// Name of the authority a request was sent to, for locations.
pub(crate) const HOST: &str = "request.host";
/// Name of the canonical path of a request, for locations.
pub(crate) const PATH: &str = "request.path";

/// What a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// A path. The text is canonical; the result is to be had by [`Template::render_path`].
    Path,
    /// An absolute http(s) URI or an absolute path (RFC 9110 §10.2.2).
    Location,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    kind: TemplateKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// A capture; within a query, what would separate parameters is escaped.
    Capture {
        index: usize,
        in_query: bool,
    },
    Host,
    Path,
}

impl Template {
    /// Parses `text`. `variables` are the names of the rule's captures, in order. `{{` and `}}` stand for
    /// braces, which come out as `%7B` and `%7D`: neither a path nor a URI has them raw.
    ///
    /// # Errors
    /// What was found, what is expected, what to write instead.
    pub fn parse(text: &str, variables: &[String], kind: TemplateKind) -> Result<Self, String> {
        let pieces = parse_pieces(text, variables, kind)?;
        match kind {
            TemplateKind::Path => check_path(text, &pieces)?,
            TemplateKind::Location => check_location(text, &pieces)?,
        }
        Ok(Self { pieces, kind })
    }

    /// Appends the result to `out`. `path` is the canonical path the captures belong to. `extra` is asked to
    /// append the value of `request.host` (a valid authority) or of `request.path` (a canonical path).
    ///
    /// A location never comes out as `//host`: leading slashes of a location without authority are made one.
    pub fn render(
        &self,
        path: &[u8],
        captures: &Captures,
        extra: &dyn Fn(&str, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let base = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Host => extra(HOST, out),
                Piece::Path => extra(PATH, out),
                Piece::Capture { index, in_query } => {
                    push_value(
                        captures.get(*index, path).unwrap_or_default(),
                        *in_query,
                        out,
                    );
                }
            }
        }
        if self.kind == TemplateKind::Location {
            let slashes = out[base..].iter().take_while(|byte| **byte == b'/').count();
            out.drain(base..base + slashes.saturating_sub(1));
        }
    }

    /// Renders a template of kind [`TemplateKind::Path`] and appends the canonical path to `out`.
    ///
    /// A regex can cut a value out of the middle of a segment, so that `/public/{rest}` could become
    /// `/public/../secret`. Text and values are canonical each by itself; what is not canonical in
    /// the result, empty segments aside, was made by joining them.
    ///
    /// # Errors
    /// The request is to be refused with 400; `out` is untouched.
    pub fn render_path(
        &self,
        path: &[u8],
        captures: &Captures,
        out: &mut Vec<u8>,
    ) -> Result<(), PathFault> {
        let mut rendered = Vec::with_capacity(path.len() + 64);
        self.render(path, captures, &|_, _| {}, &mut rendered);
        let keep = PathOptions {
            merge_slashes: false,
        };
        if !canonicalize(&rendered, keep, &mut Vec::new())? {
            return Err(PathFault::Joined);
        }
        if canonicalize(
            &rendered,
            PathOptions {
                merge_slashes: true,
            },
            out,
        )? {
            out.append(&mut rendered);
        }
        Ok(())
    }
}

fn push_value(value: &[u8], in_query: bool, out: &mut Vec<u8>) {
    for byte in value {
        if in_query && matches!(byte, b'&' | b'=' | b'+') {
            crate::bytes::push_escape(*byte, out);
        } else {
            out.push(*byte);
        }
    }
}

fn parse_pieces(
    text: &str,
    variables: &[String],
    kind: TemplateKind,
) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut in_query = false;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        in_query = (in_query || before.contains('?')) && !before.contains('#');
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            literal.push_str(if from.starts_with('{') { "%7B" } else { "%7D" });
            rest = after;
            continue;
        }
        let (name, after) = from.strip_prefix('{').and_then(|open| open.split_once('}')).ok_or_else(|| {
            format!("template `{text}` has a brace without its pair; write `{{name}}`, or `{{{{` and `}}}}` for braces")
        })?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(reference(text, name, variables, kind, in_query)?);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

fn reference(
    text: &str,
    name: &str,
    variables: &[String],
    kind: TemplateKind,
    in_query: bool,
) -> Result<Piece, String> {
    if let Some(index) = variables.iter().position(|variable| variable == name) {
        return Ok(Piece::Capture { index, in_query });
    }
    let is_location = kind == TemplateKind::Location;
    match name {
        HOST if is_location => Ok(Piece::Host),
        PATH if is_location => Ok(Piece::Path),
        _ => Err(unknown(text, name, variables, is_location)),
    }
}

fn unknown(text: &str, name: &str, variables: &[String], is_location: bool) -> String {
    let extras = if is_location { &[HOST, PATH][..] } else { &[] };
    let known = variables
        .iter()
        .map(String::as_str)
        .chain(extras.iter().copied());
    let known: Vec<String> = known.map(|name| format!("`{{{name}}}`")).collect();
    let known = if known.is_empty() {
        "no variables, as the path pattern has none".to_owned()
    } else {
        known.join(", ")
    };
    format!(
        "template `{text}` refers to `{{{name}}}`, which is not a variable here; there are {known}"
    )
}

fn check_path(text: &str, pieces: &[Piece]) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err(format!(
            "path template `{text}` does not start with `/`; write `/{text}`"
        ));
    }
    if text.contains('?') {
        return Err(format!(
            "path template `{text}` has a `?`; only the path is rewritten, the query is kept"
        ));
    }
    // A letter stands in for each value: it changes nothing about the text around it.
    let sample: String = pieces
        .iter()
        .map(|piece| {
            if let Piece::Text(text) = piece {
                text
            } else {
                "x"
            }
        })
        .collect();
    let mut canonical = Vec::new();
    match canonicalize(
        sample.as_bytes(),
        PathOptions {
            merge_slashes: true,
        },
        &mut canonical,
    ) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!(
            "path template `{text}` is not canonical; with `x` for each value, write `{}`",
            String::from_utf8_lossy(&canonical)
        )),
        Err(fault) => Err(format!("path template `{text}` is no path: {fault}")),
    }
}
