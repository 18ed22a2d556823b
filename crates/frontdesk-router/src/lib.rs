//! Hosts, paths, methods, precedence and explanation: which route takes a request.
//!
//! The crate is pure: no sockets, no clock, no configuration format. A [`Router`] is built once from
//! [`MatchRule`]s and is then immutable; [`Router::find`] answers for one [`RequestView`]. Paths are
//! matched in their canonical form only, see [`canonicalize`].

mod builder;
mod bytes;
mod canonical;
mod captures;
mod compiled;
mod conflict;
mod explain;
mod host;
mod level;
mod location;
mod method;
mod order;
mod path_regex;
mod pattern;
mod query;
mod regex_index;
mod request;
mod router;
mod rule;
mod small;
mod template;
mod tree;

pub use canonical::{PathFault, PathOptions, canonicalize};
pub use captures::Captures;
pub use explain::{Reason, Verdict};
pub use host::check_host_pattern;
pub use path_regex::check_path_regex;
pub use pattern::{PathKind, check_path_pattern};
pub use request::RequestView;
pub use router::{BuildError, Found, Router};
pub use rule::{FieldRule, MatchRule, PathRule};
pub use template::{Template, TemplateKind};
