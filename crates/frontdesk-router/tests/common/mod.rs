//! A request made of plain values, and short ways to write rules.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::panic, reason = "a test fails by it")]

use frontdesk_router::{
    Captures, FieldRule, Found, MatchRule, PathRule, RequestView, Router, check_path_pattern,
};

/// A request made of plain values.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) host: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

impl RequestView for Request {
    fn host(&self) -> Option<&[u8]> {
        self.host.as_deref().map(str::as_bytes)
    }

    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn query(&self) -> Option<&[u8]> {
        self.query.as_deref().map(str::as_bytes)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_bytes())
    }
}

/// `GET path` for `example.com`; a `?` starts the query.
pub(crate) fn get(target: &str) -> Request {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    Request {
        host: Some("example.com".to_owned()),
        method: "GET".to_owned(),
        path: path.to_owned(),
        query,
        headers: Vec::new(),
    }
}

impl Request {
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub(crate) fn without_host(mut self) -> Self {
        self.host = None;
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A rule that takes everything.
pub(crate) fn any() -> MatchRule {
    MatchRule {
        route: 0,
        priority: 0,
        host: None,
        path: None,
        methods: Vec::new(),
        headers: Vec::new(),
        query: Vec::new(),
    }
}

/// A rule with a path pattern, of the kind the pattern has.
pub(crate) fn path(pattern: &str) -> MatchRule {
    let (kind, value, _) = check_path_pattern(pattern).expect("a valid pattern");
    MatchRule {
        path: Some(PathRule { kind, value }),
        ..any()
    }
}

/// A rule with a path regex.
pub(crate) fn regex(text: &str) -> MatchRule {
    let rule = PathRule {
        kind: frontdesk_router::PathKind::Regex,
        value: text.to_owned(),
    };
    MatchRule {
        path: Some(rule),
        ..any()
    }
}

/// Adds conditions to a rule.
pub(crate) trait With {
    fn host(self, host: &str) -> Self;
    fn priority(self, priority: i32) -> Self;
    fn methods(self, methods: &[&str]) -> Self;
    fn header(self, name: &str, value: Option<&str>) -> Self;
    fn query(self, name: &str, value: Option<&str>) -> Self;
}

impl With for MatchRule {
    fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    fn methods(mut self, methods: &[&str]) -> Self {
        self.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        self
    }

    fn header(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.push(field(name, value));
        self
    }

    fn query(mut self, name: &str, value: Option<&str>) -> Self {
        self.query.push(field(name, value));
        self
    }
}

fn field(name: &str, value: Option<&str>) -> FieldRule {
    FieldRule {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    }
}

/// A router in which each rule is a route of its own.
pub(crate) fn router(rules: Vec<MatchRule>) -> Router {
    let number = |(route, rule)| MatchRule { route, ..rule };
    Router::build((0..).zip(rules).map(number).collect()).expect("valid rules")
}

/// The rule that takes a request.
pub(crate) fn found(router: &Router, request: &Request) -> Found {
    router.find(request, &mut Captures::new())
}

/// The index of the rule that takes a request; fails where none does.
pub(crate) fn taken(router: &Router, request: &Request) -> u32 {
    match found(router, request) {
        Found::Rule { rule, .. } => rule,
        other => panic!("{request:?}: {other:?}"),
    }
}
