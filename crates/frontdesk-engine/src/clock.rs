//! One coarse clock per thread: ticks of 10 ms, the Date field, and the deadlines of all connections.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds of a tick.
pub(crate) const TICK_MS: u64 = 10;
/// A time in ticks since the thread began, or a number of ticks: wide enough never to come to an end.
pub(crate) type Tick = u64;
/// A deadline that never comes.
pub(crate) const NEVER: Tick = Tick::MAX;

/// Converts milliseconds to ticks, at least one; 0 is "off".
pub(crate) fn ticks(ms: u64) -> Tick {
    if ms == 0 {
        return NEVER;
    }
    ms.div_ceil(TICK_MS)
}

/// The clock of one thread.
pub(crate) struct Clock {
    origin: Instant,
    tick: Cell<Tick>,
    date: Cell<[u8; 29]>,
    unix_seconds: Cell<u64>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
}

struct Slot {
    at: Tick,
    waker: Waker,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        let clock = Clock {
            origin: Instant::now(),
            tick: Cell::new(0),
            date: Cell::new([b' '; 29]),
            unix_seconds: Cell::new(0),
            slots: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
        };
        clock.update_date();
        clock
    }

    /// The tick now.
    pub(crate) fn now(&self) -> Tick {
        self.tick.get()
    }

    /// Milliseconds since the thread began, in steps of a tick.
    pub(crate) fn now_ms(&self) -> u64 {
        self.tick.get() * TICK_MS
    }

    /// The tick so many ticks from now.
    pub(crate) fn after(&self, ticks: Tick) -> Tick {
        self.tick.get().saturating_add(ticks)
    }

    /// Now, as the Date field has it (RFC 9110 §5.6.7).
    pub(crate) fn date(&self) -> [u8; 29] {
        self.date.get()
    }

    /// Moves on to the present and wakes whoever is late. Called once per tick.
    pub(crate) fn advance(&self) {
        let now = self.origin.elapsed().as_millis() as u64 / TICK_MS;
        self.tick.set(now);
        self.update_date();
        for slot in self
            .slots
            .borrow_mut()
            .iter_mut()
            .filter(|slot| slot.at <= now)
        {
            slot.at = NEVER;
            slot.waker.wake_by_ref();
        }
    }

    /// Wakes every task, so that it looks at what has changed.
    pub(crate) fn wake_all(&self) {
        self.slots
            .borrow()
            .iter()
            .for_each(|slot| slot.waker.wake_by_ref());
    }

    fn update_date(&self) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        if now.as_secs() != self.unix_seconds.get() {
            self.unix_seconds.set(now.as_secs());
            self.date.set(http_date(now.as_secs()));
        }
    }
}

/// A place on the clock for one task; given back on drop.
pub(crate) struct Timer {
    clock: Rc<Clock>,
    index: u32,
}

impl Timer {
    /// Takes a place for the task with this waker.
    pub(crate) fn new(clock: &Rc<Clock>, waker: &Waker) -> Timer {
        let slot = Slot {
            at: NEVER,
            waker: waker.clone(),
        };
        let mut slots = clock.slots.borrow_mut();
        let index = if let Some(index) = clock.free.borrow_mut().pop() {
            slots[index as usize] = slot;
            index
        } else {
            slots.push(slot);
            slots.len() as u32 - 1
        };
        Timer {
            clock: Rc::clone(clock),
            index,
        }
    }

    /// The task is woken once the tick has come. Replaces what was set before.
    pub(crate) fn arm(&self, at: Tick) {
        self.clock.slots.borrow_mut()[self.index as usize].at = at;
    }
}

impl Timer {
    /// What the future gives, or nothing if it has not by the deadline.
    pub(crate) async fn within<F: Future>(&self, deadline: Tick, future: F) -> Option<F::Output> {
        let mut future = Box::pin(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.clock.now() >= deadline => Poll::Ready(None),
            Poll::Pending => {
                self.arm(deadline);
                Poll::Pending
            }
        })
        .await
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut slots = self.clock.slots.borrow_mut();
        let slot = &mut slots[self.index as usize];
        slot.at = NEVER;
        // The task's memory must not be kept by a free place.
        slot.waker.clone_from(Waker::noop());
        self.clock.free.borrow_mut().push(self.index);
    }
}

/// Splits days since 1970-01-01 into year, month and day (Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `civil_from_days`).
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

fn http_date(seconds: u64) -> [u8; 29] {
    const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut date = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    date[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    two(&mut date, 5, day);
    let month = (month as usize - 1) * 3;
    date[8..11].copy_from_slice(&MONTHS[month..month + 3]);
    two(&mut date, 12, year / 100);
    two(&mut date, 14, year % 100);
    two(&mut date, 17, rest / 3600);
    two(&mut date, 20, rest / 60 % 60);
    two(&mut date, 23, rest % 60);
    date
}

/// Writes two decimal digits.
pub(crate) fn two(out: &mut [u8], at: usize, value: u64) {
    out[at] = b'0' + (value / 10 % 10) as u8;
    out[at + 1] = b'0' + (value % 10) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_rfc_9110() {
        assert_eq!(&http_date(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&http_date(951_782_400), b"Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(&http_date(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn places_are_reused_and_forgotten() {
        let clock = Rc::new(Clock::new());
        let timer = Timer::new(&clock, Waker::noop());
        timer.arm(0);
        clock.advance();
        assert_eq!(clock.slots.borrow()[0].at, NEVER);
        drop(timer);
        let again = Timer::new(&clock, Waker::noop());
        assert_eq!(again.index, 0);
    }

    #[test]
    fn off_is_never_and_short_is_one_tick() {
        assert_eq!(ticks(0), NEVER);
        assert_eq!(ticks(1), 1);
        assert_eq!(ticks(u64::MAX), NEVER / TICK_MS + 1);
    }
}
