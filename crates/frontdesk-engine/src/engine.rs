//! The engine's outside: apply a snapshot, run, drain. Safe to call from any thread.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use frontdesk_tls::Tickets;
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::build::{Build, Secrets};
use crate::clock::{TICK_MS, Tick};
use crate::handover::{self, Handed, Lanes};
use crate::listener::Listening;
use crate::observe::log_writer::{self, LogWriter};
use crate::observe::metrics::Registry;
use crate::observe::render;
use crate::snapshot::{self, Snapshot};
use crate::thread::{Shared, Thread};

/// Connections that may wait to be accepted, per socket.
const BACKLOG: i32 = 4096;
/// How long a drain leaves idle connections open.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// Ticks between two looks at the pools.
const SWEEP_TICKS: Tick = 100;

/// Bound sockets by listener name, one for each thread.
pub type Listeners = Vec<(String, Vec<OwnedFd>)>;

enum Command {
    Apply(Arc<Build>, Vec<(String, OwnedFd)>),
    Drain(Duration),
    Stop,
}

/// The data plane of one process.
pub struct Engine {
    threads: usize,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    build: Arc<Build>,
    /// Builds that threads may still use; they are freed here, off the serving threads.
    retired: Vec<Arc<Build>>,
    senders: Vec<UnboundedSender<Command>>,
    receivers: Vec<UnboundedReceiver<Command>>,
    /// Connections from one thread to another.
    handed: Vec<Receiver<Handed>>,
    /// Listeners that have sockets.
    listening: HashSet<String>,
}

impl Engine {
    /// An engine with so many serving threads; it serves nothing yet.
    ///
    /// # Errors
    /// The access-log thread could not be started.
    pub fn new(threads: usize) -> io::Result<Engine> {
        let (senders, receivers) = (0..threads.max(1)).map(|_| unbounded_channel()).unzip();
        let (lanes, handed) = Lanes::new(threads.max(1));
        let build =
            Build::new(&Snapshot::empty(), String::new(), None).map_err(io::Error::other)?;
        Ok(Engine {
            threads: threads.max(1),
            shared: Arc::new(Shared::new(lanes)?),
            state: Mutex::new(State {
                build: Arc::new(build),
                retired: Vec::new(),
                senders,
                receivers,
                handed,
                listening: HashSet::new(),
            }),
        })
    }

    /// Builds a snapshot and switches to it; returns its hash. Sockets are needed for listeners that are
    /// new or that move; the first apply starts to listen.
    ///
    /// # Errors
    /// One sentence. Nothing has changed then.
    pub fn apply(
        &self,
        json: &[u8],
        secrets: &HashMap<String, String>,
        sockets: Listeners,
    ) -> Result<String, String> {
        let snapshot = Snapshot::decode(json)?;
        let secrets = Secrets {
            texts: secrets,
            tickets: &self.shared.tickets,
        };
        let hash = hash(json);
        let build = Arc::new(Build::new(&snapshot, hash.clone(), Some(&secrets))?);
        log_writer::check(&build.log.to)?;
        let mut state = self.state();
        let given: HashSet<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
        let has = |name: &str| given.contains(name) || state.listening.contains(name);
        if let Some(missing) = build.listeners.iter().find(|l| !has(&l.name)) {
            return Err(format!("listener {:?} has no socket", missing.name));
        }
        for (name, fds) in &sockets {
            prepare_sockets(name, fds, self.threads)?;
        }
        self.shared.log.send_to(if build.log.is_on() {
            &build.log.to
        } else {
            "off"
        });
        state.listening = build
            .listeners
            .iter()
            .map(|listener| listener.name.clone())
            .collect();
        let mut shares: Vec<Vec<(String, OwnedFd)>> =
            (0..self.threads).map(|_| Vec::new()).collect();
        for (name, fds) in sockets {
            for (share, fd) in shares.iter_mut().zip(fds) {
                share.push((name.clone(), fd));
            }
        }
        for (sender, share) in state.senders.iter().zip(shares) {
            // A thread that has ended needs no new configuration.
            let _ = sender.send(Command::Apply(Arc::clone(&build), share));
        }
        let old = std::mem::replace(&mut state.build, build);
        state.retired.push(old);
        state.free_retired();
        self.forget_removed(&snapshot);
        Ok(hash)
    }

