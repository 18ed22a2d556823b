//! The request on its way up: head and body, decoded from the client and encoded for the target.

use std::task::{Context, Poll, ready};

use frontdesk_http::{ChunkDecoder, ChunkEvent, Fault, Framing};
use frontdesk_policies::Exchange;
use frontdesk_tls::Stream;

use super::chunked::{write_chunk, write_end};
use super::client::Client;
use super::io as wire;
use crate::buffers::{LARGE, SMALL};
use crate::clock::{NEVER, TICK_MS, Tick};

/// Encoded bytes that are collected before they are written.
const BATCH: usize = SMALL;

/// Why the request could not be sent to its end.
#[derive(Debug)]
pub(crate) enum RequestStop {
    /// The client went away.
    ClientGone,
    /// The client's body is malformed.
    Malformed(Fault),
    /// The body is longer than the route takes.
    TooLarge,
    /// The body came too slowly.
    TooSlow,
    /// The target does not take more; its response may be there all the same.
    Upstream,
}

/// How much of a request body is gone from the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyState {
    Untouched,
    Partial,
    Read,
}

enum Source {
    Done,
    Length(u64),
    Chunked(Box<ChunkDecoder>),
}

/// The sending side of one attempt.
pub(crate) struct RequestBody {
    source: Source,
    out: Vec<u8>,
    written: usize,
    /// Bytes of the body that are part of `out` and still stand in the client's buffer, for another attempt.
    replayable: usize,
    /// Whether the target's socket has taken any byte.
    pub(crate) sent_any: bool,
    /// Whether body bytes are gone from the client's buffer, so that no other attempt can send them.
    pub(crate) discarded: bool,
    /// Decoded body bytes so far.
    pub(crate) received: u64,
    limit: u64,
    began: Tick,
    deadline: Tick,
    finished: bool,
}

impl RequestBody {
    /// Begins to send: `out` holds the head. A body that is already whole in the client's buffer goes
    /// along with it.
    pub(crate) fn new(mut out: Vec<u8>, ex: &Exchange, client: &Client, limit: u64) -> RequestBody {
        let mut replayable = 0;
        let mut received = 0;
        let source = match ex.head.framing {
            Framing::None | Framing::Length(0) => Source::Done,
            Framing::Length(length) => {
                let waiting = client.inbuf.unread();
                if length <= BATCH as u64 && waiting.len() as u64 >= length {
                    replayable = length as usize;
                    received = length;
                    out.extend_from_slice(&waiting[..replayable]);
                    Source::Done
                } else {
                    Source::Length(length)
                }
            }
            Framing::Chunked => {
                let rest = client
                    .listener
                    .limits
                    .rest(ex.head_len, ex.head.fields.len());
                Source::Chunked(Box::new(ChunkDecoder::new(
                    client.listener.chunk_extensions,
                    rest,
                )))
            }
        };
        let began = client.thread.clock.now();
        RequestBody {
            source,
            out,
            written: 0,
            replayable,
            sent_any: false,
            discarded: false,
            received,
            limit,
            began,
            deadline: client.thread.clock.after(client.listener.body_idle),
            finished: false,
        }
    }

    /// Whether body bytes have yet to come from the client.
    pub(crate) fn expects_more(&self, client: &Client) -> bool {
        !matches!(self.source, Source::Done) && client.inbuf.is_empty()
    }

    /// Whether everything was handed to the target.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// When this side has waited too long.
    pub(crate) fn deadline(&self) -> Tick {
        if self.finished { NEVER } else { self.deadline }
    }

    /// Another attempt is not coming: what was kept for it is dropped.
    pub(crate) fn commit(&mut self, client: &mut Client) {
        client.inbuf.consume(self.replayable);
        self.discarded |= self.replayable > 0;
        self.replayable = 0;
    }

    /// How much of the body is gone from the client's connection.
    pub(crate) fn state(&self) -> BodyState {
        match (&self.source, self.discarded) {
            (_, false) => BodyState::Untouched,
            (Source::Done, true) => BodyState::Read,
            (Source::Length(_) | Source::Chunked(_), true) => BodyState::Partial,
        }
    }

    /// Gives back the buffer of encoded bytes.
    pub(crate) fn into_scratch(self) -> Vec<u8> {
        self.out
    }

