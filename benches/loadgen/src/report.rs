//! What a run found.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::histogram::{Histogram, Pair};

/// Ways a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The connection could not be opened.
    Connect,
    /// The connection ended before the answer did.
    Closed,
    /// The status was not 200.
    Status,
    /// The bytes were not an HTTP/1.1 answer with a length.
    Malformed,
    /// No answer before the end of the run.
    Unfinished,
}

/// The counts of a run and of each of its windows.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The start on the wall clock, nanoseconds since 1970.
    pub started_unix_ns: u128,
    /// Requests that became due.
    pub due: u64,
    /// Requests answered with 200.
    pub completed: u64,
    /// Failed requests by kind.
    pub failures: BTreeMap<Failure, u64>,
    /// The same, by the time at which requests were due.
    pub windows: Vec<WindowReport>,
}

/// One window of the timeline.
#[derive(Debug, Serialize)]
pub struct WindowReport {
    /// Failed requests that were due in it.
    pub failed: u64,
    /// Pairs of latency (upper bound, microseconds) and count.
    pub latencies: Vec<Pair>,
}

/// Collects results while a run goes on.
#[derive(Debug)]
pub struct Tally {
    window_ns: u64,
    completed: u64,
    failures: BTreeMap<Failure, u64>,
    windows: Vec<Window>,
}

#[derive(Debug, Default)]
struct Window {
    failed: u64,
    latencies: Histogram,
}

impl Tally {
    /// An empty tally with windows of `window_ms`.
    pub fn new(window_ms: u64) -> Self {
        let windows = Vec::new();
        Self {
            window_ns: window_ms * 1_000_000,
            completed: 0,
            failures: BTreeMap::new(),
            windows,
        }
    }

    /// Counts an answer of status 200 to a request due at `due_ns`.
    pub fn complete(&mut self, due_ns: u64, now_ns: u64) {
        self.completed += 1;
        self.window(due_ns)
            .latencies
            .record(now_ns.saturating_sub(due_ns) / 1_000);
    }

    /// Counts a failed request due at `due_ns`.
    pub fn fail(&mut self, due_ns: u64, failure: Failure) {
        *self.failures.entry(failure).or_default() += 1;
        self.window(due_ns).failed += 1;
    }

    /// Turns the tally into the report.
    pub fn report(self, started_unix_ns: u128, due: u64) -> Report {
        let windows = self.windows.into_iter().map(|window| WindowReport {
            failed: window.failed,
            latencies: window.latencies.pairs(),
        });
        Report {
            started_unix_ns,
            due,
            completed: self.completed,
            failures: self.failures,
            windows: windows.collect(),
        }
    }

    fn window(&mut self, due_ns: u64) -> &mut Window {
        let index = (due_ns / self.window_ns) as usize;
        if index >= self.windows.len() {
            self.windows.resize_with(index + 1, Window::default);
        }
        &mut self.windows[index]
    }
}
