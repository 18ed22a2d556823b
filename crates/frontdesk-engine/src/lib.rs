//! The engine: a snapshot and sockets in, traffic served. It knows nothing of Python.

mod answer;
mod buffers;
mod build;
mod clock;
mod engine;
mod explain;
mod forwarding;
mod h1;
mod listener;
mod observe;
mod pipeline;
pub mod snapshot;
mod thread;

pub use engine::{Engine, Listeners};
pub use explain::{check_routes, explain};
pub use observe::access_log::log_field_names;
pub use observe::metrics::BUCKETS_US;
pub use observe::render::METRICS;
