//! HTTP/1 on both sides: connections, bodies, forwarding. What a request means is decided elsewhere.

pub(crate) mod chunked;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod deliver;
pub(crate) mod exchange;
pub(crate) mod forward;
pub(crate) mod head;
pub(crate) mod io;
pub(crate) mod mirror;
pub(crate) mod proxy_protocol;
pub(crate) mod request_body;
pub(crate) mod response_body;
pub(crate) mod transfer;
pub(crate) mod tunnel;