    fn forget_removed(&self, snapshot: &Snapshot) {
        let routes: HashSet<&str> = snapshot
            .routes
            .iter()
            .map(|route| route.name.as_str())
            .collect();
        self.shared
            .registry
            .retain(|key| key.route.is_empty() || routes.contains(&*key.route));
        self.shared.tickets.retain(|name| {
            snapshot
                .listeners
                .iter()
                .any(|listener| listener.name == name)
        });
    }

    /// Serves until a drain has finished or [`Engine::stop`]. A second call returns at once.
    ///
    /// # Errors
    /// A thread or its runtime could not be started.
    pub fn run(&self) -> io::Result<()> {
        let receivers = std::mem::take(&mut self.state().receivers);
        let handed = std::mem::take(&mut self.state().handed);
        let mut threads = Vec::new();
        for (index, (receiver, handed)) in receivers.into_iter().zip(handed).enumerate() {
            let shared = Arc::clone(&self.shared);
            let empty =
                Build::new(&Snapshot::empty(), String::new(), None).map_err(io::Error::other)?;
            let name = format!("engine-{index}");
            let body = move || serve(index, shared, Arc::new(empty), receiver, handed);
            threads.push(std::thread::Builder::new().name(name).spawn(body)?);
        }
        for thread in threads {
            thread
                .join()
                .map_err(|_| io::Error::other("a serving thread panicked"))??;
        }
        Ok(())
    }

    /// Stops accepting, finishes what is in flight within the time, then lets [`Engine::run`] return.
    pub fn drain(&self, time: Duration) {
        self.broadcast(|| Command::Drain(time));
    }

    /// Lets [`Engine::run`] return now.
    pub fn stop(&self) {
        self.broadcast(|| Command::Stop);
    }

    fn broadcast(&self, command: impl Fn() -> Command) {
        for sender in &self.state().senders {
            // A thread that has ended needs no command.
            let _ = sender.send(command());
        }
    }

    /// Opens the access log again, after a rotation.
    pub fn reopen_logs(&self) {
        self.shared.log.reopen();
    }

    /// Totals and routes as JSON.
    pub fn stats(&self) -> Vec<u8> {
        render::stats_json(&self.shared.registry, &self.current_hash(), self.threads)
    }

    /// All metrics in the Prometheus text format.
    pub fn metrics(&self) -> String {
        render::prometheus(
            &self.shared.registry,
            &self.current_hash(),
            self.shared.log.lost(),
        )
    }

