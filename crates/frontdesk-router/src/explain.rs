//! Why each rule takes or does not take a request.

use crate::compiled::{Refusal, Rule};
use crate::level::TreeId;
use crate::method::Method;
use crate::query;
use crate::request::RequestView;
use crate::router::{Router, Visitor};
use crate::rule::FieldRule;

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

impl Router {
    /// What every rule says about `request`, in order of precedence. The rules are asked through the same
    /// visit as in [`Router::find`].
    pub fn explain<R: RequestView + ?Sized>(&self, request: &R) -> Vec<Verdict> {
        let mut explainer = Explainer {
            router: self,
            request,
            hosts: vec![false; self.trees.len()],
            reasons: vec![None; self.rules.len()],
            taken_by: None,
        };
        self.visit(request, &mut explainer);
        let Explainer {
            hosts, mut reasons, ..
        } = explainer;
        let verdict = |index: &u32| {
            let rule = &self.rules[*index as usize];
            let reason = reasons[*index as usize].take();
            let reason = reason.unwrap_or_else(|| unvisited(rule, hosts[rule.tree as usize]));
            Verdict {
                rule: *index,
                route: rule.route,
                reason,
            }
        };
        self.order.iter().map(verdict).collect()
    }
}

/// Notes what each visited rule says.
struct Explainer<'a, R: ?Sized> {
    router: &'a Router,
    request: &'a R,
    /// Whether the host of a tree agrees.
    hosts: Vec<bool>,
    /// By rule; `None` where host or path do not agree.
    reasons: Vec<Option<Reason>>,
    taken_by: Option<u32>,
}

impl<R: RequestView + ?Sized> Visitor for Explainer<'_, R> {
    fn tree(&mut self, tree: TreeId) {
        self.hosts[tree as usize] = true;
    }

    fn rule(&mut self, index: u32) -> bool {
        let rule = &self.router.rules[index as usize];
        let reason = match (
            rule.judge(self.request, Method::of(self.request.method())),
            self.taken_by,
        ) {
            (Some(refusal), _) => refused(rule, refusal, self.request),
            (None, Some(by)) => Reason::Shadowed { by },
            (None, None) => {
                self.taken_by = Some(index);
                Reason::Taken
            }
        };
        self.reasons[index as usize] = Some(reason);
        false
    }
}

fn unvisited(rule: &Rule, host_agrees: bool) -> Reason {
    match &rule.host {
        Some(host) if !host_agrees => Reason::Host {
            expected: host.to_string(),
        },
        _ => Reason::Path {
            expected: rule.path.to_string(),
        },
    }
}

fn refused<R: RequestView + ?Sized>(rule: &Rule, refusal: Refusal, request: &R) -> Reason {
    match refusal {
        Refusal::Method => {
            let mut allowed: Vec<String> = rule.methods.served().map(str::to_owned).collect();
            allowed.sort_unstable();
            Reason::Method { allowed }
        }
        Refusal::Header(position) => {
            let FieldRule { name, value } = rule.headers[position].clone();
            let found = request
                .header(&name)
                .map(|found| String::from_utf8_lossy(found).into_owned());
            Reason::Header {
                name,
                expected: value,
                found,
            }
        }
        Refusal::Query(position) => {
            let FieldRule { name, value } = rule.query[position].clone();
            let found = query::first_value(request.query(), &name);
            Reason::Query {
                name,
                expected: value,
                found,
            }
        }
    }
}
