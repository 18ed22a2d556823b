//! Path regexes: linear-time, matched against the whole canonical path.

use regex::bytes::{Regex, RegexBuilder};

/// Bound of the compiled form, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// A compiled path regex.
#[derive(Debug)]
pub(crate) struct PathRegex {
    /// As it was written, without the anchors.
    text: Box<str>,
    regex: Regex,
    names: Vec<String>,
    /// Numbers of the named groups within the regex.
    groups: Vec<usize>,
}

/// Judges a path regex and gives the names of its groups in order.
///
/// The regex must match the whole path; `^` and `$` around it are allowed and needless.
///
/// # Errors
/// The reason, as the regex engine states it.
pub fn check_path_regex(text: &str) -> Result<Vec<String>, String> {
    PathRegex::compile(text).map(|compiled| compiled.names)
}

impl PathRegex {
    /// Compiles `text`, anchored at both ends.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the path regex is empty; leave `path` out for any path".to_owned());
        }
        if let Some(other) = text.chars().find(|c| !c.is_ascii()) {
            return Err(format!(
                "path regex `{text}` has {other:?}; canonical paths are ASCII, so write its bytes as escapes such as `%C3%A4`"
            ));
        }
        // The text must be whole by itself: `a)|(b` would only compile inside the group put around it.
        build(text).map_err(|reason| format!("path regex `{text}`: {reason}"))?;
        // The line end closes a comment that verbose mode may have left open. It is then white space.
        let regex = build(&format!("^(?:{text})$"))
            .or_else(|_| build(&format!("^(?:{text}\n)$")))
            .map_err(|reason| format!("path regex `{text}`: {reason}"))?;
        let (groups, names) = named_groups(&regex);
        Ok(Self {
            text: text.into(),
            regex,
            names,
            groups,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Names of the groups, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn is_match(&self, path: &[u8]) -> bool {
        self.regex.is_match(path)
    }

    /// Hands the range of each named group to `push`, in order; `None` for one that took no part.
    pub(crate) fn capture(&self, path: &[u8], mut push: impl FnMut(Option<(usize, usize)>)) {
        if self.groups.is_empty() {
            return;
        }
        let mut locations = self.regex.capture_locations();
        if self.regex.captures_read(&mut locations, path).is_some() {
            for group in &self.groups {
                push(locations.get(*group));
            }
        }
    }
}

fn build(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| error.to_string())
}

fn named_groups(regex: &Regex) -> (Vec<usize>, Vec<String>) {
    let named = |(group, name): (usize, Option<&str>)| Some((group, name?.to_owned()));
    regex.capture_names().enumerate().filter_map(named).unzip()
}
