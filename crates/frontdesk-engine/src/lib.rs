//! The engine: a snapshot and sockets in, traffic served. It knows nothing of Python.

mod answer;
mod buffers;
mod build;
mod clock;
mod engine;
mod exchange;
mod explain;
mod forward;
mod forwarding;
mod grpc;
mod grpc_web;
mod h1;
mod h2;
mod handover;
mod listener;
mod mirror;
mod observe;
mod pipeline;
mod relay;
pub mod snapshot;
mod tcp;
mod thread;
mod websocket;

pub use engine::{Engine, Listeners};
pub use explain::{check_routes, explain};
pub use observe::access_log::log_field_names;
pub use observe::metrics::BUCKETS_US;
pub use observe::render::METRICS;
