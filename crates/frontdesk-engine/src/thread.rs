//! What one serving thread owns. Nothing here is shared but the counters, which others only read.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use frontdesk_policies::Exchange;
use frontdesk_tls::Tickets;
use frontdesk_upstream::{Balancer, RetryBudget, Schedule, TargetKey, Upstream};
use rustc_hash::FxHashMap;

use crate::buffers::Buffers;
use crate::build::{Action, Build, Service};
use crate::clock::Clock;
use crate::h1::client::ListenerState;
use crate::handover::Lanes;
use crate::observe::log_writer::LogWriter;
use crate::observe::metrics::{Registry, RouteStats, StatsKey, ThreadStats};

/// Bytes of log lines after which a batch is handed over.
const LOG_BATCH: usize = 64 * 1024;
/// Exchanges kept for reuse.
const KEPT_EXCHANGES: usize = 64;

/// What all threads of an engine share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) log: LogWriter,
    pub(crate) tickets: Tickets,
    /// Open client connections of all threads.
    pub(crate) open: AtomicUsize,
    pub(crate) lanes: Lanes,
    /// The gateway's name in Via: unique, so that a request which comes back is recognised.
    pub(crate) via: String,
}

/// One serving thread.
pub(crate) struct Thread {
    pub(crate) index: usize,
    pub(crate) clock: Rc<Clock>,
    pub(crate) buffers: Buffers,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stats: Arc<ThreadStats>,
    pub(crate) draining: Cell<bool>,
    /// A drain has waited long enough for idle connections to ask once more.
    pub(crate) closing_idle: Cell<bool>,
    /// Connections of all threads together, at the most.
    pub(crate) max_connections: Cell<usize>,
    /// Mirrored requests in flight.
    pub(crate) mirrors: Cell<u32>,
    build: RefCell<Rc<ThreadBuild>>,
    /// Settings of the listeners by name; at a drain they stay, though nothing more is accepted.
    listeners: RefCell<Vec<(String, ListenerState)>>,
    upstreams: RefCell<FxHashMap<TargetKey, Rc<Upstream>>>,
    #[expect(
        clippy::vec_box,
        reason = "an exchange is large and moves between tasks; its box does not"
    )]
    exchanges: RefCell<Vec<Box<Exchange>>>,
    log: RefCell<Vec<u8>>,
    random: Cell<u64>,
}

/// A build with what this thread keeps for it.
pub(crate) struct ThreadBuild {
    pub(crate) shared: Arc<Build>,
    pub(crate) services: Vec<ServiceState>,
    /// Turns of the routes that have more than one share.
    splits: FxHashMap<u32, Schedule>,
    stats: Vec<OnceCell<Arc<RouteStats>>>,
    unrouted: Arc<RouteStats>,
}

/// The live side of a service on this thread.
pub(crate) struct ServiceState {
    pub(crate) balancer: Balancer,
    pub(crate) upstreams: Vec<Rc<Upstream>>,
    pub(crate) budget: RetryBudget,
}

