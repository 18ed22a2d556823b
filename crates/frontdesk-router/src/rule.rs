//! The rules a router is built from.

use crate::pattern::PathKind;

/// One set of conditions that all must hold for a route to take a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchRule {
    /// Index of the route the rule belongs to.
    pub route: u32,
    /// Higher goes before lower, before everything else.
    pub priority: i32,
    /// A host rule as [`crate::check_host_pattern`] takes it; `None` is any host.
    pub host: Option<String>,
    /// `None` is any path, which counts as the prefix `/**`.
    pub path: Option<PathRule>,
    /// Method tokens; empty is any method. GET serves HEAD too.
    pub methods: Vec<String>,
    /// Header rules; names are lower case.
    pub headers: Vec<FieldRule>,
    /// Query rules; names and values are decoded.
    pub query: Vec<FieldRule>,
}

/// A path pattern or regex with its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRule {
    /// The kind, which must agree with `value`.
    pub kind: PathKind,
    /// A pattern as [`crate::check_path_pattern`] takes it, or a regex.
    pub value: String,
}

/// A condition on a header or a query parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRule {
    /// Field or parameter name.
    pub name: String,
    /// The exact value; `None` asks for presence only.
    pub value: Option<String>,
}
