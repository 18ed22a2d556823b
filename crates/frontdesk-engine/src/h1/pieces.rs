//! Bodies of HTTP/1 in pieces, for exchanges whose other side speaks HTTP/2.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use frontdesk_http::{ChunkDecoder, ChunkEvent, Fault};
use frontdesk_tls::Stream;

use super::chunked::write_chunk;
use super::io as wire;
use crate::buffers::{Buf, SMALL};
use crate::relay::Piece;

/// Data up to this size is copied behind what waits already.
const COPY: usize = 4 * 1024;

/// A body that is being read.
pub(crate) enum Source {
    Done,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
}

impl Source {
    /// The next piece of what stands in the buffer, if there is one.
    pub(crate) fn next(&mut self, buf: &mut Buf) -> Result<Option<Piece>, Fault> {
        loop {
            let mut last = false;
            let size = match self {
                Source::Done => return Ok(Some(Piece::End(Vec::new()))),
                _ if buf.is_empty() => return Ok(None),
                Source::UntilClose => buf.len(),
                Source::Length(left) => {
                    let size = (buf.len() as u64).min(*left);
                    *left -= size;
                    if *left == 0 {
                        last = true;
                        *self = Source::Done;
                    }
                    size as usize
                }
                Source::Chunked(decoder) => match decoder.decode(buf.unread())? {
                    ChunkEvent::NeedMore { consumed } => {
                        buf.consume(consumed);
                        if consumed == 0 {
                            return Ok(None);
                        }
                        continue;
                    }
                    ChunkEvent::Data { skip, len } => {
                        buf.consume(skip);
                        len
                    }
                    ChunkEvent::End { consumed } => {
                        buf.consume(consumed);
                        let lines = trailer_lines(decoder);
                        *self = Source::Done;
                        return Ok(Some(Piece::End(lines)));
                    }
                },
            };
            let data = Bytes::copy_from_slice(&buf.unread()[..size]);
            buf.consume(size);
            return Ok(Some(Piece::Data { data, last }));
        }
    }
}

fn trailer_lines(decoder: &ChunkDecoder) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in decoder.trailers() {
        for part in [name, b": ", value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    lines
}

/// A message that is being written.
pub(crate) struct Sink {
    /// The head, and what was encoded behind it.
    pub(crate) out: Vec<u8>,
    written: usize,
    /// Whether the body goes in chunks; no more after its end.
    pub(crate) chunks: bool,
    /// Whether the socket has taken any byte.
    pub(crate) sent_any: bool,
}

impl Sink {
    /// `out` holds the head, or will.
    pub(crate) fn new(out: Vec<u8>, chunks: bool) -> Sink {
        Sink {
            out,
            written: 0,
            chunks,
            sent_any: false,
        }
    }

    /// Takes data, all of it in the end. Small pieces are collected.
    pub(crate) fn poll_send(
        &mut self,
        io: &mut Stream,
        cx: &mut Context<'_>,
        data: &mut Bytes,
    ) -> Poll<io::Result<()>> {
        while !data.is_empty() {
            let waits = self.out.len() - self.written;
            if (self.chunks || data.len() <= COPY) && waits < SMALL {
                if self.chunks {
                    write_chunk(&mut self.out, data);
                } else {
                    self.out.extend_from_slice(data);
                }
                data.clear();
            } else if waits > 0 || self.chunks {
                ready!(self.poll_flush(io, cx))?;
            } else {
                let n = ready!(wire::poll_write(io, data, cx))?;
                self.sent_any = true;
                data.advance(n);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the body and sends everything.
    pub(crate) fn poll_end(
        &mut self,
        io: &mut Stream,
        cx: &mut Context<'_>,
        trailers: &[u8],
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.chunks) {
            for part in [b"0\r\n", trailers, b"\r\n"] {
                self.out.extend_from_slice(part);
            }
        }
        self.poll_flush(io, cx)
    }

    /// Sends what was collected.
    pub(crate) fn poll_flush(
        &mut self,
        io: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            self.written += ready!(wire::poll_write(io, &self.out[self.written..], cx))?;
            self.sent_any = true;
        }
        self.out.clear();
        self.written = 0;
        wire::poll_flush(io, cx)
    }
}
