//! Rules that nobody could tell apart.

use rustc_hash::FxHashMap;

use crate::compiled::{Rule, Taking};
use crate::router::Router;
use crate::rule::FieldRule;

/// What two rules must have in common to be in conflict.
#[derive(PartialEq, Eq, Hash)]
struct NormalForm<'a> {
    /// Stands for priority and host.
    tree: u32,
    is_regex: bool,
    /// The path without names of variables.
    path: String,
    headers: Vec<&'a FieldRule>,
    query: Vec<&'a FieldRule>,
    /// One of the methods; `None` for a rule that names none.
    method: Option<&'a str>,
}

impl Router {
    /// Pairs of rules of different routes of which nobody could say which wins: same priority, host, shape of
    /// the path (names of variables do not count), headers and query, and at least one listed method in
    /// common (or none listed in both). Each pair has the rule that wins by its place in the file first; of many
    /// rules that are all equal, each is paired with the first. Sorted.
    pub fn conflicts(&self) -> Vec<(u32, u32)> {
        let mut first_of = FxHashMap::default();
        let mut pairs = Vec::new();
        for (index, rule) in (0_u32..).zip(&self.rules) {
            for form in normal_forms(rule) {
                let first = *first_of.entry(form).or_insert(index);
                if self.rules[first as usize].route != rule.route {
                    pairs.push((first, index));
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

fn normal_forms(rule: &Rule) -> impl Iterator<Item = NormalForm<'_>> {
    let none_listed = rule.methods.is_any().then_some(None);
    let methods = rule.methods.listed().map(Some).chain(none_listed);
    methods.map(|method| NormalForm {
        tree: rule.tree,
        is_regex: matches!(rule.taking, Taking::Regex(_)),
        path: path_shape(rule),
        headers: sorted(&rule.headers),
        query: sorted(&rule.query),
        method,
    })
}

fn sorted(fields: &[FieldRule]) -> Vec<&FieldRule> {
    let mut fields: Vec<&FieldRule> = fields.iter().collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn path_shape(rule: &Rule) -> String {
    let is_pattern = matches!(rule.taking, Taking::Segments(_));
    let shape = |segment| {
        if is_pattern && str::starts_with(segment, '{') {
            "{}"
        } else {
            segment
        }
    };
    rule.path
        .split('/')
        .map(shape)
        .collect::<Vec<_>>()
        .join("/")
}
