//! The loop: let requests leave when they are due, take answers as they come.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::clock::{Alarm, Clock};
use crate::connection::{Connection, Outcome};
use crate::plan::Plan;
use crate::report::{Failure, Report, Tally};

const ALARM: Token = Token(usize::MAX - 1);
/// A connection that could not be opened is tried again after this time.
const RETRY_NS: u64 = 10_000_000;
/// Open connections are awaited this long before the first request is due.
const CONNECT_NS: u64 = 5_000_000_000;

/// The state of a run.
pub struct Generator {
    poll: Poll,
    alarm: Alarm,
    clock: Clock,
    target: std::net::SocketAddr,
    requests: Vec<Rc<[u8]>>,
    interval_ns: f64,
    end_ns: u64,
    drain_ns: u64,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    broken: VecDeque<(u64, usize)>,
    waiting: VecDeque<u64>,
    due: u64,
    sent: usize,
    tally: Tally,
}

impl Generator {
    /// Prepares a run.
    pub fn new(plan: &Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new()?;
        poll.registry()
            .register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Self {
            poll,
            alarm,
            clock: Clock::start(),
            target: plan.target,
            requests: plan
                .paths
                .iter()
                .map(|path| request(path, &plan.host))
                .collect(),
            interval_ns: 1e9 / plan.rate as f64,
            end_ns: plan.duration_ms * 1_000_000,
            drain_ns: plan.drain_ms * 1_000_000,
            connections: (0..plan.connections).map(|_| None).collect(),
            free: Vec::new(),
            broken: (0..plan.connections).map(|index| (0, index)).collect(),
            waiting: VecDeque::new(),
            due: 0,
            sent: 0,
            tally: Tally::new(plan.window_ms),
        })
    }

    /// Runs to the end.
    pub fn run(mut self) -> io::Result<Report> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        self.connect_all(&mut events, &mut buffer)?;
        self.clock = Clock::start();
        loop {
            let now = self.clock.now();
            if now >= self.end_ns + self.drain_ns || (now >= self.end_ns && self.is_idle()) {
                break;
            }
            self.release(now);
            self.reopen(now);
            self.alarm
                .set(self.next_due_ns().saturating_sub(self.clock.now()))?;
            self.turn(&mut events, &mut buffer)?;
        }
        self.abandon();
        Ok(self.tally.report(self.clock.started_unix_ns, self.due))
    }

    fn connect_all(&mut self, events: &mut Events, buffer: &mut [u8]) -> io::Result<()> {
        while self.free.len() < self.connections.len() && self.clock.now() < CONNECT_NS {
            self.reopen(self.clock.now());
            self.turn(events, buffer)?;
        }
        // Trouble from before the first request does not belong to the run.
        self.broken.iter_mut().for_each(|(at, _)| *at = 0);
        Ok(())
    }

    fn turn(&mut self, events: &mut Events, buffer: &mut [u8]) -> io::Result<()> {
        match self.poll.poll(events, Some(Duration::from_millis(10))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &*events {
            let index = event.token().0;
            if let Some(Some(connection)) = self.connections.get_mut(index) {
                let outcome = match connection.ready(buffer) {
                    // The end of the stream arrived with the answer: no further event will tell.
                    Outcome::Answered { due_ns, .. } if event.is_read_closed() => {
                        Outcome::Answered {
                            due_ns,
                            close: true,
                        }
                    }
                    outcome => outcome,
                };
                self.settle(index, outcome);
            }
        }
        Ok(())
    }

    /// Moves arrivals whose time has come into the queue, and the queue onto free connections.
    fn release(&mut self, now: u64) {
        while self.next_due_ns() <= now && self.next_due_ns() < self.end_ns {
            self.waiting.push_back(self.next_due_ns());
            self.due += 1;
        }
        while !self.waiting.is_empty() {
            let Some(index) = self.free.pop() else { break };
            let (Some(connection), Some(due)) =
                (self.connections[index].as_mut(), self.waiting.pop_front())
            else {
                continue;
            };
            let bytes = Rc::clone(&self.requests[self.sent % self.requests.len()]);
            self.sent += 1;
            let outcome = connection.send(due, bytes);
            self.settle(index, outcome);
        }
    }

    fn settle(&mut self, index: usize, outcome: Outcome) {
        let now = self.clock.now();
        match outcome {
            Outcome::Pending => {}
            Outcome::Free => self.free.push(index),
            Outcome::Answered { due_ns, close } => {
                self.tally.complete(due_ns, now);
                if close {
                    self.drop_connection(index, now);
                } else {
                    self.free.push(index);
                }
            }
            Outcome::Lost { due_ns, failure } => {
                if let Some(due) = due_ns {
                    self.tally.fail(due, failure);
                } else {
                    self.free.retain(|free| *free != index);
                }
                // A lost idle connection is no failed request; one that never opens delays requests
                // and shows there.
                let pause = if failure == Failure::Connect {
                    RETRY_NS
                } else {
                    0
                };
                self.drop_connection(index, now + pause);
            }
        }
    }

    fn drop_connection(&mut self, index: usize, retry_at: u64) {
        self.connections[index] = None;
        self.broken.push_back((retry_at, index));
    }

    fn reopen(&mut self, now: u64) {
        while self.broken.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, index)) = self.broken.pop_front() else {
                break;
            };
            match Connection::open(self.target, self.poll.registry(), Token(index)) {
                Ok(connection) => self.connections[index] = Some(connection),
                Err(_) => self.broken.push_back((now + RETRY_NS, index)),
            }
        }
    }

    fn abandon(&mut self) {
        let under_way = self
            .connections
            .iter()
            .flatten()
            .filter_map(Connection::due_ns);
        let left: Vec<u64> = under_way.chain(self.waiting.drain(..)).collect();
        for due in left {
            self.tally.fail(due, Failure::Unfinished);
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self
                .connections
                .iter()
                .flatten()
                .all(|c| c.due_ns().is_none())
    }

    fn next_due_ns(&self) -> u64 {
        (self.due as f64 * self.interval_ns) as u64
    }
}

fn request(path: &str, host: &str) -> Rc<[u8]> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        .into_bytes()
        .into()
}