    fn current_hash(&self) -> String {
        let mut state = self.state();
        state.free_retired();
        state.build.hash.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free_retired(&mut self) {
        self.retired.retain(|build| Arc::strong_count(build) > 1);
    }
}

impl Shared {
    /// What the threads of one engine share, before any request.
    ///
    /// # Errors
    /// The access-log thread could not be started.
    pub(crate) fn new(lanes: Lanes) -> io::Result<Shared> {
        Ok(Shared {
            registry: Registry::default(),
            log: LogWriter::start()?,
            tickets: Tickets::default(),
            open: AtomicUsize::new(0),
            lanes,
            via: format!("frontdesk-{:08x}", RandomState::new().hash_one(0u8) as u32),
        })
    }
}

impl Snapshot {
    /// A snapshot that serves nothing.
    pub(crate) fn empty() -> Snapshot {
        Snapshot {
            schema_hash: snapshot::SCHEMA_HASH.to_owned(),
            listeners: Vec::new(),
            services: Vec::new(),
            routes: Vec::new(),
            observe: snapshot::Observe {
                access_log: snapshot::AccessLog {
                    to: "off".to_owned(),
                    format: snapshot::LogFormat::Json,
                    fields: Vec::new(),
                    sample_ppm: 0,
                },
            },
            process: snapshot::Process {
                max_connections: 0,
                drain_ms: 0,
                websocket: snapshot::WebSocket {
                    origins: Vec::new(),
                    idle_ms: 0,
                    ping_ms: 0,
                    max_message_bytes: 0,
                },
            },
        }
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of a snapshot's canonical JSON.
fn hash(json: &[u8]) -> String {
    use std::fmt::Write;
    let digest = Sha256::digest(json);
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn prepare_sockets(name: &str, fds: &[OwnedFd], threads: usize) -> Result<(), String> {
    if fds.len() != threads {
        let found = fds.len();
        return Err(format!(
            "listener {name:?} has {found} sockets, but there are {threads} threads"
        ));
    }
    for fd in fds {
        let socket = socket2::SockRef::from(fd);
        socket
            .set_nonblocking(true)
            .and_then(|()| socket.listen(BACKLOG))
            .map_err(|error| format!("listener {name:?}: socket {}: {error}", fd.as_raw_fd()))?;
    }
    Ok(())
}

fn serve(
    index: usize,
    shared: Arc<Shared>,
    build: Arc<Build>,
    commands: UnboundedReceiver<Command>,
    handed: Receiver<Handed>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .thread_name("engine-helper")
        .build_local(LocalOptions::default())?;
    let seed = RandomState::new().hash_one(index);
    runtime.block_on(async move {
        let thread = Thread::new(index, shared, build, seed);
        tokio::task::spawn_local(tick(Rc::clone(&thread)));
        tokio::task::spawn_local(handover::receive(Rc::clone(&thread), handed));
        command_loop(&thread, commands).await;
        thread.flush_log();
    });
    // A name look-up may hang in a helper thread; nobody waits for it.
    runtime.shutdown_background();
    Ok(())
}

async fn tick(thread: Rc<Thread>) {
    let mut interval = interval(Duration::from_millis(TICK_MS));
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut swept = 0;
    loop {
        interval.tick().await;
        thread.clock.advance();
        thread.flush_log();
        if thread.clock.now().saturating_sub(swept) >= SWEEP_TICKS {
            swept = thread.clock.now();
            thread.sweep();
        }
    }
}

async fn command_loop(thread: &Rc<Thread>, mut commands: UnboundedReceiver<Command>) {
    let mut listening: Vec<Listening> = Vec::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Apply(build, sockets) => apply(thread, &build, sockets, &mut listening),
            Command::Drain(time) => {
                let closing = listening.drain(..).map(Listening::stop).collect();
                drain(thread, closing, time, &mut commands).await;
                return;
            }
            Command::Stop => return,
        }
    }
}

fn apply(
    thread: &Rc<Thread>,
    build: &Arc<Build>,
    sockets: Vec<(String, OwnedFd)>,
    listening: &mut Vec<Listening>,
) {
    thread.apply(Arc::clone(build));
    let mut leaving = Vec::new();
    for (name, fd) in sockets {
        let Some(config) = build
            .listeners
            .iter()
            .find(|listener| listener.name == name)
        else {
            continue;
        };
        match Listening::start(thread, config, fd) {
            Ok(started) => {
                if let Some(old) = listening.iter().position(|old| old.name == name) {
                    leaving.push(listening.swap_remove(old));
                }
                listening.push(started);
            }
            Err(error) => eprintln!("frontdesk: listener {name:?}: {error}"),
        }
    }
    let known = std::mem::take(listening);
    for old in known {
        let mut configs = build.listeners.iter();
        match configs.find(|listener| listener.name == old.name) {
            Some(config) => {
                old.update(config);
                listening.push(old);
            }
            None => leaving.push(old),
        }
    }
    let states = |one: &Listening| (one.name.clone(), Rc::clone(&one.settings));
    thread.know_listeners(listening.iter().map(states).collect());
    for old in leaving {
        if listening.iter().any(|new| new.same_socket(&old)) {
            old.hand_over();
        } else {
            // Nobody waits for it to be closed, as a drain does.
            drop(old.stop());
        }
    }
}

/// Waits until every connection has ended and every socket is closed, the time is over, or a stop comes.
///
/// A client that keeps its connection may be sending the next request at this very moment; closed now, it would
/// lose it. So for a while idle connections are left open: whoever asks is answered with `connection: close`.
async fn drain(
    thread: &Rc<Thread>,
    closing: Vec<JoinHandle<()>>,
    time: Duration,
    commands: &mut UnboundedReceiver<Command>,
) {
    thread.draining.set(true);
    let started = Instant::now();
    let (deadline, patience) = (started + time, started + IDLE_GRACE.min(time / 2));
    // Whoever becomes idle after this sees the flag itself.
    thread.clock.wake_all();
    while thread.stats.open.get() > 0 || !closing.iter().all(JoinHandle::is_finished) {
        if Instant::now() >= patience && !thread.closing_idle.replace(true) {
            thread.clock.wake_all();
        }
        let step = (Instant::now() + Duration::from_millis(5)).min(deadline);
        tokio::select! {
            () = sleep_until(step) => {}
            command = commands.recv() => if matches!(command, Some(Command::Stop) | None) { return },
        }
        if Instant::now() >= deadline {
            return;
        }
    }
}
