//! Latencies in buckets that grow with the value: exact below 64 µs, within 1.6 % above.

use serde::Serialize;

/// Sub-buckets of each power of two.
const SUB: u64 = 64;
const SUB_BITS: u32 = SUB.ilog2();

/// Counts of latencies in microseconds. It grows to the largest bucket that was used.
#[derive(Debug, Default, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, microseconds: u64) {
        let index = bucket(microseconds);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
    }

    /// The buckets in use, as pairs of upper bound in microseconds and count.
    pub fn pairs(&self) -> Vec<Pair> {
        let used = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        used.map(|(index, count)| Pair(upper_bound(index), *count))
            .collect()
    }
}

/// Upper bound in microseconds, count.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Pair(u64, u64);

fn bucket(value: u64) -> usize {
    let shift = value.max(1).ilog2().saturating_sub(SUB_BITS);
    (u64::from(shift) * SUB + (value >> shift)) as usize
}

fn upper_bound(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * SUB {
        return index;
    }
    let shift = index / SUB - 1;
    ((index - shift * SUB + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_upper_bound_and_not_the_next_value() {
        for value in (0..5_000).chain([1 << 20, (1 << 20) + 12_345, 60_000_000]) {
            let index = bucket(value);
            assert!(upper_bound(index) >= value);
            assert_eq!(bucket(upper_bound(index)), index);
            assert_eq!(bucket(upper_bound(index) + 1), index + 1);
        }
    }

    #[test]
    fn the_error_is_below_two_percent() {
        for value in [100_u64, 1_000, 77_777, 9_999_999] {
            let error = upper_bound(bucket(value)) - value;
            assert!(error * 100 <= value * 2, "{value} is off by {error}");
        }
    }

    #[test]
    fn pairs_name_what_was_recorded() {
        let mut histogram = Histogram::default();
        for value in [3, 3, 40] {
            histogram.record(value);
        }
        assert_eq!(histogram.pairs(), [Pair(3, 2), Pair(40, 1)]);
    }
}
