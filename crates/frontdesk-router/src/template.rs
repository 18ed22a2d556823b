//! Templates of rewrite paths and redirect locations.

use crate::captures::Captures;

/// What a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateKind {
    /// A canonical path.
    Path,
    /// An absolute http(s) URI or an absolute path.
    Location,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {}

impl Template {
    /// Parses `text`; `variables` are the names of the rule's captures, in order.
    ///
    /// # Errors
    /// What was found, what is expected, what to write instead.
    pub fn parse(text: &str, variables: &[String], kind: TemplateKind) -> Result<Self, String> {
        let _ = (text, variables, kind);
        todo!()
    }

    /// Appends the result to `out`. `path` is the path the captures belong to. `extra` appends the value
    /// of `request.host` or `request.path` to its second argument.
    pub fn render(
        &self,
        path: &[u8],
        captures: &Captures,
        extra: &dyn Fn(&str, &mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        let _ = (path, captures, extra, out);
        todo!()
    }
}
