//! The request on its way up, in pieces.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::{ClientSide, Piece, Target};
use crate::build::ListenerConfig;
use crate::clock::{Clock, NEVER, TICK_MS, Tick};
use crate::h1::request_body::{BodyState, RequestStop};

/// What is known of the request's body over all attempts.
pub(crate) struct RequestPieces {
    /// Taken from the client and not yet by the target.
    data: Bytes,
    end: Option<Vec<u8>>,
    finished: bool,
    /// The target takes no more; only its response matters now.
    broken: bool,
    /// Body bytes so far.
    pub(crate) received: u64,
    limit: u64,
    began: Tick,
    deadline: Tick,
}

impl RequestPieces {
    pub(crate) fn new(
        clock: &Clock,
        listener: &ListenerConfig,
        limit: u64,
        has_body: bool,
    ) -> RequestPieces {
        RequestPieces {
            data: Bytes::new(),
            end: (!has_body).then(Vec::new),
            finished: false,
            broken: false,
            received: 0,
            limit,
            began: clock.now(),
            deadline: clock.after(listener.body_idle),
        }
    }

    /// Whether nothing more is sent to the target.
    pub(crate) fn is_over(&self) -> bool {
        self.finished || self.broken
    }

    /// Whether everything was handed to the target.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the client's body has come to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether another attempt can send the whole request: nothing of its body was taken.
    pub(crate) fn is_untouched(&self) -> bool {
        self.received == 0
    }

    pub(crate) fn state(&self) -> BodyState {
        match (&self.end, self.received) {
            (Some(_), _) => BodyState::Read,
            (None, 0) => BodyState::Untouched,
            (None, _) => BodyState::Partial,
        }
    }

    /// When this side has waited too long.
    pub(crate) fn deadline(&self) -> Tick {
        if self.is_over() { NEVER } else { self.deadline }
    }

    /// Sends as much as goes. An error is the client's.
    pub(crate) fn poll<S: ClientSide>(
        &mut self,
        cx: &mut Context<'_>,
        side: &mut S,
        target: &mut Target,
    ) -> Result<(), RequestStop> {
        while !self.is_over() {
            let before = self.data.len();
            let polled = match &self.end {
                end if before > 0 => target.poll_send(cx, &mut self.data, end.is_some()),
                Some(trailers) => target.poll_end(cx, trailers),
                None => {
                    if !self.poll_client(cx, side, target)? {
                        return Ok(());
                    }
                    continue;
                }
            };
            let moved = before - self.data.len();
            if moved > 0 {
                side.taken(moved);
                self.deadline = side.thread().clock.after(side.listener().body_idle);
            }
            match polled {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(())) => self.broken = true,
                Poll::Ready(Ok(())) => self.finished = before == 0,
            }
        }
        Ok(())
    }

    /// Takes the next piece; false if there is none now.
    fn poll_client<S: ClientSide>(
        &mut self,
        cx: &mut Context<'_>,
        side: &mut S,
        target: &mut Target,
    ) -> Result<bool, RequestStop> {
        match side.poll_body(cx) {
            Poll::Ready(Ok(Piece::Data { data, last })) => {
                self.end = last.then(Vec::new);
                self.received += data.len() as u64;
                if self.received > self.limit {
                    return Err(RequestStop::TooLarge);
                }
                self.data = data;
                self.deadline = side.thread().clock.after(side.listener().body_idle);
                Ok(true)
            }
            Poll::Ready(Ok(Piece::End(trailers))) => {
                self.end = Some(trailers);
                Ok(true)
            }
            Poll::Ready(Err(stop)) => Err(stop),
            Poll::Pending => {
                self.broken = matches!(target.poll_flush(cx), Poll::Ready(Err(())));
                let now = side.thread().clock.now();
                let floor = self.floor_deadline(side.listener());
                if now >= self.deadline || now >= floor {
                    return Err(RequestStop::TooSlow);
                }
                self.deadline = self.deadline.min(floor);
                Ok(false)
            }
        }
    }

    /// The tick at which the bytes so far fall below the floor, as in `h1::request_body`.
    fn floor_deadline(&self, listener: &ListenerConfig) -> Tick {
        if listener.body_min_rate == 0 {
            return NEVER;
        }
        let earned = (self.received / listener.body_min_rate).saturating_mul(1000 / TICK_MS);
        self.began
            .saturating_add(listener.body_min_rate_after)
            .saturating_add(earned)
    }
}
