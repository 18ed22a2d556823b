//! The router.

use crate::captures::Captures;
use crate::explain::Verdict;
use crate::request::RequestView;
use crate::rule::MatchRule;

/// Why a router cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// Index of the refused rule.
    pub rule: u32,
    /// What was found and what is expected.
    pub message: String,
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BuildError {}

/// What the router says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A rule takes the request.
    Rule {
        /// Index of the rule.
        rule: u32,
        /// Index of its route.
        route: u32,
    },
    /// At least one rule would take it with another method: 405, see [`Router::allowed`].
    MethodNotAllowed,
    /// No rule takes it: 404.
    NotFound,
}

/// An immutable table of rules.
#[derive(Debug)]
pub struct Router {
    rules: Vec<MatchRule>,
}

impl Router {
    /// Builds the table.
    ///
    /// # Errors
    /// The first rule that is refused, and why.
    pub fn build(rules: Vec<MatchRule>) -> Result<Self, BuildError> {
        Ok(Self { rules })
    }

    /// The rule that takes `request`; its variables go to `captures`.
    pub fn find<R: RequestView + ?Sized>(&self, request: &R, captures: &mut Captures) -> Found {
        let _ = (request.path(), captures);
        todo!()
    }

    /// Methods for the `Allow` field (RFC 9110 §10.2.1): sorted, HEAD where GET is.
    pub fn allowed<R: RequestView + ?Sized>(&self, request: &R) -> Vec<String> {
        let _ = request.path();
        todo!()
    }

    /// Pairs of rules of different routes that nobody could tell apart.
    pub fn conflicts(&self) -> Vec<(u32, u32)> {
        todo!()
    }

    /// What every rule says about `request`, in order of precedence.
    pub fn explain<R: RequestView + ?Sized>(&self, request: &R) -> Vec<Verdict> {
        let _ = request.path();
        todo!()
    }

    /// Names of the captures of a rule, in order; empty for an unknown rule.
    pub fn variables(&self, rule: u32) -> &[String] {
        let _ = self.rules.get(rule as usize);
        todo!()
    }
}
