//! The response on its way down: decoded from the target, encoded for the client.

use std::task::{Context, Poll, ready};

use frontdesk_http::{ChunkDecoder, ChunkEvent, Fault, ResponseFraming, TrailerLimits};

use super::chunked::{write_chunk, write_end};
use super::client::Client;
use super::connection::Connection;
use super::head::BodyFraming;
use super::io as wire;
use crate::buffers::{LARGE, SMALL};

/// Body bytes that are copied behind the head rather than written as a second piece.
const COPY: usize = 4 * 1024;
/// Encoded bytes that are collected before they are written.
const BATCH: usize = LARGE;

/// Why the response could not be sent to its end.
#[derive(Debug)]
pub(crate) enum ResponseStop {
    /// The target closed or reset before the end.
    Truncated,
    /// The target's chunks are malformed.
    Malformed(Fault),
    /// The client does not take more.
    Client,
}

enum Source {
    Done,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
}

/// The receiving side of an exchange, once its head is there.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, not a state machine"
)]
pub(crate) struct ResponseBody {
    source: Source,
    /// Whether the client gets chunks.
    chunks: bool,
    /// Whether the client takes trailers.
    trailers: bool,
    out: Vec<u8>,
    written: usize,
    started: bool,
    /// Body bytes handed to the client's socket or queued for it.
    pub(crate) sent: u64,
    /// Since when, in ticks, nothing has moved, and on whom it waits.
    pub(crate) waits_for_client: bool,
}

impl ResponseBody {
    /// Begins to send: `out` holds the head for the client.
    pub(crate) fn new(
        out: Vec<u8>,
        framing: ResponseFraming,
        client: BodyFraming,
        trailers: bool,
    ) -> ResponseBody {
        let source = match framing {
            ResponseFraming::None | ResponseFraming::Length(0) => Source::Done,
            ResponseFraming::Length(length) => Source::Length(length),
            ResponseFraming::Chunked => {
                // An upstream's extensions and trailers get the default bounds of a head.
                let limits = TrailerLimits {
                    bytes: 32 * 1024,
                    fields: 100,
                };
                Source::Chunked(Box::new(ChunkDecoder::new(4 * 1024, limits)))
            }
            ResponseFraming::UntilClose => Source::UntilClose,
        };
        let chunks = client == BodyFraming::Chunked;
        let mut body = ResponseBody {
            source,
            chunks,
            trailers,
            out,
            written: 0,
            started: false,
            sent: 0,
            waits_for_client: false,
        };
        if chunks && matches!(body.source, Source::Done) {
            write_end(&mut body.out, None);
        }
        body
    }

    /// Whether the client's socket has taken any byte.
    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    /// Gives back the buffer of encoded bytes.
    pub(crate) fn into_scratch(self) -> Vec<u8> {
        self.out
    }

