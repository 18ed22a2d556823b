//! Upstreams: the live side of a service's targets. Everything here belongs to one thread: pools, counters
//! and cursors are plain cells, nothing is shared and nothing is locked.

mod balance;
mod budget;
mod http2;
mod pool;
mod resolve;
mod schedule;

pub use balance::{Balance, Balancer};
pub use budget::RetryBudget;
pub use http2::Http2Place;
pub use pool::{
    ConnectFault, Connected, Idle, InFlight, PoolSettings, Protocol, Secure, TargetKey, Upstream,
};
pub use resolve::ResolveFault;
pub use schedule::Schedule;
