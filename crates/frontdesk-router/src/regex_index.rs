//! Which regexes of a host are worth a try, by the literal text they start with.
//!
//! A regex costs a hundred nanoseconds or more even where it fails at once. Most start with literal text
//! (`/v1/items/[0-9]+`), so they are kept by that text, and a path asks once for each length of it.

use rustc_hash::FxHashMap;

use crate::small::Small;

/// Regex rules of one host, by literal start.
#[derive(Debug, Default)]
pub(crate) struct RegexIndex {
    /// Rules, in the order of the file.
    by_start: FxHashMap<Box<[u8]>, Vec<u32>>,
    /// Lengths of the keys, ascending.
    lengths: Vec<u32>,
}

impl RegexIndex {
    /// Adds the regex of a rule.
    pub(crate) fn insert(&mut self, regex: &str, rule: u32) {
        let start = literal_start(regex).as_bytes();
        let length = start.len() as u32;
        if let Err(at) = self.lengths.binary_search(&length) {
            self.lengths.insert(at, length);
        }
        self.by_start.entry(start.into()).or_default().push(rule);
    }

    /// Rules whose regex could match `path`, in the order of the file, which is their precedence.
    pub(crate) fn candidates(&self, path: &[u8]) -> Small<u32, 16> {
        let mut rules = Small::default();
        let starts = self
            .lengths
            .iter()
            .map_while(|length| path.get(..*length as usize));
        for rule in starts
            .filter_map(|start| self.by_start.get(start))
            .flatten()
        {
            rules.push(*rule);
        }
        rules.as_mut_slice().sort_unstable();
        rules
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }
}

/// Text that every match of `regex` starts with. It is cut short wherever that is not plain to see.
fn literal_start(regex: &str) -> &str {
    if regex.contains('|') {
        return "";
    }
    let text = regex.strip_prefix('^').unwrap_or(regex);
    let is_literal =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~%:@!&',;=<>\"".contains(&byte);
    let end = text
        .bytes()
        .position(|byte| !is_literal(byte))
        .unwrap_or(text.len());
    // A quantifier after it may make the last byte optional.
    let is_quantified = text[end..].starts_with(['?', '*', '{']);
    &text[..end - usize::from(is_quantified && end > 0)]
}

#[cfg(test)]
mod tests {
    use super::{RegexIndex, literal_start};

    #[test]
    fn the_literal_start_is_what_every_match_has() {
        for (regex, start) in [
            ("/v1/items/[0-9]+", "/v1/items/"),
            ("^/a(?P<rest>.*)$", "/a"),
            ("/a", "/a"),
            ("/ab?", "/a"),
            ("/ab*", "/a"),
            ("/ab{2}", "/a"),
            ("/ab+", "/ab"),
            ("/a.b", "/a"),
            (r"/a\.b", "/a"),
            ("/a|/b", ""),
            ("/a(b|c)", ""),
            ("(?i)/a", ""),
            ("^*/a", ""),
            ("?", ""),
            ("", ""),
        ] {
            assert_eq!(literal_start(regex), start, "{regex}");
        }
    }

    #[test]
    fn candidates_come_in_the_order_of_the_file() {
        let mut index = RegexIndex::default();
        assert!(index.is_empty());
        for (rule, regex) in (0..).zip(["/a/b.*", ".*", "/a.*", "/b.*", "/a/b?"]) {
            index.insert(regex, rule);
        }
        assert!(!index.is_empty());
        assert_eq!(index.candidates(b"/a/b").as_slice(), [0, 1, 2, 4]);
        assert_eq!(index.candidates(b"/b").as_slice(), [1, 3]);
        assert_eq!(index.candidates(b"").as_slice(), [1]);
    }
}
