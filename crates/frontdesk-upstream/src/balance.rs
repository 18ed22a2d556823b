//! Choosing a target.

use std::rc::Rc;

use crate::{Schedule, Upstream};

/// How a service chooses among its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In weighted turns.
    RoundRobin,
    /// The less loaded of two candidates, by requests in flight per weight.
    LeastRequests,
}

/// The choice among the targets of one service, on one thread.
pub struct Balancer {
    kind: Balance,
    weights: Vec<u32>,
    schedule: Schedule,
}

impl Balancer {
    /// A balancer over targets with these weights; `start` differs from thread to thread.
    pub fn new(kind: Balance, weights: Vec<u32>, start: usize) -> Balancer {
        let schedule = Schedule::new(&weights, start);
        Balancer {
            kind,
            weights,
            schedule,
        }
    }

    /// The index of the target for the next request. `tried` are the targets that have failed this
    /// request; they are avoided while there are others. `None` if no target takes requests.
    pub fn choose(&self, upstreams: &[Rc<Upstream>], tried: &[usize]) -> Option<usize> {
        let first = self.next_untried(tried)?;
        if self.kind == Balance::RoundRobin {
            return Some(first);
        }
        let second = self.next_untried(tried)?;
        Some(
            if self.load(upstreams, second) < self.load(upstreams, first) {
                second
            } else {
                first
            },
        )
    }

    fn next_untried(&self, tried: &[usize]) -> Option<usize> {
        let mut choice = self.schedule.turn()?;
        // One whole round holds every target, the lightest too; where all were tried it ends the search.
        for _ in 0..self.schedule.len() {
            if !tried.contains(&choice) {
                break;
            }
            choice = self.schedule.turn()?;
        }
        Some(choice)
    }

    fn load(&self, upstreams: &[Rc<Upstream>], index: usize) -> u64 {
        // One is added so that among idle targets the heavier one has the lower load.
        let in_flight = u64::from(upstreams[index].in_flight()) + 1;
        (in_flight << 20) / u64::from(self.weights[index].max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PoolSettings, TargetKey};

    fn upstreams(n: u16) -> Vec<Rc<Upstream>> {
        let key = |port| TargetKey {
            host: "127.0.0.1".into(),
            port,
            protocol: crate::Protocol::Http1,
            tls: None,
        };
        let settings = PoolSettings {
            max_idle: 1,
            idle_ticks: 1,
        };
        (1..=n)
            .map(|port| Rc::new(Upstream::new(key(port), None, settings)))
            .collect()
    }

    #[test]
    fn tried_targets_are_avoided_while_there_are_others() {
        let ups = upstreams(3);
        let balancer = Balancer::new(Balance::RoundRobin, vec![1, 1, 1], 0);
        for _ in 0..6 {
            assert_eq!(balancer.choose(&ups, &[0, 2]), Some(1));
        }
        assert!(balancer.choose(&ups, &[0, 1, 2]).is_some());
    }

    #[test]
    fn a_light_target_is_found_behind_a_heavy_one_that_was_tried() {
        let ups = upstreams(2);
        let balancer = Balancer::new(Balance::RoundRobin, vec![100, 1], 0);
        assert!((0..5).all(|_| balancer.choose(&ups, &[0]) == Some(1)));
    }

    #[test]
    fn least_requests_prefers_the_idle_target() {
        let ups = upstreams(2);
        let balancer = Balancer::new(Balance::LeastRequests, vec![1, 1], 0);
        let _busy: Vec<_> = (0..5).map(|_| ups[0].begin()).collect();
        for _ in 0..4 {
            assert_eq!(balancer.choose(&ups, &[]), Some(1));
        }
    }

    #[test]
    fn a_target_of_weight_zero_gets_nothing() {
        let ups = upstreams(2);
        let balancer = Balancer::new(Balance::RoundRobin, vec![0, 1], 0);
        assert!((0..5).all(|_| balancer.choose(&ups, &[]) == Some(1)));
    }
}
