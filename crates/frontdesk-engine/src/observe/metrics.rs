//! Counters. Each has one writing thread and any number of readers, so that adding is a plain load and store.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use frontdesk_http::Fault;
use frontdesk_policies::Code;
use rustc_hash::FxHashMap;

/// Upper bounds of the duration buckets, in microseconds.
pub const BUCKETS_US: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// A number that one thread changes.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The two durations that are measured of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duration {
    /// From the request head to the last byte.
    Total = 0,
    /// From the request head to the response head.
    Upstream = 1,
}

/// Both durations by bucket, and their sums. The buckets of both stand side by side: an exchange mostly
/// falls into the same or neighbouring ones, so that it touches one line of memory.
#[derive(Default)]
pub(crate) struct Durations {
    sums_us: [Counter; 2],
    counts: [[Counter; 2]; BUCKETS_US.len() + 1],
}

impl Durations {
    pub(crate) fn record(&self, which: Duration, us: u64) {
        let bucket = BUCKETS_US
            .iter()
            .position(|&bound| us <= bound)
            .unwrap_or(BUCKETS_US.len());
        self.counts[bucket][which as usize].add(1);
        self.sums_us[which as usize].add(us);
    }

    pub(crate) fn count(&self, which: Duration, bucket: usize) -> u64 {
        self.counts[bucket][which as usize].get()
    }

    pub(crate) fn sum_us(&self, which: Duration) -> u64 {
        self.sums_us[which as usize].get()
    }
}

/// The numbers of one route and service on one thread. With many routes they are rarely in the cache:
/// what every exchange changes stands together.
#[derive(Default)]
pub(crate) struct RouteStats {
    /// By status class, 1xx to 5xx.
    pub(crate) requests: [Counter; 5],
    pub(crate) in_flight: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) durations: Durations,
}

/// How a TLS handshake with a client came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Full,
    Resumed,
    Failed,
    Timeout,
}

impl Handshake {
    /// The label of each, in order.
    pub(crate) const LABELS: [&str; 4] = ["full", "resumed", "failed", "timeout"];
}

/// The numbers of one thread that belong to no route.
#[derive(Default)]
pub(crate) struct ThreadStats {
    pub(crate) accepted: Counter,
    pub(crate) shed: Counter,
    pub(crate) accept_errors: Counter,
    pub(crate) open: Counter,
    pub(crate) upstream_opened: Counter,
    pub(crate) upstream_reused: Counter,
    pub(crate) upstream_idle: Counter,
    pub(crate) retries: Counter,
    pub(crate) mirrored: Counter,
    pub(crate) mirror_skipped: Counter,
    pub(crate) underscores_dropped: Counter,
    pub(crate) log_dropped: Counter,
    pub(crate) tunnels: Counter,
    /// By [`Handshake`].
    pub(crate) handshakes: [Counter; 4],
    pub(crate) http2_open: Counter,
    /// By `h2::guard::Flood`.
    pub(crate) floods: [Counter; 6],
    /// Connections that were accepted here and given to another thread.
    pub(crate) handed_over: Counter,
    pub(crate) tcp_open: Counter,
    /// Connections that were passed through, by how they ended: [`crate::tcp::Outcome::LABELS`].
    pub(crate) tcp: [Counter; 6],
    /// Bytes from clients and to them.
    pub(crate) tcp_bytes: [Counter; 2],
    /// WebSocket connections that the gateway has ended, as [`crate::websocket::Reason::LABELS`].
    pub(crate) websocket_ends: [Counter; 5],
    /// By [`Code`].
    pub(crate) codes: CodeCounters,
    /// By [`Fault`], requests.
    pub(crate) request_faults: FaultCounters,
    /// By [`Fault`], upstream responses.
    pub(crate) response_faults: FaultCounters,
}

/// One counter per [`Code`].
pub(crate) struct CodeCounters(Vec<Counter>);

impl Default for CodeCounters {
    fn default() -> CodeCounters {
        CodeCounters(Code::all().map(|_| Counter::default()).collect())
    }
}

impl CodeCounters {
    pub(crate) fn of(&self, code: Code) -> &Counter {
        &self.0[code as usize]
    }
}

/// One counter per [`Fault`].
pub(crate) struct FaultCounters(Vec<Counter>);

impl Default for FaultCounters {
    fn default() -> FaultCounters {
        FaultCounters(Fault::ALL.iter().map(|_| Counter::default()).collect())
    }
}

impl FaultCounters {
    pub(crate) fn of(&self, fault: Fault) -> &Counter {
        &self.0[fault as usize]
    }
}

/// Route and service, as metric labels. Both come from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StatsKey {
    pub(crate) route: Box<str>,
    pub(crate) service: Box<str>,
}

/// Counters by the index of the thread that writes them.
type PerThread = Vec<(usize, Arc<RouteStats>)>;

/// All counters of a process; they outlive reloads, so that no number ever goes back.
#[derive(Default)]
pub(crate) struct Registry {
    routes: Mutex<FxHashMap<StatsKey, PerThread>>,
    threads: Mutex<Vec<Arc<ThreadStats>>>,
}

impl Registry {
    /// The counters of a route on a thread; made at its first request.
    pub(crate) fn route(&self, thread: usize, key: StatsKey) -> Arc<RouteStats> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let list = routes.entry(key).or_default();
        if let Some((_, stats)) = list.iter().find(|(owner, _)| *owner == thread) {
            return Arc::clone(stats);
        }
        let stats = Arc::new(RouteStats::default());
        list.push((thread, Arc::clone(&stats)));
        stats
    }

    /// New counters for a thread.
    pub(crate) fn thread(&self) -> Arc<ThreadStats> {
        let stats = Arc::new(ThreadStats::default());
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&stats));
        stats
    }

    /// Every route's counters, sorted by name, one set per thread.
    pub(crate) fn routes(&self) -> Vec<(StatsKey, Vec<Arc<RouteStats>>)> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = |list: &PerThread| list.iter().map(|s| Arc::clone(&s.1)).collect();
        let mut all: Vec<_> = routes
            .iter()
            .map(|(key, list)| (key.clone(), copy(list)))
            .collect();
        drop(routes);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Every thread's counters.
    pub(crate) fn threads(&self) -> Vec<Arc<ThreadStats>> {
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets counters of routes that the configuration no longer has and that are idle, so that
    /// a process that is reconfigured for years does not grow.
    pub(crate) fn retain(&self, keep: impl Fn(&StatsKey) -> bool) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.retain(|key, list| {
            keep(key) || list.iter().any(|(_, stats)| stats.in_flight.get() > 0)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_on_a_bound_counts_below_it() {
        let durations = Durations::default();
        durations.record(Duration::Total, 100);
        durations.record(Duration::Total, 101);
        durations.record(Duration::Upstream, u64::MAX / 2);
        assert_eq!(durations.count(Duration::Total, 0), 1);
        assert_eq!(durations.count(Duration::Total, 1), 1);
        assert_eq!(durations.count(Duration::Upstream, BUCKETS_US.len()), 1);
    }

    #[test]
    fn counters_of_a_route_are_found_again() {
        let registry = Registry::default();
        let key = StatsKey {
            route: "r".into(),
            service: "s".into(),
        };
        registry.route(0, key.clone()).bytes_in.add(5);
        assert_eq!(registry.route(0, key.clone()).bytes_in.get(), 5);
        assert_eq!(registry.route(1, key).bytes_in.get(), 0);
        assert_eq!(registry.routes()[0].1.len(), 2);
    }
}
