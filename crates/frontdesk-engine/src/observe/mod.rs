//! What is counted and written about exchanges.

pub(crate) mod access_log;
pub(crate) mod log_writer;
pub(crate) mod metrics;
pub(crate) mod render;
