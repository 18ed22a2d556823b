//! The retry budget: retries may add only a bounded share to the load, so that they cannot
//! turn a slow upstream into a dead one.

use std::cell::Cell;

/// Milli-tokens one retry costs.
const RETRY: u64 = 1000;
/// Seconds of allowance that can be saved up.
const BURST_SECONDS: u64 = 10;

/// A token bucket: every request pays in a share, and time pays in a floor.
pub struct RetryBudget {
    percent: u64,
    per_second: u64,
    milli: Cell<u64>,
    cap: u64,
    filled_at_ms: Cell<u64>,
}

impl RetryBudget {
    /// Retries may be `percent` of the requests plus `per_second`.
    pub fn new(percent: u32, per_second: u32) -> RetryBudget {
        let per_second = u64::from(per_second);
        let cap = (per_second * BURST_SECONDS).max(u64::from(percent)) * RETRY;
        let start = per_second * RETRY;
        RetryBudget {
            percent: u64::from(percent),
            per_second,
            milli: Cell::new(start.min(cap)),
            cap,
            filled_at_ms: Cell::new(0),
        }
    }

    /// Counts one first attempt.
    pub fn request(&self) {
        self.milli
            .set((self.milli.get() + self.percent * RETRY / 100).min(self.cap));
    }

    /// Takes the allowance for one retry; false if there is none. `now_ms` is any monotonic clock.
    pub fn retry(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.filled_at_ms.get());
        self.filled_at_ms.set(now_ms);
        let filled = self
            .milli
            .get()
            .saturating_add(passed.saturating_mul(self.per_second))
            .min(self.cap);
        let allowed = filled >= RETRY;
        self.milli
            .set(if allowed { filled - RETRY } else { filled });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_requests_is_respected() {
        let budget = RetryBudget::new(20, 0);
        for _ in 0..100 {
            budget.request();
        }
        assert_eq!((0..100).filter(|_| budget.retry(0)).count(), 20);
    }

    #[test]
    fn the_floor_comes_back_with_time() {
        let budget = RetryBudget::new(0, 10);
        assert_eq!((0..50).filter(|_| budget.retry(0)).count(), 10);
        assert!(!budget.retry(50));
        assert_eq!((0..50).filter(|_| budget.retry(1050)).count(), 10);
    }

    #[test]
    fn nothing_allowed_means_nothing() {
        let budget = RetryBudget::new(0, 0);
        budget.request();
        assert!(!budget.retry(1_000_000));
    }
}
