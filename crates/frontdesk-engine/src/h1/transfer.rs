//! Both directions of one attempt, driven by one future: no channel, no second task.

use std::future::poll_fn;
use std::task::{Context, Poll};

use frontdesk_http::{Fault, Parsed, ResponseHead, parse_response};
use frontdesk_policies::Code;

use super::client::{Client, worth_parsing};
use super::connection::Connection;
use super::io as wire;
use super::request_body::{RequestBody, RequestStop};
use super::response_body::{ResponseBody, ResponseStop};
use crate::build::Service;
use crate::clock::{NEVER, Tick};

/// Why an attempt ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Request(RequestStop),
    Response(ResponseStop),
    /// The target closed or reset before a response head.
    NoResponse,
    /// The target has not seen the request and never will.
    Refused,
    /// The target's head is malformed.
    Malformed(Fault),
    /// No response head in time.
    FirstByte,
    /// The target stalled within a body.
    Stalled,
    /// The service's total timeout.
    Total,
    /// The client does not read.
    ClientStalled,
}

impl Stop {
    /// The code, and what a codec found, while nothing of the response has gone out.
    pub(crate) fn meaning(&self) -> (Code, Option<Fault>) {
        match self {
            Stop::Request(RequestStop::ClientGone)
            | Stop::Response(ResponseStop::Client)
            | Stop::ClientStalled => (Code::ClientClosed, None),
            Stop::Request(RequestStop::Malformed(fault)) => (Code::MalformedRequest, Some(*fault)),
            Stop::Request(RequestStop::TooLarge) => (Code::BodyTooLarge, None),
            Stop::Request(RequestStop::TooSlow) => (Code::RequestTimeout, None),
            Stop::Request(RequestStop::Upstream)
            | Stop::NoResponse
            | Stop::Refused
            | Stop::Response(ResponseStop::Truncated) => (Code::UpstreamReset, None),
            Stop::Malformed(fault) | Stop::Response(ResponseStop::Malformed(fault)) => {
                (Code::UpstreamMalformed, Some(*fault))
            }
            Stop::FirstByte | Stop::Stalled => (Code::UpstreamTimeout, None),
            Stop::Total => (Code::UpstreamTotalTimeout, None),
        }
    }

    /// Whether the target has said nothing for too long. A deadline of the client's own proves no such thing.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Stop::FirstByte | Stop::Stalled)
    }

    /// The same once the response's head has gone out, so that the client sees a cut.
    pub(crate) fn meaning_of_cut(&self) -> (Code, Option<Fault>) {
        match self.meaning() {
            (Code::UpstreamReset, fault) => (Code::UpstreamTruncated, fault),
            _ if matches!(self, Stop::ClientStalled) => (Code::WriteTimeout, None),
            other => other,
        }
    }
}

/// One attempt in progress.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) up: &'a mut Connection,
    pub(crate) request: &'a mut RequestBody,
    pub(crate) service: &'a Service,
    /// Tick at which the service's total time is over.
    pub(crate) total: Tick,
    pub(crate) is_head: bool,
    /// The target takes no more of the request; only its response matters now.
    pub(crate) request_broken: bool,
}

/// What the wait for a head remembers between polls.
struct HeadWait {
    deadline: Tick,
    scanned: usize,
}

impl Transfer<'_> {
    /// Sends the request and waits for a response head, which may be an interim one. Returns its length
    /// in the target's buffer.
    pub(crate) async fn head(&mut self, head: &mut ResponseHead) -> Result<usize, Stop> {
        let mut wait = HeadWait {
            deadline: NEVER,
            scanned: 0,
        };
        poll_fn(|cx| self.poll_head(cx, head, &mut wait)).await
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        wait: &mut HeadWait,
    ) -> Poll<Result<usize, Stop>> {
        if let Err(stop) = self.poll_request(cx) {
            return Poll::Ready(Err(stop));
        }
        let clock = &self.client.thread.clock;
        if wait.deadline == NEVER && (self.request.is_finished() || self.request_broken) {
            wait.deadline = clock.after(self.service.first_byte);
        }
        loop {
            let unread = self.up.buf.unread();
            let limits = &self.service.limits;
            if !unread.is_empty() && worth_parsing(unread, &mut wait.scanned, limits) {
                match parse_response(unread, limits, self.is_head, head) {
                    Ok(Parsed::Complete(length)) => return Poll::Ready(Ok(length)),
                    Ok(Parsed::Partial) => {}
                    Err(fault) => return Poll::Ready(Err(Stop::Malformed(fault))),
                }
            }
            self.up.make_room(&self.client.thread.buffers);
            match wire::poll_read(&mut self.up.io, &mut self.up.buf, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Stop::NoResponse)),
                Poll::Ready(Ok(_)) => self.up.note_read(),
                Poll::Pending => break,
            }
        }
        if let Err(stop) = self.watch_client(cx) {
            return Poll::Ready(Err(stop));
        }
        self.wait(wait.deadline, Stop::FirstByte)
    }

    /// Sends the response body, and what is left of the request.
    pub(crate) async fn body(&mut self, body: &mut ResponseBody) -> Result<(), Stop> {
        let clock = &self.client.thread.clock;
        let mut last = clock.now();
        poll_fn(|cx| {
            if let Err(stop) = self.poll_request(cx) {
                return Poll::Ready(Err(stop));
            }
            let mut moved = false;
            let polled = body.poll(cx, self.client, self.up, &mut moved);
            if moved {
                last = self.client.thread.clock.now();
            }
            match polled {
                Poll::Ready(result) => return Poll::Ready(result.map_err(Stop::Response)),
                Poll::Pending if body.waits_for_client => {
                    return self.wait(
                        last.saturating_add(self.client.listener.write_idle),
                        Stop::ClientStalled,
                    );
                }
                Poll::Pending => {}
            }
            if let Err(stop) = self.watch_client(cx) {
                return Poll::Ready(Err(stop));
            }
            self.wait(last.saturating_add(self.service.idle), Stop::Stalled)
        })
        .await
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        if self.request.is_finished() || self.request_broken {
            return Ok(());
        }
        match self.request.poll(cx, self.client, &mut self.up.io) {
            Poll::Ready(Err(RequestStop::Upstream)) => {
                // A target may answer and close without reading everything: the answer decides.
                self.request_broken = true;
                Ok(())
            }
            Poll::Ready(Err(stop)) => Err(Stop::Request(stop)),
            Poll::Pending if self.client.thread.clock.now() >= self.request.deadline() => {
                Err(Stop::Stalled)
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Notices a client that goes away while the target works. What it sends meanwhile is the next request.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        if !self.request.is_finished() || !self.client.make_room() {
            return Ok(());
        }
        let polled = wire::poll_read(&mut self.client.io, &mut self.client.inbuf, cx);
        self.client.release_buffer();
        match polled {
            Poll::Ready(Ok(0) | Err(_)) => Err(Stop::Request(RequestStop::ClientGone)),
            Poll::Ready(Ok(_)) => {
                // There may be more: come back for it.
                cx.waker().wake_by_ref();
                Ok(())
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Waits for the first of all deadlines that concern this attempt.
    fn wait<T>(&mut self, deadline: Tick, stop: Stop) -> Poll<Result<T, Stop>> {
        let now = self.client.thread.clock.now();
        if now >= deadline {
            return Poll::Ready(Err(stop));
        }
        if now >= self.total {
            return Poll::Ready(Err(Stop::Total));
        }
        let request = if self.request_broken {
            NEVER
        } else {
            self.request.deadline()
        };
        self.client.timer.arm(deadline.min(self.total).min(request));
        Poll::Pending
    }
}
