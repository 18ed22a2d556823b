//! Exchanges in which a side speaks HTTP/2. Bodies pass in pieces that each side encodes for itself; both
//! directions are driven by one future. Between two HTTP/1 sides bytes go another, shorter way (`h1`).

mod attempt;
mod http1;
mod http2;
mod open;
mod pieces;

use std::task::{Context, Poll};

use bytes::Bytes;
use frontdesk_http::ResponseHead;
use frontdesk_policies::{Code, Exchange};

pub(crate) use attempt::run;
pub(crate) use http2::{PieceStop, poll_piece, poll_send, send_end};
pub(crate) use open::{open, request};
pub(crate) use pieces::RequestPieces;

use self::http1::Http1Target;
use self::http2::Http2Target;
use crate::exchange::Downstream;
use crate::forward::Retry;
use crate::h1::request_body::RequestStop;
use crate::h1::response_body::ResponseStop;

/// A part of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Some of it; `last` where neither more nor trailers follow.
    Data { data: Bytes, last: bool },
    /// The end, with the trailer lines that may pass.
    End(Vec<u8>),
}

/// What the client's side of a relayed exchange can do beyond [`Downstream`].
pub(crate) trait ClientSide: Downstream {
    /// The next part of the request's body.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, RequestStop>>;

    /// So many bytes of the body have found room at the target: as many more may come.
    fn taken(&mut self, bytes: usize);

    /// Whether the client is gone. Asked while the target works.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool;

    /// Sends an interim response.
    async fn interim(&mut self, head: &ResponseHead, bytes: &[u8]) -> Result<(), ResponseStop>;

    /// Begins the response; `whole` says that the request's body has come to its end.
    fn respond(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
        whole: bool,
    ) -> Result<(), ResponseStop>;

    /// Tells the client that its upgrade was agreed on.
    fn agree(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
    ) -> Result<(), ResponseStop>;

    /// The status that says so.
    fn agreed_status(&self) -> u16;

    /// Sends a part of the response's body, all of it in the end; nothing follows the last one, but
    /// [`ClientSide::poll_end`] is called all the same.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), ResponseStop>>;

    /// Ends the response.
    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8])
    -> Poll<Result<(), ResponseStop>>;

    /// Sends on what waits to be sent; not called after the end.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ResponseStop>>;

    /// Makes it visible that the response is cut, and to a gRPC client why.
    fn cut(&mut self, ex: &Exchange, code: Code) -> Self::After;

    /// After a complete response; `whole` as in [`ClientSide::respond`].
    fn complete(&mut self, whole: bool) -> Self::After;
}

/// The target's side.
pub(crate) enum Target {
    Http1(Box<Http1Target>),
    Http2(Box<Http2Target>),
}

/// Why the target's side failed before its response.
pub(crate) enum TargetStop {
    /// It has not seen the request and never will.
    Refused,
    /// It closed or reset.
    Closed,
    Malformed(frontdesk_http::Fault),
}

impl Target {
    /// Takes a part of the request's body, all of it in the end. An error says that it takes no more; its
    /// response may be there all the same.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), ()>> {
        match self {
            Target::Http1(target) => target.poll_send(cx, data),
            Target::Http2(target) => target.poll_send(cx, data, last),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), ()>> {
        match self {
            Target::Http1(target) => target.poll_end(cx, trailers),
            Target::Http2(target) => target.poll_end(trailers),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        match self {
            Target::Http1(target) => target.poll_flush(cx),
            Target::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// A response head, which may be an interim one; its bytes are [`Target::bytes`].
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), TargetStop>> {
        match self {
            Target::Http1(target) => target.poll_head(cx, head),
            Target::Http2(target) => target.poll_head(cx, head),
        }
    }

    /// What the last head points into.
    fn bytes(&self) -> &[u8] {
        match self {
            Target::Http1(target) => target.bytes(),
            Target::Http2(target) => target.bytes(),
        }
    }

    /// Drops the bytes of the last head. The final one is followed by the body.
    fn head_done(&mut self, head: &ResponseHead) {
        match self {
            Target::Http1(target) => target.head_done(head),
            Target::Http2(_) => {}
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ResponseStop>> {
        match self {
            Target::Http1(target) => target.poll_body(cx),
            Target::Http2(target) => target.poll_body(cx),
        }
    }

    /// Whether the request may be sent again after this target has closed without an answer.
    fn retry(&self) -> Retry {
        match self {
            Target::Http1(target) => target.retry(),
            Target::Http2(_) => Retry::IfIdempotent,
        }
    }

    /// Whether it agrees to the upgrade that was asked for.
    fn agrees(&self, head: &ResponseHead, ex: &Exchange) -> bool {
        match self {
            Target::Http1(target) => target.agrees(head, ex),
            // RFC 8441 §4: by any success.
            Target::Http2(_) => head.status < 300,
        }
    }

    /// It has agreed: what follows is no message any more.
    fn switch(&mut self, head: &ResponseHead) {
        match self {
            Target::Http1(target) => target.switch(),
            Target::Http2(_) => self.head_done(head),
        }
    }

    /// It was silent for too long.
    fn doubt(&self) {
        match self {
            // Its connection serves nobody else, and is closed.
            Target::Http1(_) => {}
            Target::Http2(target) => target.doubt(),
        }
    }

    /// So many bytes of the response's body have found room at the client.
    fn taken(&mut self, bytes: usize) {
        match self {
            Target::Http1(_) => {}
            Target::Http2(target) => target.taken(bytes),
        }
    }
}
