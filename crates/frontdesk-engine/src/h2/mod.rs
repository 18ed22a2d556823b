//! HTTP/2 on both sides: connections and streams over the h2 crate, with limits of our own around it.

pub(crate) mod guard;
pub(crate) mod head;
pub(crate) mod server;
pub(crate) mod stream;
