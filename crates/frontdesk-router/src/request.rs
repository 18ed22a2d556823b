//! What the router needs to know of a request.

/// A request as the router sees it. Implemented by the engine's exchange, whatever the protocol.
pub trait RequestView {
    /// The host without port as it was sent, in any case; an IPv6 literal with or without brackets.
    /// `None` for an HTTP/1.0 request without Host, which only rules without a host rule take.
    fn host(&self) -> Option<&[u8]>;

    /// The method token, case-sensitive (RFC 9110 §9.1).
    fn method(&self) -> &[u8];

    /// The canonical path, see [`crate::canonicalize`].
    fn path(&self) -> &[u8];

    /// The query without its `?`; `None` where the target has none.
    fn query(&self) -> Option<&[u8]>;

    /// The first value of a field. `name` is lower case.
    fn header(&self, name: &str) -> Option<&[u8]>;
}
