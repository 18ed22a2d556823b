//! The request on its way up, in pieces.

use std::task::{Context, Poll};

use bytes::Bytes;
use frontdesk_http::Framing;
use frontdesk_policies::Exchange;

use super::{ClientSide, Piece, Target};
use crate::build::ListenerConfig;
use crate::clock::{Clock, NEVER, TICK_MS, Tick};
use crate::forward::Plan;
use crate::grpc_web::Transform;
use crate::h1::request_body::{BodyState, RequestStop};
use crate::websocket::{Conversation, End};

/// Bytes of a body that are kept for another attempt. A longer body is sent once.
const KEPT: usize = 16 * 1024;

/// How far the request has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing of its body is sent before the target has agreed to an upgrade.
    Held,
    Sending,
    /// Everything was handed to the target.
    Finished,
    /// The target takes no more; only its response matters now.
    Broken,
}

/// What is known of the request's body over all attempts.
pub(crate) struct RequestPieces {
    /// Taken from the client and not yet by the target.
    data: Bytes,
    /// All that was taken from the client, while that is little and there may be another attempt.
    kept: Option<Vec<u8>>,
    /// Bytes of `data` for which the client gets no room: an attempt before has taken them already, or they are
    /// the gateway's own.
    repeated: usize,
    end: Option<Vec<u8>>,
    stage: Stage,
    /// Body bytes so far.
    pub(crate) received: u64,
    limit: u64,
    /// Ticks without progress, and bytes per second, that are borne.
    idle: Tick,
    min_rate: u64,
    is_conversation: bool,
    web: Option<Transform>,
    began: Tick,
    deadline: Tick,
}

impl RequestPieces {
    pub(crate) fn new(ex: &Exchange, listener: &ListenerConfig, plan: &Plan<'_>) -> RequestPieces {
        let has_body = !matches!(ex.head.framing, Framing::None | Framing::Length(0));
        let clock = &plan.thread.clock;
        // A gRPC call is a conversation: a caller that listens is not slow.
        let (idle, min_rate) = if ex.grpc {
            (plan.service.idle, 0)
        } else {
            (listener.body_idle, listener.body_min_rate)
        };
        RequestPieces {
            data: Bytes::new(),
            kept: Some(Vec::new()),
            repeated: 0,
            end: (!has_body).then(Vec::new),
            stage: Stage::Sending,
            received: 0,
            limit: plan.route.max_body,
            idle,
            min_rate,
            is_conversation: ex.grpc,
            web: Transform::of(ex),
            began: clock.now(),
            deadline: clock.after(idle),
        }
    }

    /// For an upgraded connection: whatever either side sends, for as long as it likes.
    pub(crate) fn of_upgrade(ex: &Exchange, listener: &ListenerConfig, plan: &Plan<'_>) -> Self {
        RequestPieces {
            end: None,
            stage: Stage::Held,
            limit: u64::MAX,
            idle: NEVER,
            min_rate: 0,
            deadline: NEVER,
            ..RequestPieces::new(ex, listener, plan)
        }
    }

    /// The target has answered: there is no other attempt. Where it has not agreed to an upgrade there is no body.
    pub(crate) fn settle(&mut self, agreed: bool) {
        self.kept = None;
        if self.stage == Stage::Held {
            self.stage = if agreed {
                Stage::Sending
            } else {
                Stage::Finished
            };
        }
    }

    /// Whether the target is to answer before more is sent.
    pub(crate) fn is_held(&self) -> bool {
        self.stage == Stage::Held
    }

