//! A target that speaks HTTP/2.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use frontdesk_http::{
    Fault, HeadLimits, Parsed, ResponseFraming, ResponseHead, TrailerLimits, Version,
    allowed_trailers, parse_response,
};
use frontdesk_upstream::Http2Place;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};

use super::{Piece, TargetStop};
use crate::h1::response_body::ResponseStop;
use crate::h2::head;

/// One stream to the target. Dropped before its end, it is reset.
pub(crate) struct Http2Target {
    response: ResponseFuture,
    send: SendStream<Bytes>,
    /// Whether the request's end has been sent.
    ended: bool,
    body: Option<RecvStream>,
    limits: HeadLimits,
    is_head: bool,
    /// The last head as lines.
    text: Vec<u8>,
    /// Given back with the stream.
    place: Http2Place,
}

impl Http2Target {
    pub(crate) fn new(
        (response, send): (ResponseFuture, SendStream<Bytes>),
        ended: bool,
        place: Http2Place,
        limits: HeadLimits,
        is_head: bool,
    ) -> Http2Target {
        Http2Target {
            response,
            send,
            ended,
            body: None,
            limits,
            is_head,
            text: Vec::new(),
            place,
        }
    }

    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), ()>> {
        self.ended |= last;
        poll_send(&mut self.send, cx, data, last).map_err(|_| ())
    }

    pub(super) fn poll_end(&mut self, trailers: &[u8]) -> Poll<Result<(), ()>> {
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(send_end(&mut self.send, trailers).map_err(|_| ()))
    }

    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), TargetStop>> {
        self.text.clear();
        if let Poll::Ready(Some(Ok(interim))) = self.response.poll_informational(cx) {
            head::write_response(&interim.into_parts().0, &mut self.text);
            return Poll::Ready(self.parse(head));
        }
        match ready!(std::pin::Pin::new(&mut self.response).poll(cx)) {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                head::write_response(&parts, &mut self.text);
                let ends = body.is_end_stream();
                self.body = Some(body);
                self.parse(head)?;
                if ends && head.framing == ResponseFraming::UntilClose {
                    head.framing = ResponseFraming::Length(0);
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(stop_of(&error))),
        }
    }

    fn parse(&self, head: &mut ResponseHead) -> Result<(), TargetStop> {
        match parse_response(&self.text, &self.limits, self.is_head, head) {
            Ok(Parsed::Complete(_)) if head.status == 101 => {
                // RFC 9113 §8.6: there is no such thing.
                Err(TargetStop::Malformed(Fault::StatusInvalid))
            }
            Ok(Parsed::Complete(_)) => {
                head.version = Version::Http2;
                Ok(())
            }
            Ok(Parsed::Partial) => Err(TargetStop::Malformed(Fault::HeadTooLarge)),
            Err(fault) => Err(TargetStop::Malformed(fault)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ResponseStop>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Ok(Piece::End(Vec::new())));
        };
        let limits = TrailerLimits {
            bytes: self.limits.head_bytes,
            fields: self.limits.fields,
        };
        poll_piece(body, limits, cx).map_err(|stop| match stop {
            PieceStop::Stream => ResponseStop::Truncated,
            PieceStop::Malformed(fault) => ResponseStop::Malformed(fault),
        })
    }

    pub(super) fn doubt(&self) {
        self.place.doubt();
    }

    pub(super) fn taken(&mut self, bytes: usize) {
        if let Some(body) = &mut self.body {
            // A stream that has ended meanwhile needs no room.
            let _ = body.flow_control().release_capacity(bytes);
        }
    }
}

fn stop_of(error: &h2::Error) -> TargetStop {
    let refused = error.reason() == Some(Reason::REFUSED_STREAM) && error.is_reset();
    // Streams that a GOAWAY ends are those that the target has not seen (RFC 9113 §6.8).
    if error.is_remote() && (refused || error.is_go_away()) {
        return TargetStop::Refused;
    }
    if error.is_remote() || error.is_io() {
        return TargetStop::Closed;
    }
    TargetStop::Malformed(Fault::Http2Protocol)
}

/// Why no piece came.
pub(crate) enum PieceStop {
    /// The stream or its connection failed.
    Stream,
    /// The trailers are not to be used.
    Malformed(Fault),
}

/// The next piece of a body.
pub(crate) fn poll_piece(
    body: &mut RecvStream,
    limits: TrailerLimits,
    cx: &mut Context<'_>,
) -> Poll<Result<Piece, PieceStop>> {
    match ready!(body.poll_data(cx)) {
        Some(Ok(data)) => {
            let last = body.is_end_stream();
            return Poll::Ready(Ok(Piece::Data { data, last }));
        }
        Some(Err(_)) => return Poll::Ready(Err(PieceStop::Stream)),
        None => {}
    }
    let mut lines = Vec::new();
    match ready!(body.poll_trailers(cx)) {
        Ok(Some(trailers)) => {
            let mut text = Vec::new();
            head::write_lines(&trailers, &mut text);
            allowed_trailers(&text, limits, &mut lines).map_err(PieceStop::Malformed)?;
        }
        Ok(None) => {}
        Err(_) => return Poll::Ready(Err(PieceStop::Stream)),
    }
    Poll::Ready(Ok(Piece::End(lines)))
}

/// Sends data as far as there is room, all of it in the end, and the stream's end with the last of it.
pub(crate) fn poll_send(
    send: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
    data: &mut Bytes,
    last: bool,
) -> Poll<Result<(), h2::Error>> {
    while !data.is_empty() {
        if send.capacity() == 0 {
            send.reserve_capacity(data.len());
            match ready!(send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
        let size = send.capacity().min(data.len());
        if size > 0 {
            let piece = data.split_to(size);
            send.send_data(piece, last && data.is_empty())?;
        }
    }
    Poll::Ready(Ok(()))
}

/// Ends a stream, with trailers if there are any.
pub(crate) fn send_end(send: &mut SendStream<Bytes>, trailers: &[u8]) -> Result<(), h2::Error> {
    if trailers.is_empty() {
        send.send_data(Bytes::new(), true)
    } else {
        send.send_trailers(head::fields(trailers))
    }
}