impl Thread {
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        build: Arc<Build>,
        seed: u64,
    ) -> Rc<Thread> {
        let stats = shared.registry.thread();
        let unrouted = StatsKey {
            route: "".into(),
            service: "".into(),
        };
        let empty = ThreadBuild {
            unrouted: shared.registry.route(index, unrouted),
            shared: build,
            services: Vec::new(),
            splits: FxHashMap::default(),
            stats: Vec::new(),
        };
        Rc::new(Thread {
            index,
            clock: Rc::new(Clock::new()),
            buffers: Buffers::default(),
            shared,
            stats,
            draining: Cell::new(false),
            closing_idle: Cell::new(false),
            max_connections: Cell::new(usize::MAX),
            mirrors: Cell::new(0),
            build: RefCell::new(Rc::new(empty)),
            listeners: RefCell::default(),
            upstreams: RefCell::default(),
            exchanges: RefCell::default(),
            log: RefCell::default(),
            // Xorshift must not start at zero.
            random: Cell::new(seed | 1),
        })
    }

    /// The settings of a listener, for a connection that another thread has accepted.
    pub(crate) fn listener(&self, name: &str) -> Option<ListenerState> {
        let listeners = self.listeners.borrow();
        let found = listeners.iter().find(|(known, _)| known == name);
        found.map(|(_, settings)| Rc::clone(settings))
    }

    /// From now on these listeners are known.
    pub(crate) fn know_listeners(&self, listeners: Vec<(String, ListenerState)>) {
        self.listeners.replace(listeners);
    }

    /// The build in force; a request keeps the one it started with.
    pub(crate) fn build(&self) -> Rc<ThreadBuild> {
        Rc::clone(&self.build.borrow())
    }

    /// Switches to a new build. Pools of targets that stay are kept.
    pub(crate) fn apply(&self, build: Arc<Build>) {
        self.max_connections
            .set(connection_limit(build.max_connections));
        let services: Vec<_> = build
            .services
            .iter()
            .map(|service| self.service_state(service))
            .collect();
        let routes = (0u32..).zip(&build.routes);
        let splits = routes.filter_map(|(index, route)| Some((index, self.split(&route.action)?)));
        let splits = splits.collect();
        let next = ThreadBuild {
            services,
            splits,
            stats: (0..build.stats_count).map(|_| OnceCell::new()).collect(),
            unrouted: Arc::clone(&self.build.borrow().unrouted),
            shared: build,
        };
        let used: Vec<_> = next
            .services
            .iter()
            .flat_map(|s| s.upstreams.iter().cloned())
            .collect();
        self.build.replace(Rc::new(next));
        let used: FxHashMap<_, _> = used
            .into_iter()
            .map(|upstream| (upstream.key().clone(), upstream))
            .collect();
        // A long request may hold a pool that no service names any more: it must not hold its connections.
        for (key, old) in self.upstreams.replace(used) {
            if !self.upstreams.borrow().contains_key(&key) {
                old.retire();
                // Its WebSockets wait for a clock.
                self.clock.wake_all();
            }
        }
    }

    fn service_state(&self, service: &Service) -> ServiceState {
        let mut known = self.upstreams.borrow_mut();
        let upstreams = service.targets.iter().map(|target| {
            let upstream = known.entry(target.key.clone()).or_insert_with(|| {
                let (key, secure) = (target.key.clone(), target.secure.clone());
                Rc::new(Upstream::new(key, secure, service.pool))
            });
            upstream.set_settings(service.pool);
            Rc::clone(upstream)
        });
        ServiceState {
            upstreams: upstreams.collect(),
            balancer: Balancer::new(
                service.balance,
                service.targets.iter().map(|target| target.weight).collect(),
                self.index,
            ),
            budget: RetryBudget::new(service.budget_percent, service.budget_per_second),
        }
    }

    fn split(&self, action: &Action) -> Option<Schedule> {
        match action {
            Action::Forward(forward) if forward.split.len() > 1 => {
                let weights: Vec<u32> = forward.split.iter().map(|share| share.1).collect();
                Some(Schedule::new(&weights, self.index))
            }
            _ => None,
        }
    }

    /// Closes connections that were idle too long and counts the others. Called about once a second.
    pub(crate) fn sweep(&self) {
        let mut idle = 0;
        for upstream in self.upstreams.borrow().values() {
            upstream.sweep(self.clock.now());
            idle += upstream.idle_count();
        }
        self.stats.upstream_idle.set(idle as u64);
    }

    /// An exchange ready for a request.
    pub(crate) fn take_exchange(&self) -> Box<Exchange> {
        self.exchanges.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes an exchange back, and its head's memory.
    pub(crate) fn give_exchange(&self, mut exchange: Box<Exchange>) {
        self.buffers.give_data(std::mem::take(&mut exchange.bytes));
        exchange.reset();
        let mut kept = self.exchanges.borrow_mut();
        if kept.len() < KEPT_EXCHANGES {
            kept.push(exchange);
        }
    }

    /// 64 bits that are not to be guessed easily, but no secret either (xorshift64*, Vigna 2016).
    pub(crate) fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Appends to the log; `write` adds one line.
    pub(crate) fn log(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut log = self.log.borrow_mut();
        write(&mut log);
        if log.len() >= LOG_BATCH {
            drop(log);
            self.flush_log();
        }
    }

    /// Hands the lines so far to the writer.
    pub(crate) fn flush_log(&self) {
        let mut log = self.log.borrow_mut();
        if log.is_empty() {
            return;
        }
        let lines = memchr::memchr_iter(b'\n', &log).count();
        let batch = std::mem::take(&mut *log);
        if !self.shared.log.write(batch) {
            self.stats.log_dropped.add(lines as u64);
        }
    }
}

/// The configured limit, or by default 9,000 or half the descriptors, whichever is less: each client may need
/// one upstream.
fn connection_limit(configured: usize) -> usize {
    if configured > 0 {
        return configured;
    }
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit writes into the struct it is given, which is valid for the whole call.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    let descriptors = if known {
        usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
    } else {
        1024
    };
    (descriptors / 2).min(9000)
}

impl ThreadBuild {
    /// Which share of a route's split takes the next request: its index in the split.
    pub(crate) fn share(&self, route: u32) -> usize {
        match &self.shared.routes[route as usize].action {
            Action::Forward(forward) if forward.split.len() > 1 => self
                .splits
                .get(&route)
                .and_then(Schedule::turn)
                .unwrap_or(0),
            _ => 0,
        }
    }

    /// The counters of a route and one of its shares.
    pub(crate) fn stats(&self, thread: &Thread, route: Option<u32>, share: usize) -> &RouteStats {
        let Some(route) = route else {
            return &self.unrouted;
        };
        let route = &self.shared.routes[route as usize];
        self.stats[route.stats_base + share].get_or_init(|| {
            let service = match &route.action {
                Action::Forward(f) => self.shared.services[f.service(share) as usize].name.clone(),
                Action::Redirect { .. } | Action::Respond { .. } => "".into(),
            };
            let key = StatsKey {
                route: route.name.clone(),
                service,
            };
            thread.shared.registry.route(thread.index, key)
        })
    }
}
