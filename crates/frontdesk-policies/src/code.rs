//! The one table of what can go wrong: code, status, title and Proxy-Status token.

/// Why the gateway answers by itself. A *rejection* is a policy's or a rule's no; a *fault* is something
/// that broke, at the client's side or upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says what each one means")]
#[repr(u8)]
pub enum Code {
    // The request as it came.
    MalformedRequest,
    HeadTooLarge,
    TargetTooLong,
    BodyTooLarge,
    RequestTimeout,
    UnsupportedCoding,
    UnsupportedMethod,
    UnsupportedVersion,
    ExpectationFailed,
    InvalidPath,
    LoopDetected,
    DeadlineExceeded,
    // Routing.
    RouteNotFound,
    MethodNotAllowed,
    // Policies.
    Forbidden,
    // Upstream.
    ConnectFailed,
    ConnectTimeout,
    NameNotResolved,
    UpstreamTlsFailed,
    UpstreamReset,
    UpstreamMalformed,
    UpstreamTimeout,
    UpstreamTotalTimeout,
    UpgradeRefused,
    NoHealthyTarget,
    // The gateway itself.
    Saturated,
    Internal,
    // Seen in logs only: nobody is left to answer.
    ClientClosed,
    UpstreamTruncated,
    WriteTimeout,
}

struct Row(Code, &'static str, u16, &'static str, Option<&'static str>);

/// Code, name, status, title, error type of RFC 9209 §2.3 where an upstream was involved.
const TABLE: &[Row] = &[
    Row(
        Code::MalformedRequest,
        "malformed_request",
        400,
        "Malformed request",
        None,
    ),
    Row(
        Code::HeadTooLarge,
        "head_too_large",
        431,
        "Request head too large",
        None,
    ),
    Row(
        Code::TargetTooLong,
        "target_too_long",
        414,
        "Request target too long",
        None,
    ),
    Row(
        Code::BodyTooLarge,
        "body_too_large",
        413,
        "Request body too large",
        None,
    ),
    Row(
        Code::RequestTimeout,
        "request_timeout",
        408,
        "Request too slow",
        None,
    ),
    Row(
        Code::UnsupportedCoding,
        "unsupported_coding",
        501,
        "Unsupported transfer coding",
        None,
    ),
    Row(
        Code::UnsupportedMethod,
        "unsupported_method",
        501,
        "Unsupported method",
        None,
    ),
    Row(
        Code::UnsupportedVersion,
        "unsupported_version",
        505,
        "HTTP version not supported",
        None,
    ),
    Row(
        Code::ExpectationFailed,
        "expectation_failed",
        417,
        "Expectation failed",
        None,
    ),
    Row(Code::InvalidPath, "invalid_path", 400, "Invalid path", None),
    Row(
        Code::LoopDetected,
        "loop_detected",
        508,
        "Loop detected",
        Some("proxy_loop_detected"),
    ),
    Row(
        Code::DeadlineExceeded,
        "deadline_exceeded",
        504,
        "The caller's deadline is over",
        None,
    ),
    Row(
        Code::RouteNotFound,
        "route_not_found",
        404,
        "No route for this host and path",
        None,
    ),
    Row(
        Code::MethodNotAllowed,
        "method_not_allowed",
        405,
        "Method not allowed",
        None,
    ),
    Row(Code::Forbidden, "forbidden", 403, "Forbidden", None),
    Row(
        Code::ConnectFailed,
        "connect_failed",
        502,
        "Upstream refused the connection",
        Some("connection_refused"),
    ),
    Row(
        Code::ConnectTimeout,
        "connect_timeout",
        504,
        "Upstream did not accept in time",
        Some("connection_timeout"),
    ),
    Row(
        Code::NameNotResolved,
        "name_not_resolved",
        502,
        "Upstream name not resolved",
        Some("dns_error"),
    ),
    Row(
        Code::UpstreamTlsFailed,
        "upstream_tls_failed",
        502,
        "Upstream could not be reached securely",
        Some("tls_protocol_error"),
    ),
    Row(
        Code::UpstreamReset,
        "upstream_reset",
        502,
        "Upstream closed the connection",
        Some("connection_terminated"),
    ),
    Row(
        Code::UpstreamMalformed,
        "upstream_malformed",
        502,
        "Upstream sent a malformed response",
        Some("http_protocol_error"),
    ),
    Row(
        Code::UpstreamTimeout,
        "upstream_timeout",
        504,
        "Upstream did not answer in time",
        Some("http_response_timeout"),
    ),
    Row(
        Code::UpstreamTotalTimeout,
        "upstream_total_timeout",
        504,
        "Upstream took too long",
        Some("http_response_timeout"),
    ),
    Row(
        Code::UpgradeRefused,
        "upgrade_refused",
        502,
        "Upstream switched protocols unasked",
        Some("http_upgrade_failed"),
    ),
    Row(
        Code::NoHealthyTarget,
        "no_healthy_target",
        503,
        "No target available",
        Some("destination_unavailable"),
    ),
    Row(
        Code::Saturated,
        "saturated",
        503,
        "Gateway saturated",
        Some("connection_limit_reached"),
    ),
    Row(
        Code::Internal,
        "internal",
        500,
        "Internal error",
        Some("proxy_internal_error"),
    ),
    Row(
        Code::ClientClosed,
        "client_closed",
        499,
        "Client closed the connection",
        None,
    ),
    Row(
        Code::UpstreamTruncated,
        "upstream_truncated",
        502,
        "Upstream body was cut",
        Some("http_response_incomplete"),
    ),
    Row(
        Code::WriteTimeout,
        "write_timeout",
        499,
        "Client did not read",
        None,
    ),
];

impl Code {
    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// All codes, in the order of the table.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| row.0)
    }

    /// The stable name, as in logs, metrics and the problem's `type`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The status of the answer.
    pub fn status(self) -> u16 {
        self.row().2
    }

    /// One line for people.
    pub fn title(self) -> &'static str {
        self.row().3
    }

    /// The error type of RFC 9209 §2.3, where an upstream was involved.
    pub fn proxy_status(self) -> Option<&'static str> {
        self.row().4
    }
}

/// An answer of the gateway's own instead of the upstream's.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// What kind of answer.
    pub code: Code,
    /// One sentence for the client: what was found, what was expected. Never an internal address.
    pub detail: String,
    /// Extra response fields, such as `allow` or `www-authenticate`.
    pub fields: Vec<(&'static str, String)>,
}

impl Rejection {
    /// A rejection without extra fields.
    pub fn new(code: Code, detail: impl Into<String>) -> Rejection {
        Rejection {
            code,
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// The same with one more response field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Rejection {
        self.fields.push((name, value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_at_its_own_place() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, index, "{} is out of place", row.1);
        }
        assert_eq!(TABLE.len(), Code::WriteTimeout as usize + 1);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = Code::all().map(Code::name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(before, names.len());
    }
}
