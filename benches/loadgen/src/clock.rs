//! Nanoseconds since the start of the run, and a timer that fires once per arrival.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The run's own time: zero is its start.
pub struct Clock {
    started: Instant,
    /// The start on the wall clock, in nanoseconds since 1970, to line up with other records.
    pub started_unix_ns: u128,
}

impl Clock {
    /// Starts the run's time now.
    pub fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_unix_ns: wall.as_nanos(),
        }
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// A one-shot timer that a poll can wait for, exact to microseconds where `epoll_wait` has
/// milliseconds only.
pub struct Alarm(OwnedFd);

impl Alarm {
    /// A timer that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Sets the timer to fire `delay_ns` from now, replacing what was set. Setting it also clears
    /// an expiry that nobody read.
    pub fn set(&self, delay_ns: u64) -> io::Result<()> {
        let delay = delay_ns.max(1);
        let value = Timespec {
            tv_sec: (delay / 1_000_000_000).cast_signed(),
            tv_nsec: (delay % 1_000_000_000).cast_signed(),
        };
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: value,
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
