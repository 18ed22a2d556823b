//! From rules to the table.

use crate::compiled::{Rule, Taking, variable_positions};
use crate::host::check_host_pattern;
use crate::level::{Level, TreeId};
use crate::method::MethodSet;
use crate::order::{Draft, Path};
use crate::path_regex::PathRegex;
use crate::pattern::{PathKind, PathPattern};
use crate::router::{BuildError, Router};
use crate::rule::{MatchRule, PathRule};
use crate::tree::{Leaf, Tree, Trie};

/// Checks the rules, sorts them by precedence and builds the table.
pub(crate) fn build(rules: Vec<MatchRule>) -> Result<Router, BuildError> {
    let mut drafts = (0_u32..)
        .zip(rules)
        .map(|(index, rule)| {
            check(index, rule).map_err(|message| BuildError {
                rule: index,
                message,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    drafts.sort_unstable_by(Draft::compare);
    let mut table = Table::default();
    let mut start = 0;
    for host in drafts.chunk_by(Draft::shares_host) {
        table.add_host(host, start);
        start += host.len() as u32;
    }
    Ok(table.finish(drafts))
}

fn check(index: u32, mut rule: MatchRule) -> Result<Draft, String> {
    if let Some(host) = &mut rule.host {
        *host = check_host_pattern(host)?;
    }
    let path = rule
        .path
        .as_ref()
        .map_or_else(|| Ok(Path::Pattern(PathPattern::everything())), check_path)?;
    Ok(Draft { index, rule, path })
}

fn check_path(rule: &PathRule) -> Result<Path, String> {
    if rule.kind == PathKind::Regex {
        return PathRegex::compile(&rule.value).map(Path::Regex);
    }
    let pattern = PathPattern::parse(&rule.value)?;
    if pattern.kind == rule.kind {
        return Ok(Path::Pattern(pattern));
    }
    let (found, expected) = (pattern.kind.as_str(), rule.kind.as_str());
    Err(format!(
        "path `{}` is of kind {found}, the rule says {expected}",
        rule.value
    ))
}

/// The table under construction.
#[derive(Default)]
struct Table {
    levels: Vec<Level>,
    trees: Vec<Tree>,
    trie: Trie,
    /// The tree of each rule, in order of precedence.
    tree_of: Vec<TreeId>,
    last_priority: Option<i32>,
}

impl Table {
    /// Adds the tree of one host; `start` is the place of its first rule in the order of precedence.
    fn add_host(&mut self, drafts: &[Draft], start: u32) {
        let Some(first) = drafts.first() else { return };
        if self.last_priority != Some(first.rule.priority) {
            self.last_priority = Some(first.rule.priority);
            self.levels.push(Level::default());
        }
        let id = self.trees.len() as TreeId;
        let tree = self.plant(drafts, start);
        self.trees.push(tree);
        self.tree_of.extend(drafts.iter().map(|_| id));
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        match first.rule.host.as_deref() {
            None => level.any = Some(id),
            Some(host) => match host.strip_prefix("*.") {
                Some(suffix) => drop(level.wildcard.insert(suffix.as_bytes().into(), id)),
                None => drop(level.exact.insert(host.as_bytes().into(), id)),
            },
        }
    }

    fn plant(&mut self, drafts: &[Draft], start: u32) -> Tree {
        let mut tree = Tree::new(self.trie.plant());
        let mut leaf = Leaf { start, len: 0 };
        for group in drafts.chunk_by(Draft::shares_path) {
            leaf = Leaf {
                start: leaf.start + leaf.len,
                len: group.len() as u32,
            };
            if let Some(first) = group.first() {
                self.add_path(&mut tree, first, leaf);
            }
        }
        tree
    }

    /// Adds the path of a draft; a regex is alone in its leaf.
    fn add_path(&mut self, tree: &mut Tree, draft: &Draft, leaf: Leaf) {
        match &draft.path {
            Path::Pattern(pattern) if pattern.kind == PathKind::Exact => {
                tree.exact
                    .insert(pattern.canonical().into_bytes().into(), leaf);
            }
            Path::Pattern(pattern) => {
                let is_prefix = pattern.kind == PathKind::Prefix;
                self.trie
                    .insert(tree.root, &pattern.segments, is_prefix, leaf);
            }
            Path::Regex(regex) => tree.regexes.insert(regex.text(), draft.index),
        }
    }

    fn finish(self, drafts: Vec<Draft>) -> Router {
        let order: Box<[u32]> = drafts.iter().map(|draft| draft.index).collect();
        let mut compiled: Vec<(u32, Rule)> = drafts
            .into_iter()
            .zip(self.tree_of)
            .map(|(draft, tree)| (draft.index, compile(draft, tree)))
            .collect();
        compiled.sort_unstable_by_key(|(index, _)| *index);
        let rules = compiled.into_iter().map(|(_, rule)| rule).collect();
        let has_hosts = self.levels.iter().any(Level::has_hosts);
        Router {
            levels: self.levels.into(),
            trees: self.trees.into(),
            trie: self.trie,
            order,
            rules,
            has_hosts,
        }
    }
}

fn compile(draft: Draft, tree: TreeId) -> Rule {
    let (path, variables, taking) = match draft.path {
        Path::Pattern(pattern) => {
            let variables = pattern.variables().map(str::to_owned).collect();
            (
                pattern.canonical(),
                variables,
                Taking::Segments(variable_positions(&pattern)),
            )
        }
        Path::Regex(regex) => {
            let text = draft.rule.path.map_or_else(String::new, |path| path.value);
            (text, regex.names().into(), Taking::Regex(Box::new(regex)))
        }
    };
    Rule {
        route: draft.rule.route,
        tree,
        methods: MethodSet::new(&draft.rule.methods),
        headers: draft.rule.headers.into(),
        query: draft.rule.query.into(),
        taking,
        variables,
        host: draft.rule.host.map(Into::into),
        path: path.into(),
    }
}