    /// Sends as much as goes. `moved` is set when any byte did.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
        up: &mut Connection,
        moved: &mut bool,
    ) -> Poll<Result<(), ResponseStop>> {
        loop {
            self.waits_for_client = true;
            ready!(self.poll_write(cx, client, up, moved))?;
            self.waits_for_client = false;
            if matches!(self.source, Source::Done) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_source(cx, client, up, moved))?;
        }
    }

    /// Writes what there is: collected bytes, and body bytes straight from the target's buffer.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
        up: &mut Connection,
        moved: &mut bool,
    ) -> Poll<Result<(), ResponseStop>> {
        loop {
            self.encode(up)?;
            let direct = self.direct(up);
            let pending = &self.out[self.written..];
            let data = &up.buf.unread()[..direct];
            let polled = match (pending.is_empty(), data.is_empty()) {
                (true, true) => {
                    ready!(wire::poll_flush(&mut client.io, cx))
                        .map_err(|_| ResponseStop::Client)?;
                    self.out.clear();
                    self.written = 0;
                    return Poll::Ready(Ok(()));
                }
                (false, true) => wire::poll_write(&mut client.io, pending, cx),
                (true, false) => wire::poll_write(&mut client.io, data, cx),
                (false, false) => wire::poll_write_two(&mut client.io, pending, data, cx),
            };
            let n = ready!(polled).map_err(|_| ResponseStop::Client)?;
            *moved = true;
            self.started = true;
            let of_pending = n.min(pending.len());
            self.written += of_pending;
            self.take(up, n - of_pending);
        }
    }

    /// How many bytes of the target's buffer are body that goes to the client as it is.
    fn direct(&self, up: &Connection) -> usize {
        match self.source {
            _ if self.chunks => 0,
            Source::Length(left) => up
                .buf
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX)),
            Source::UntilClose => up.buf.len(),
            Source::Done | Source::Chunked(_) => 0,
        }
    }

    /// Counts body bytes as sent and drops them from the target's buffer.
    fn take(&mut self, up: &mut Connection, n: usize) {
        up.buf.consume(n);
        self.sent += n as u64;
        if let Source::Length(left) = &mut self.source {
            *left -= n as u64;
            if *left == 0 {
                self.source = Source::Done;
            }
        }
    }

    /// Moves bytes that need another form into `out`.
    fn encode(&mut self, up: &mut Connection) -> Result<(), ResponseStop> {
        let direct = self.direct(up);
        if direct > 0 && direct <= COPY && self.written < self.out.len() {
            self.out.extend_from_slice(&up.buf.unread()[..direct]);
            self.take(up, direct);
        }
        while !up.buf.is_empty() && self.out.len() < BATCH {
            match &mut self.source {
                Source::Chunked(decoder) => match decoder
                    .decode(up.buf.unread())
                    .map_err(ResponseStop::Malformed)?
                {
                    ChunkEvent::NeedMore { consumed } => {
                        up.buf.consume(consumed);
                        return Ok(());
                    }
                    ChunkEvent::Data { skip, len } => {
                        let data = &up.buf.unread()[skip..skip + len];
                        if self.chunks {
                            write_chunk(&mut self.out, data);
                        } else {
                            self.out.extend_from_slice(data);
                        }
                        up.buf.consume(skip + len);
                        self.sent += len as u64;
                    }
                    ChunkEvent::End { consumed } => {
                        up.buf.consume(consumed);
                        if self.chunks {
                            write_end(&mut self.out, self.trailers.then_some(&**decoder));
                        }
                        self.source = Source::Done;
                        return Ok(());
                    }
                },
                Source::UntilClose if self.chunks => {
                    write_chunk(&mut self.out, up.buf.unread());
                    let length = up.buf.len();
                    self.take(up, length);
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads more of the body from the target.
    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        up: &mut Connection,
        moved: &mut bool,
    ) -> Poll<Result<(), ResponseStop>> {
        self.size_buffer(client, up);
        match ready!(wire::poll_read(&mut up.io, &mut up.buf, cx)) {
            Ok(0) if matches!(self.source, Source::UntilClose) => {
                if self.chunks {
                    write_end(&mut self.out, None);
                }
                self.source = Source::Done;
                Poll::Ready(Ok(()))
            }
            Ok(0) | Err(_) => Poll::Ready(Err(ResponseStop::Truncated)),
            Ok(_) => {
                *moved = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// A long body gets a large buffer, at the latest once a read has filled the small one.
    fn size_buffer(&self, client: &Client, up: &mut Connection) {
        let buffers = &client.thread.buffers;
        let long =
            matches!(self.source, Source::Length(left) if left > LARGE as u64) || up.filled_once;
        if up.buf.is_empty() && (up.buf.is_vacant() || (long && up.buf.space().len() <= SMALL)) {
            let next = if long {
                buffers.large()
            } else {
                buffers.small()
            };
            buffers.give(std::mem::replace(&mut up.buf, next));
        } else if up.buf.space().is_empty() {
            up.buf.compact();
        }
    }
}
