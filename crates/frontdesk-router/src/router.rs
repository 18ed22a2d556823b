//! The table and the way a request goes through it.

use crate::builder;
use crate::captures::Captures;
use crate::compiled::{Refusal, Rule, Taking};
use crate::host::normalize;
use crate::level::{Level, TreeId};
use crate::method::Method;
use crate::regex_index::RegexIndex;
use crate::request::RequestView;
use crate::rule::MatchRule;
use crate::tree::{Leaf, Tree, Trie};

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

/// An immutable table of rules, shared by all threads.
///
/// A request goes through the levels of priority, highest first; on a level through the trees of its exact
/// host, of wildcard hosts from the longest suffix on, and of any host; in a tree through the exact path,
/// templates, prefixes from the longest on, and regexes in the order of the file. The rules of one path
/// are tried from the most specific conditions on. The first rule that agrees takes the request; one that
/// does not hands on to the next, over paths, hosts and levels.
///
/// The cost of a match grows with the segments of the path and the labels of the host, with the number of
/// distinct priorities, with the rules that share one host and path (they differ in methods and fields,
/// and are tried in turn), and with the regexes that start with the same literal text as the path. It does
/// not grow with the number of rules otherwise.
#[derive(Debug)]
pub struct Router {
    /// Highest priority first.
    pub(crate) levels: Box<[Level]>,
    pub(crate) trees: Box<[Tree]>,
    pub(crate) trie: Trie,
    /// Indices of all rules in order of precedence; leaves are ranges of it.
    pub(crate) order: Box<[u32]>,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) has_hosts: bool,
}

impl Router {
    /// Builds the table.
    ///
    /// # Errors
    /// The first rule that is refused, and why.
    pub fn build(rules: Vec<MatchRule>) -> Result<Self, BuildError> {
        builder::build(rules)
    }

    /// The rule that takes `request`; the values of its variables go to `captures`, which is left
    /// empty where no rule does.
    pub fn find<R: RequestView + ?Sized>(&self, request: &R, captures: &mut Captures) -> Found {
        let mut finder = Finder {
            router: self,
            request,
            method: Method::of(request.method()),
            wrong_method: false,
            rule: 0,
        };
        if self.visit(request, &mut finder) {
            let rule = &self.rules[finder.rule as usize];
            rule.capture(request.path(), captures);
            return Found::Rule {
                rule: finder.rule,
                route: rule.route,
            };
        }
        captures.clear();
        if finder.wrong_method {
            Found::MethodNotAllowed
        } else {
            Found::NotFound
        }
    }

    /// Methods for the `Allow` field (RFC 9110 §10.2.1): those of all rules that would take `request` but for
    /// its method; sorted, HEAD where GET is.
    pub fn allowed<R: RequestView + ?Sized>(&self, request: &R) -> Vec<String> {
        let mut collector = Collector {
            router: self,
            request,
            methods: Vec::new(),
        };
        self.visit(request, &mut collector);
        collector.methods.sort_unstable();
        collector.methods.dedup();
        collector.methods
    }

    /// Names of the variables of a rule, in the order of its captures; empty for an unknown rule.
    pub fn variables(&self, rule: u32) -> &[String] {
        self.rules
            .get(rule as usize)
            .map_or(&[], |rule| &rule.variables)
    }

    /// Shows `visitor` every rule whose host and path agree with the request, in order of precedence, until
    /// it has enough. Says whether it had.
    #[inline]
    pub(crate) fn visit<R: RequestView + ?Sized>(
        &self,
        request: &R,
        visitor: &mut impl Visitor,
    ) -> bool {
        let mut scratch = Vec::new();
        let host = if self.has_hosts { request.host() } else { None };
        let host = host.and_then(|raw| normalize(raw, &mut scratch));
        let path = request.path();
        self.levels.iter().any(|level| {
            level.visit(host, &mut |tree| {
                visitor.tree(tree);
                self.visit_tree(&self.trees[tree as usize], path, visitor)
            })
        })
    }

    #[inline]
    fn visit_tree(&self, tree: &Tree, path: &[u8], visitor: &mut impl Visitor) -> bool {
        if let Some(leaf) = tree.exact.get(path)
            && self.visit_leaf(*leaf, visitor)
        {
            return true;
        }
        self.trie
            .walk(tree.root, path, &mut |leaf| self.visit_leaf(leaf, visitor))
            || (!tree.regexes.is_empty() && self.visit_regexes(&tree.regexes, path, visitor))
    }

    #[inline]
    fn visit_leaf(&self, leaf: Leaf, visitor: &mut impl Visitor) -> bool {
        let rules = &self.order[leaf.start as usize..][..leaf.len as usize];
        rules.iter().any(|rule| visitor.rule(*rule))
    }

    fn visit_regexes(&self, regexes: &RegexIndex, path: &[u8], visitor: &mut impl Visitor) -> bool {
        regexes.candidates(path).as_slice().iter().any(|index| {
            let taking = &self.rules[*index as usize].taking;
            matches!(taking, Taking::Regex(regex) if regex.is_match(path)) && visitor.rule(*index)
        })
    }
}

/// What is done with the rules whose host and path agree.
pub(crate) trait Visitor {
    /// The host of this tree agrees.
    fn tree(&mut self, _tree: TreeId) {}
    /// Host and path of this rule agree; `true` ends the visit.
    fn rule(&mut self, rule: u32) -> bool;
}

/// Looks for the first rule that agrees in all.
struct Finder<'a, R: ?Sized> {
    router: &'a Router,
    request: &'a R,
    method: Method<'a>,
    wrong_method: bool,
    rule: u32,
}

impl<R: RequestView + ?Sized> Visitor for Finder<'_, R> {
    #[inline]
    fn rule(&mut self, index: u32) -> bool {
        let rule = &self.router.rules[index as usize];
        let refusal = rule.judge(self.request, self.method);
        if refusal == Some(Refusal::Method) && !self.wrong_method {
            self.wrong_method = rule.judge_fields(self.request).is_none();
        }
        self.rule = index;
        refusal.is_none()
    }
}

/// Gathers the methods of all rules that agree in everything else.
struct Collector<'a, R: ?Sized> {
    router: &'a Router,
    request: &'a R,
    methods: Vec<String>,
}

impl<R: RequestView + ?Sized> Visitor for Collector<'_, R> {
    fn rule(&mut self, index: u32) -> bool {
        let rule = &self.router.rules[index as usize];
        if rule.judge_fields(self.request).is_none() {
            self.methods
                .extend(rule.methods.served().map(str::to_owned));
        }
        false
    }
}
