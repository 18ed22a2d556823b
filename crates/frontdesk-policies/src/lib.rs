//! Policies: one configured behaviour each, written once against the [`Exchange`], whatever protocol
//! carried the request.

mod code;
mod exchange;
mod ip_filter;

pub use code::{Code, Rejection};
pub use exchange::{Exchange, GrpcWeb, RequestId, Scheme};
pub use ip_filter::{IpFilter, NetSet, parse_net};

use std::future::Future;
use std::pin::Pin;

/// The names of all policies, in the order in which they run. The Python side has the same list with
/// the reason for each place.
pub const POLICIES: &[&str] = &["ip_filter"];

/// What a policy says of an exchange.
pub enum Flow<'a> {
    /// Go on with the next policy.
    Continue,
    /// Answer now; nothing is sent upstream.
    Reject(Box<Rejection>),
    /// Wait for something outside this thread. Only this variant costs an allocation.
    Suspend(Pin<Box<dyn Future<Output = Flow<'a>> + 'a>>),
}

/// A response head on its way to the client, as the response phase sees it.
pub struct Response<'a> {
    /// The parsed head; a policy removes fields by marking them.
    pub head: &'a mut frontdesk_http::ResponseHead,
    /// The bytes that the head's ranges point into.
    pub bytes: &'a [u8],
}

/// One configured behaviour at a scope. The default methods do nothing, so that a policy names
/// only the phases it takes part in.
pub trait Policy: Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &'static str;

    /// Before the target is chosen. May change the request or end the exchange.
    fn on_request<'a>(&'a self, _exchange: &'a mut Exchange) -> Flow<'a> {
        Flow::Continue
    }

    /// After the response head has come, in reverse order of the policies.
    fn on_response<'a>(
        &'a self,
        _exchange: &'a mut Exchange,
        _response: &'a mut Response<'_>,
    ) -> Flow<'a> {
        Flow::Continue
    }
}
