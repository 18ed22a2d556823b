//! What to send, how often and for how long.

use std::net::SocketAddr;

use serde::Deserialize;

/// One run of the generator.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The server under load.
    pub target: SocketAddr,
    /// The `Host` field of every request.
    pub host: String,
    /// Request targets, taken in turn.
    pub paths: Vec<String>,
    /// Requests per second.
    pub rate: u64,
    /// Keep-alive connections that share the load.
    pub connections: usize,
    /// Length of the run, in milliseconds; answers are awaited `drain_ms` longer.
    pub duration_ms: u64,
    /// How long to wait for the last answers, in milliseconds.
    pub drain_ms: u64,
    /// Length of a window of the timeline, in milliseconds.
    pub window_ms: u64,
}

impl Plan {
    /// Refuses plans that cannot be run.
    pub fn check(&self) -> Result<(), String> {
        if self.paths.is_empty() {
            return Err("paths: found none, expected at least one".into());
        }
        if !(1..=1_000_000).contains(&self.rate) {
            return Err(format!("rate: found {}, expected 1 to 1000000", self.rate));
        }
        if self.connections == 0 || self.window_ms == 0 || self.duration_ms == 0 {
            return Err("connections, window_ms and duration_ms must be over 0".into());
        }
        Ok(())
    }
}
