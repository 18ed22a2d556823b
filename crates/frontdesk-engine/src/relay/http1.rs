//! A target that speaks HTTP/1, for a client that speaks HTTP/2.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use frontdesk_http::{
    ChunkDecoder, Framing, HeadLimits, Known, Parsed, ResponseFraming, ResponseHead, TrailerLimits,
    Upgrade, parse_response,
};
use frontdesk_policies::Exchange;
use frontdesk_upstream::Upstream;

use super::{Piece, TargetStop};
use crate::forward::Retry;
use crate::h1::client::worth_parsing;
use crate::h1::connection::Connection;
use crate::h1::io as wire;
use crate::h1::pieces::{Sink, Source};
use crate::h1::response_body::ResponseStop;
use crate::thread::Thread;
use crate::websocket;

/// An exchange on a connection to the target.
pub(crate) struct Http1Target {
    conn: Connection,
    thread: Rc<Thread>,
    limits: HeadLimits,
    is_head: bool,
    sink: Sink,
    scanned: usize,
    /// Bytes of the last head in the buffer.
    head_length: usize,
    source: Source,
    /// Whether the connection was upgraded.
    switched: bool,
}

impl Http1Target {
    /// `out` holds the request's head.
    pub(crate) fn new(
        conn: Connection,
        thread: &Rc<Thread>,
        limits: HeadLimits,
        is_head: bool,
        framing: Framing,
        out: Vec<u8>,
    ) -> Http1Target {
        Http1Target {
            conn,
            thread: Rc::clone(thread),
            limits,
            is_head,
            sink: Sink::new(out, framing == Framing::Chunked),
            scanned: 0,
            head_length: 0,
            source: Source::Done,
            switched: false,
        }
    }

    /// Whether it agrees to the upgrade that was asked for, and to a WebSocket with the right answer
    /// (RFC 6455 §4.1).
    pub(super) fn agrees(&self, head: &ResponseHead, ex: &Exchange) -> bool {
        let field = |name| head.find(self.bytes(), name);
        let token = ex.head.get(Known::Upgrade).map(|f| f.value(&ex.bytes));
        let granted = token
            .zip(field(b"upgrade"))
            .is_some_and(|(asked, granted)| asked.eq_ignore_ascii_case(granted));
        let answered = ex.head.upgrade != Upgrade::WebSocket
            || ex
                .head
                .find(&ex.bytes, b"sec-websocket-key")
                .zip(field(b"sec-websocket-accept"))
                .is_some_and(|(key, answer)| websocket::accept(key).as_bytes() == answer);
        head.status == 101 && head.upgrade && granted && answered
    }

    pub(super) fn switch(&mut self) {
        self.conn.buf.consume(self.head_length);
        self.source = Source::UntilClose;
        self.switched = true;
    }

    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
    ) -> Poll<Result<(), ()>> {
        let polled = self.sink.poll_send(&mut self.conn.io, cx, data);
        polled.map_err(|_| ())
    }

    pub(super) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: &[u8],
    ) -> Poll<Result<(), ()>> {
        let polled = self.sink.poll_end(&mut self.conn.io, cx, trailers);
        if self.switched && matches!(polled, Poll::Ready(Ok(()))) {
            let polled = wire::poll_shutdown(&mut self.conn.io, cx);
            return polled.map_err(|_| ());
        }
        polled.map_err(|_| ())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let polled = self.sink.poll_flush(&mut self.conn.io, cx);
        polled.map_err(|_| ())
    }

    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), TargetStop>> {
        loop {
            let unread = self.conn.buf.unread();
            if !unread.is_empty() && worth_parsing(unread, &mut self.scanned, &self.limits) {
                match parse_response(unread, &self.limits, self.is_head, head) {
                    Ok(Parsed::Complete(length)) => {
                        self.head_length = length;
                        return Poll::Ready(Ok(()));
                    }
                    Ok(Parsed::Partial) => {}
                    Err(fault) => return Poll::Ready(Err(TargetStop::Malformed(fault))),
                }
            }
            self.conn.make_room(&self.thread.buffers);
            match ready!(wire::poll_read(&mut self.conn.io, &mut self.conn.buf, cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(TargetStop::Closed)),
                Ok(_) => {}
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.conn.buf.unread()
    }

    pub(super) fn head_done(&mut self, head: &ResponseHead) {
        self.conn.buf.consume(self.head_length);
        self.scanned = 0;
        self.source = match head.framing {
            ResponseFraming::None | ResponseFraming::Length(0) => Source::Done,
            ResponseFraming::Length(length) => Source::Length(length),
            ResponseFraming::Chunked => {
                let limits = TrailerLimits {
                    bytes: self.limits.head_bytes,
                    fields: self.limits.fields,
                };
                Source::Chunked(Box::new(ChunkDecoder::new(4 * 1024, limits)))
            }
            ResponseFraming::UntilClose => Source::UntilClose,
        };
    }

    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ResponseStop>> {
        loop {
            if let Some(piece) = self
                .source
                .next(&mut self.conn.buf)
                .map_err(ResponseStop::Malformed)?
            {
                return Poll::Ready(Ok(piece));
            }
            self.conn.make_room(&self.thread.buffers);
            match ready!(wire::poll_read(&mut self.conn.io, &mut self.conn.buf, cx)) {
                Ok(0) if matches!(self.source, Source::UntilClose) => self.source = Source::Done,
                Ok(0) | Err(_) => return Poll::Ready(Err(ResponseStop::Truncated)),
                Ok(_) => {}
            }
        }
    }

    pub(super) fn retry(&self) -> Retry {
        match (self.sink.sent_any, self.conn.reused) {
            _ if !self.conn.buf.is_empty() => Retry::Never,
            (false, _) => Retry::Safe,
            (true, true) => Retry::Stale,
            (true, false) => Retry::IfIdempotent,
        }
    }

    /// Gives the connection back after a complete, clean exchange; `whole` says that the request was sent.
    pub(super) fn release(
        mut self,
        upstream: &Upstream,
        head: &ResponseHead,
        whole: bool,
        thread: &Thread,
    ) {
        let clean = whole && head.keep_alive && self.conn.buf.is_empty();
        let buf = std::mem::take(&mut self.conn.buf);
        thread.buffers.give(buf);
        thread.buffers.give_scratch(self.sink.out);
        if clean && head.framing != ResponseFraming::UntilClose {
            upstream.checkin(self.conn.io, thread.clock.now());
        }
    }
}
