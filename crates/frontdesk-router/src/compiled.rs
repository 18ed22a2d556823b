//! A rule as the table keeps it.

use crate::captures::Captures;
use crate::method::{Method, MethodSet};
use crate::path_regex::PathRegex;
use crate::pattern::{PathPattern, Segment};
use crate::query;
use crate::request::RequestView;
use crate::rule::FieldRule;

/// How a rule takes its variables out of the path.
#[derive(Debug)]
pub(crate) enum Taking {
    /// Positions of the variable segments.
    Segments(Box<[u32]>),
    /// Named groups.
    Regex(Box<PathRegex>),
}

/// One rule, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) route: u32,
    /// The tree it is in, which stands for its priority and host.
    pub(crate) tree: u32,
    pub(crate) methods: MethodSet,
    pub(crate) headers: Box<[FieldRule]>,
    pub(crate) query: Box<[FieldRule]>,
    pub(crate) taking: Taking,
    pub(crate) variables: Box<[String]>,
    /// Host and path as they are shown in an explanation.
    pub(crate) host: Option<Box<str>>,
    pub(crate) path: Box<str>,
}

/// The first condition besides host and path that a request does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Method,
    /// Index of the header rule.
    Header(usize),
    /// Index of the query rule.
    Query(usize),
}

impl Rule {
    /// Judges everything that host and path have not decided already.
    #[inline]
    pub(crate) fn judge<R: RequestView + ?Sized>(
        &self,
        request: &R,
        method: Method<'_>,
    ) -> Option<Refusal> {
        if self.methods.serves(method) {
            self.judge_fields(request)
        } else {
            Some(Refusal::Method)
        }
    }

    /// Judges headers and query alone.
    #[inline]
    pub(crate) fn judge_fields<R: RequestView + ?Sized>(&self, request: &R) -> Option<Refusal> {
        if self.headers.is_empty() && self.query.is_empty() {
            return None;
        }
        let header = self
            .headers
            .iter()
            .position(|rule| !header_matches(request.header(&rule.name), rule));
        header.map(Refusal::Header).or_else(|| {
            let query = request.query();
            self.query
                .iter()
                .position(|rule| !query::matches(query, rule))
                .map(Refusal::Query)
        })
    }

    /// Takes the variables out of a path that the rule matches.
    #[inline]
    pub(crate) fn capture(&self, path: &[u8], captures: &mut Captures) {
        captures.clear();
        match &self.taking {
            Taking::Segments(positions) if positions.is_empty() => {}
            Taking::Segments(positions) => capture_segments(positions, path, captures),
            Taking::Regex(regex) => regex.capture(path, |range| captures.push(range)),
        }
    }
}

fn header_matches(found: Option<&[u8]>, rule: &FieldRule) -> bool {
    match (found, &rule.value) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(found), Some(expected)) => found == expected.as_bytes(),
    }
}

fn capture_segments(positions: &[u32], path: &[u8], captures: &mut Captures) {
    let mut wanted = positions.iter().peekable();
    let mut start = 1;
    for position in 0_u32.. {
        let end = path
            .get(start..)
            .and_then(|rest| memchr::memchr(b'/', rest))
            .map_or(path.len(), |at| start + at);
        if wanted.next_if(|next| **next == position).is_some() {
            captures.push(Some((start, end)));
        }
        if end == path.len() || wanted.peek().is_none() {
            return;
        }
        start = end + 1;
    }
}

/// Positions of the variable segments of a pattern.
pub(crate) fn variable_positions(pattern: &PathPattern) -> Box<[u32]> {
    let is_variable =
        |(position, segment): (u32, &Segment)| segment.is_variable().then_some(position);
    (0..)
        .zip(&pattern.segments)
        .filter_map(is_variable)
        .collect()
}
