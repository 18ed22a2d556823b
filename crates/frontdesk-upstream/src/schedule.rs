//! Weighted turns: a fixed sequence in which each entry occurs in proportion to its weight, evenly spread.

use std::cell::Cell;

/// The longest sequence that is written out; larger weights are scaled down to it.
const MAX_TURNS: u64 = 4096;

/// Turns through entries `0..n`, in proportion to their weights.
pub struct Schedule {
    turns: Vec<u32>,
    next: Cell<usize>,
}

impl Schedule {
    /// Lays out the turns for these weights. Entries of weight 0 never get a turn. `start` shifts the
    /// first turn, so that several threads do not all begin with the same entry.
    pub fn new(weights: &[u32], start: usize) -> Schedule {
        let turns = lay_out(&scale(weights));
        let next = if turns.is_empty() {
            0
        } else {
            start % turns.len()
        };
        Schedule {
            turns,
            next: Cell::new(next),
        }
    }

    /// Turns until the sequence begins again.
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Whether nobody ever gets a turn.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The entry whose turn it is; `None` if every weight is 0.
    pub fn turn(&self) -> Option<usize> {
        let index = self.next.get();
        let entry = *self.turns.get(index)?;
        self.next.set(if index + 1 == self.turns.len() {
            0
        } else {
            index + 1
        });
        Some(entry as usize)
    }
}

/// Divides by the common divisor, and by more if the sum is still too long for a written-out sequence.
fn scale(weights: &[u32]) -> Vec<u64> {
    let divisor = weights.iter().fold(0, |a, &b| gcd(a, u64::from(b))).max(1);
    let reduced: Vec<u64> = weights.iter().map(|&w| u64::from(w) / divisor).collect();
    let sum: u64 = reduced.iter().sum();
    if sum <= MAX_TURNS {
        return reduced;
    }
    let shrink = |w: u64| {
        if w == 0 {
            0
        } else {
            (w * MAX_TURNS / sum).max(1)
        }
    };
    reduced.into_iter().map(shrink).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Orders all turns by when they are due: turn k of an entry of weight w is due at (2k+1)/(2w).
fn lay_out(weights: &[u64]) -> Vec<u32> {
    let mut due: Vec<(f64, u32)> = Vec::new();
    for (entry, &weight) in weights.iter().enumerate() {
        due.extend((0..weight).map(|k| ((2 * k + 1) as f64 / (2 * weight) as f64, entry as u32)));
    }
    due.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    due.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(weights: &[u32], turns: usize) -> Vec<usize> {
        let schedule = Schedule::new(weights, 3);
        let mut counts = vec![0; weights.len()];
        for _ in 0..turns {
            counts[schedule.turn().unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn shares_are_exact_over_a_whole_round() {
        assert_eq!(counts(&[3, 1], 400), [300, 100]);
        assert_eq!(counts(&[90, 10, 0], 100), [90, 10, 0]);
        assert_eq!(counts(&[1, 1, 1], 9), [3, 3, 3]);
    }

    #[test]
    fn heavy_entries_do_not_come_in_bursts() {
        let schedule = Schedule::new(&[2, 2], 0);
        let turns: Vec<_> = (0..4).map(|_| schedule.turn().unwrap()).collect();
        assert_eq!(turns, [0, 1, 0, 1]);
    }

    #[test]
    fn huge_weights_keep_a_bounded_sequence_and_every_live_entry() {
        let schedule = Schedule::new(&[1_000_000, 1], 0);
        assert!(schedule.turns.len() as u64 <= MAX_TURNS + 1);
        assert!(schedule.turns.contains(&1));
    }

    #[test]
    fn no_weight_no_turn() {
        assert_eq!(Schedule::new(&[0, 0], 5).turn(), None);
        assert_eq!(Schedule::new(&[], 5).turn(), None);
    }
}