    /// Whether nothing more is sent to the target.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Finished | Stage::Broken)
    }

    /// Whether everything was handed to the target.
    pub(crate) fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Whether the client's body has come to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether another attempt can send the whole request: what was taken of its body is at hand.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.received == 0 || self.kept.is_some()
    }

    /// For another attempt: the body from its beginning.
    pub(crate) fn again(mut self, clock: &Clock) -> RequestPieces {
        let kept = self.kept.as_deref().unwrap_or_default();
        self.repeated = kept.len().saturating_sub(self.data.len());
        self.data = Bytes::copy_from_slice(kept);
        self.stage = Stage::Sending;
        self.deadline = clock.after(self.idle);
        self
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

    /// The response has moved on: in a conversation that is progress of both sides.
    pub(crate) fn touch(&mut self, clock: &Clock) {
        if self.is_conversation {
            self.deadline = clock.after(self.idle);
        }
    }

    /// Sends as much as goes. An error is the client's.
    pub(crate) fn poll<S: ClientSide>(
        &mut self,
        cx: &mut Context<'_>,
        side: &mut S,
        target: &mut Target,
        talk: &mut Option<Conversation>,
    ) -> Result<(), RequestStop> {
        if self.stage == Stage::Held {
            // A target that is gone shows when its response is read.
            let _ = target.poll_flush(cx);
            return Ok(());
        }
        while !self.is_over() {
            if self.data.is_empty()
                && self.end.is_none()
                && let Some(talk) = talk
                && let Some(frame) = talk.due(End::Target, side.thread())
            {
                self.repeated += frame.len();
                self.data = frame.into();
            }
            let before = self.data.len();
            let polled = match &self.end {
                end if before > 0 => target.poll_send(cx, &mut self.data, end.is_some()),
                Some(trailers) => target.poll_end(cx, trailers),
                None => {
                    if !self.poll_client(cx, side, target, talk)? {
                        return Ok(());
                    }
                    continue;
                }
            };
            let moved = before - self.data.len();
            if moved > 0 {
                let repeated = moved.min(self.repeated);
                self.repeated -= repeated;
                if self.web.is_none() {
                    side.taken(moved - repeated);
                }
                self.deadline = side.thread().clock.after(self.idle);
            }
            match polled {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(())) => self.stage = Stage::Broken,
                Poll::Ready(Ok(())) if before == 0 => self.stage = Stage::Finished,
                Poll::Ready(Ok(())) => {}
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
        talk: &mut Option<Conversation>,
    ) -> Result<bool, RequestStop> {
        match side.poll_body(cx) {
            Poll::Ready(Ok(Piece::Data { mut data, last })) => {
                if let Some(talk) = talk {
                    let pass = talk.heard(End::Client, &data, side.thread());
                    side.taken(data.len() - pass);
                    data.truncate(pass);
                }
                let data = match &mut self.web {
                    None => data,
                    Some(web) => {
                        side.taken(data.len());
                        web.decode(data).map_err(RequestStop::Malformed)?
                    }
                };
                if last {
                    self.end = Some(self.ended(Vec::new())?);
                }
                self.received += data.len() as u64;
                if self.received > self.limit {
                    return Err(RequestStop::TooLarge);
                }
                if self.received > KEPT as u64 {
                    self.kept = None;
                } else if let Some(kept) = &mut self.kept {
                    kept.extend_from_slice(&data);
                }
                self.data = data;
                self.deadline = side.thread().clock.after(self.idle);
                Ok(true)
            }
            Poll::Ready(Ok(Piece::End(trailers))) => {
                self.end = Some(self.ended(trailers)?);
                Ok(true)
            }
            Poll::Ready(Err(stop)) => Err(stop),
            Poll::Pending => {
                if matches!(target.poll_flush(cx), Poll::Ready(Err(()))) {
                    self.stage = Stage::Broken;
                }
                let now = side.thread().clock.now();
                let floor = self.floor_deadline(side.listener().body_min_rate_after);
                if now >= self.deadline || now >= floor {
                    return Err(RequestStop::TooSlow);
                }
                self.deadline = self.deadline.min(floor);
                Ok(false)
            }
        }
    }

    fn ended(&self, trailers: Vec<u8>) -> Result<Vec<u8>, RequestStop> {
        if let Some(web) = &self.web {
            web.finish().map_err(RequestStop::Malformed)?;
        }
        Ok(trailers)
    }

    /// The tick at which the bytes so far fall below the floor, as in `h1::request_body`.
    fn floor_deadline(&self, grace: Tick) -> Tick {
        if self.min_rate == 0 {
            return NEVER;
        }
        let earned = (self.received / self.min_rate).saturating_mul(1000 / TICK_MS);
        self.began.saturating_add(grace).saturating_add(earned)
    }
}
