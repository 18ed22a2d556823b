//! HTTP/1 on both sides: connections, bodies, forwarding. What a request means is decided elsewhere.

pub(crate) mod answering;
pub(crate) mod attempt;
pub(crate) mod chunked;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod deliver;
pub(crate) mod head;
pub(crate) mod io;
pub(crate) mod pieces;
pub(crate) mod proxy_protocol;
pub(crate) mod request_body;
pub(crate) mod response_body;
pub(crate) mod side;
pub(crate) mod transfer;
pub(crate) mod tunnel;
