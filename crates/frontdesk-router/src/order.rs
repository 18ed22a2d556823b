//! The total order of rules.

use std::cmp::{Ordering, Reverse};

use crate::path_regex::PathRegex;
use crate::pattern::{PathKind, PathPattern, Segment};
use crate::rule::MatchRule;

/// The path condition of a rule.
#[derive(Debug)]
pub(crate) enum Path {
    Pattern(PathPattern),
    Regex(PathRegex),
}

impl Path {
    fn kind(&self) -> PathKind {
        match self {
            Self::Pattern(pattern) => pattern.kind,
            Self::Regex(_) => PathKind::Regex,
        }
    }
}

/// A checked rule on its way into the table.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Its place in the list the router is built from.
    pub(crate) index: u32,
    /// As it was given, with the canonical host.
    pub(crate) rule: MatchRule,
    pub(crate) path: Path,
}

impl Draft {
    /// Whether both rules are in the same tree.
    pub(crate) fn shares_host(&self, other: &Self) -> bool {
        self.rule.priority == other.rule.priority && self.rule.host == other.rule.host
    }

    /// Whether both rules are in the same leaf of a tree they share.
    pub(crate) fn shares_path(&self, other: &Self) -> bool {
        compare_paths(&self.path, &other.path).is_eq() && self.path.kind() != PathKind::Regex
    }

    /// The order in which rules are tried. Where two rules can both match a request it is the stated
    /// precedence; where they cannot, any order that keeps equal hosts and equal paths together.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let (mine, theirs) = (&self.rule, &other.rule);
        Reverse(mine.priority)
            .cmp(&Reverse(theirs.priority))
            .then_with(|| compare_hosts(mine.host.as_deref(), theirs.host.as_deref()))
            .then_with(|| compare_paths(&self.path, &other.path))
            .then_with(|| self.compare_rest(other))
    }

    fn compare_rest(&self, other: &Self) -> Ordering {
        if self.path.kind() == PathKind::Regex {
            return self.index.cmp(&other.index);
        }
        let rank = |draft: &Self| {
            let rule = &draft.rule;
            (
                rule.methods.is_empty(),
                Reverse(rule.headers.len()),
                Reverse(rule.query.len()),
                draft.index,
            )
        };
        rank(self).cmp(&rank(other))
    }
}

/// Exact hosts, then wildcards from the longest suffix on, then any host.
fn compare_hosts(mine: Option<&str>, theirs: Option<&str>) -> Ordering {
    let rank = |host: Option<&str>| match host {
        Some(host) if !host.starts_with("*.") => (0, Reverse(0)),
        Some(host) => (1, Reverse(host.len())),
        None => (2, Reverse(0)),
    };
    rank(mine)
        .cmp(&rank(theirs))
        .then_with(|| mine.cmp(&theirs))
}

/// By kind, then longer before shorter, then a literal before a variable from left to right. Names
/// of variables do not count. Regexes are all equal here: their order is that of the file.
fn compare_paths(mine: &Path, theirs: &Path) -> Ordering {
    mine.kind()
        .cmp(&theirs.kind())
        .then_with(|| match (mine, theirs) {
            (Path::Pattern(mine), Path::Pattern(theirs)) => {
                compare_segments(&mine.segments, &theirs.segments)
            }
            _ => Ordering::Equal,
        })
}

fn compare_segments(mine: &[Segment], theirs: &[Segment]) -> Ordering {
    theirs
        .len()
        .cmp(&mine.len())
        .then_with(|| {
            mine.iter()
                .map(Segment::is_variable)
                .cmp(theirs.iter().map(Segment::is_variable))
        })
        .then_with(|| {
            mine.iter()
                .map(Segment::literal)
                .cmp(theirs.iter().map(Segment::literal))
        })
}