    /// Sends as much as goes.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
        up: &mut Stream,
    ) -> Poll<Result<(), RequestStop>> {
        loop {
            ready!(self.poll_flush(cx, client, up))?;
            match &mut self.source {
                Source::Done => {
                    self.finished = true;
                    return Poll::Ready(Ok(()));
                }
                Source::Length(left) => {
                    let ready_now = client
                        .inbuf
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if ready_now > 0 {
                        let bytes = &client.inbuf.unread()[..ready_now];
                        let n = ready!(wire::poll_write(up, bytes, cx))
                            .map_err(|_| RequestStop::Upstream)?;
                        client.inbuf.consume(n);
                        *left -= n as u64;
                        if *left == 0 {
                            self.source = Source::Done;
                        }
                        self.progress(n, client);
                        continue;
                    }
                }
                Source::Chunked(_) => {
                    if self.encode(client)? {
                        continue;
                    }
                }
            }
            ready!(self.poll_client(cx, client))?;
        }
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        up: &mut Stream,
    ) -> Poll<Result<(), RequestStop>> {
        while self.written < self.out.len() {
            match wire::poll_write(up, &self.out[self.written..], cx) {
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.sent_any = true;
                    self.deadline = client.thread.clock.after(client.listener.body_idle);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(RequestStop::Upstream)),
                Poll::Pending => return Poll::Pending,
            }
        }
        ready!(wire::poll_flush(up, cx)).map_err(|_| RequestStop::Upstream)?;
        if self.replayable == 0 && self.written > 0 && !matches!(self.source, Source::Done) {
            self.out.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    fn progress(&mut self, bytes: usize, client: &Client) {
        self.received += bytes as u64;
        self.discarded = true;
        self.sent_any = true;
        self.deadline = client.thread.clock.after(client.listener.body_idle);
    }

    /// Decodes chunks from the client's buffer and encodes them anew, without extensions. True if there is
    /// something to write or the body is at its end.
    fn encode(&mut self, client: &mut Client) -> Result<bool, RequestStop> {
        let Source::Chunked(decoder) = &mut self.source else {
            return Ok(false);
        };
        let mut bytes = 0;
        let mut ended = false;
        while !client.inbuf.is_empty() && self.out.len() < BATCH && !ended {
            match decoder
                .decode(client.inbuf.unread())
                .map_err(RequestStop::Malformed)?
            {
                ChunkEvent::NeedMore { consumed } => {
                    client.inbuf.consume(consumed);
                    if consumed == 0 {
                        break;
                    }
                }
                ChunkEvent::Data { skip, len } => {
                    write_chunk(&mut self.out, &client.inbuf.unread()[skip..skip + len]);
                    client.inbuf.consume(skip + len);
                    bytes += len;
                }
                ChunkEvent::End { consumed } => {
                    client.inbuf.consume(consumed);
                    write_end(&mut self.out, Some(decoder));
                    ended = true;
                }
            }
        }
        self.received += bytes as u64;
        self.discarded = true;
        if self.received > self.limit {
            return Err(RequestStop::TooLarge);
        }
        if ended {
            self.source = Source::Done;
        }
        Ok(!self.out.is_empty())
    }

    /// Reads more of the body. Idle time and a floor of bytes per second bound how long that may take.
    fn poll_client(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Client,
    ) -> Poll<Result<(), RequestStop>> {
        if matches!(self.source, Source::Length(left) if left > LARGE as u64)
            && client.inbuf.is_vacant()
        {
            client.inbuf = client.thread.buffers.large();
        }
        if !client.make_room() {
            let larger = client.inbuf.len() * 2;
            client.inbuf.grow(larger);
        }
        let clock = &client.thread.clock;
        match wire::poll_read(&mut client.io, &mut client.inbuf, cx) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(RequestStop::ClientGone)),
            Poll::Ready(Ok(_)) => {
                self.deadline = clock.after(client.listener.body_idle);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                let now = clock.now();
                let floor = self.floor_deadline(client);
                if now >= self.deadline || now >= floor {
                    return Poll::Ready(Err(RequestStop::TooSlow));
                }
                self.deadline = self.deadline.min(floor);
                Poll::Pending
            }
        }
    }

    /// The tick at which the bytes so far fall below the floor: each second after the grace time must have
    /// brought `body_min_rate` bytes.
    fn floor_deadline(&self, client: &Client) -> Tick {
        let rate = client.listener.body_min_rate;
        if rate == 0 {
            return NEVER;
        }
        let earned = (self.received / rate).saturating_mul(1000 / TICK_MS);
        self.began
            .saturating_add(client.listener.body_min_rate_after)
            .saturating_add(earned)
    }
}
