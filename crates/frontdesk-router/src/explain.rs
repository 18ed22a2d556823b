//! Why each rule takes or does not take a request.

/// What one rule says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Index of the rule in the list the router was built from.
    pub rule: u32,
    /// Index of the route the rule belongs to.
    pub route: u32,
    /// Why the rule takes the request or not.
    pub reason: Reason,
}

/// The first thing that decides about a rule, in the order host, path, method, headers, query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The rule takes the request.
    Taken,
    /// The rule matches, but a rule that goes before it took the request.
    Shadowed {
        /// The rule that took the request.
        by: u32,
    },
    /// The host is another.
    Host {
        /// The host rule.
        expected: String,
    },
    /// The path is another.
    Path {
        /// The path pattern or regex.
        expected: String,
    },
    /// The method is another.
    Method {
        /// Methods the rule serves, sorted, HEAD where GET is.
        allowed: Vec<String>,
    },
    /// A header is missing or has another value.
    Header {
        /// Lower-case field name.
        name: String,
        /// The value asked for; `None` where any value would do.
        expected: Option<String>,
        /// The first value in the request, if there is one.
        found: Option<String>,
    },
    /// A query parameter is missing or has another value.
    Query {
        /// Decoded parameter name.
        name: String,
        /// The decoded value asked for; `None` where any value would do.
        expected: Option<String>,
        /// The first decoded value in the request, if there is one.
        found: Option<String>,
    },
}
