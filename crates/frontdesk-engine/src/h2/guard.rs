//! What the h2 crate leaves unbounded: cheap frames that a peer may send without end. The guard stands between
//! the socket and the crate and reads nothing but frame headers (RFC 9113 §4.1).

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use frontdesk_tls::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Clock, TICK_MS, Tick};

/// The client's preface (RFC 9113 §3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADER: usize = 9;
const SECOND: Tick = 1000 / TICK_MS;
const MAX_CONTINUATION: u32 = 8;
const MAX_EMPTY_DATA: u32 = 100;
const MAX_PING: u32 = 100;
const MAX_SETTINGS: u32 = 50;
const MAX_OTHER: u32 = 100;
/// Streams that a peer may reset before what it has let finish counts.
const FREE_RESETS: u32 = 100;

/// Which limit a peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    Continuation,
    EmptyData,
    Ping,
    Settings,
    Reset,
    /// PRIORITY, `PRIORITY_UPDATE` and frames of unknown types.
    Other,
}

impl Flood {
    /// The label of each, in order.
    pub(crate) const LABELS: [&str; 6] = [
        "continuation",
        "empty_data",
        "ping",
        "settings",
        "reset",
        "other",
    ];
}

/// Counts frames by their headers, however the bytes are cut.
struct Watch {
    /// Bytes of the preface that are still to come.
    preface: usize,
    header: [u8; HEADER],
    have: usize,
    payload: usize,
    continuations: u32,
    empty_data: u32,
    requests: u32,
    resets: u32,
    second: Tick,
    pings: u32,
    settings: u32,
    others: u32,
}

impl Watch {
    fn new() -> Watch {
        Watch {
            preface: PREFACE.len(),
            header: [0; HEADER],
            have: 0,
            payload: 0,
            continuations: 0,
            empty_data: 0,
            requests: 0,
            resets: 0,
            second: 0,
            pings: 0,
            settings: 0,
            others: 0,
        }
    }

    fn see(&mut self, mut bytes: &[u8], now: Tick) -> Result<(), Flood> {
        let skip = self.preface.min(bytes.len());
        self.preface -= skip;
        bytes = &bytes[skip..];
        while !bytes.is_empty() {
            let skip = self.payload.min(bytes.len());
            self.payload -= skip;
            bytes = &bytes[skip..];
            let take = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + take].copy_from_slice(&bytes[..take]);
            self.have += take;
            bytes = &bytes[take..];
            if self.have == HEADER {
                self.have = 0;
                self.payload =
                    u32::from_be_bytes([0, self.header[0], self.header[1], self.header[2]])
                        as usize;
                self.count(now)?;
            }
        }
        Ok(())
    }

    /// Judges the frame whose header is complete.
    fn count(&mut self, now: Tick) -> Result<(), Flood> {
        const END_STREAM: u8 = 0x1;
        const ACK: u8 = 0x1;
        if now >= self.second + SECOND {
            (self.second, self.pings, self.settings, self.others) = (now, 0, 0, 0);
        }
        let (kind, flags) = (self.header[3], self.header[4]);
        let (counter, limit, flood) = match kind {
            // DATA
            0x0 if self.payload == 0 && flags & END_STREAM == 0 => {
                (&mut self.empty_data, MAX_EMPTY_DATA, Flood::EmptyData)
            }
            0x0 => {
                self.empty_data = 0;
                return Ok(());
            }
            // HEADERS
            0x1 => {
                self.continuations = 0;
                self.requests = self.requests.saturating_add(1);
                return Ok(());
            }
            // RST_STREAM: half of the requests may be given up, and some before that.
            0x3 => {
                let free = FREE_RESETS.saturating_add(self.requests / 2);
                (&mut self.resets, free, Flood::Reset)
            }
            0x4 if flags & ACK == 0 => (&mut self.settings, MAX_SETTINGS, Flood::Settings),
            0x6 if flags & ACK == 0 => (&mut self.pings, MAX_PING, Flood::Ping),
            0x9 => (
                &mut self.continuations,
                MAX_CONTINUATION,
                Flood::Continuation,
            ),
            // SETTINGS and PING acknowledged, PUSH_PROMISE, GOAWAY, WINDOW_UPDATE: judged by the crate.
            0x4..=0x8 => return Ok(()),
            _ => (&mut self.others, MAX_OTHER, Flood::Other),
        };
        *counter = counter.saturating_add(1);
        if *counter > limit { Err(flood) } else { Ok(()) }
    }
}

/// A client's connection, watched. After a flood nothing more is read from it.
pub(crate) struct Guarded {
    io: Stream,
    /// What came before HTTP/2 was recognised.
    before: Vec<u8>,
    watch: Watch,
    clock: Rc<Clock>,
    verdict: Rc<Cell<Option<Flood>>>,
}

impl Guarded {
    pub(crate) fn new(
        io: Stream,
        before: Vec<u8>,
        clock: Rc<Clock>,
        verdict: Rc<Cell<Option<Flood>>>,
    ) -> Guarded {
        Guarded {
            io,
            before,
            watch: Watch::new(),
            clock,
            verdict,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.verdict.get().is_some() {
            return Poll::Pending;
        }
        let start = buf.filled().len();
        if this.before.is_empty() {
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        } else {
            let n = this.before.len().min(buf.remaining());
            buf.put_slice(&this.before[..n]);
            this.before.drain(..n);
        }
        if let Err(flood) = this.watch.see(&buf.filled()[start..], this.clock.now()) {
            // What came with the last frame is not looked at either.
            buf.set_filled(start);
            this.verdict.set(Some(flood));
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() as u32;
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    fn judge(frames: &[u8], piece: usize) -> Result<(), Flood> {
        let mut watch = Watch::new();
        let bytes = [PREFACE, frames].concat();
        bytes.chunks(piece).try_for_each(|part| watch.see(part, 0))
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        for piece in [1, 2, 8, 9, 10, 4096] {
            let quiet = [
                frame(6, 0, &[0; 8]).repeat(100),
                frame(6, 1, &[0; 8]).repeat(500),
            ]
            .concat();
            assert_eq!(judge(&quiet, piece), Ok(()));
            assert_eq!(
                judge(&frame(6, 0, &[0; 8]).repeat(101), piece),
                Err(Flood::Ping)
            );
            assert_eq!(
                judge(&frame(4, 0, &[]).repeat(51), piece),
                Err(Flood::Settings)
            );
            assert_eq!(
                judge(&frame(0, 0, &[]).repeat(101), piece),
                Err(Flood::EmptyData)
            );
            assert_eq!(judge(&frame(0, 0, &[6; 99]).repeat(1000), piece), Ok(()));
            assert_eq!(
                judge(&frame(3, 0, &[0; 4]).repeat(101), piece),
                Err(Flood::Reset)
            );
            assert_eq!(
                judge(&frame(2, 0, &[0; 5]).repeat(101), piece),
                Err(Flood::Other)
            );
            let block = [frame(1, 0, b"x"), frame(9, 0, b"x").repeat(9)].concat();
            assert_eq!(judge(&block, piece), Err(Flood::Continuation));
        }
    }

    #[test]
    fn half_of_many_requests_may_be_reset() {
        let pair = [frame(1, 4, b"x"), frame(1, 4, b"x"), frame(3, 0, &[0; 4])].concat();
        assert_eq!(judge(&pair.repeat(10_000), 4096), Ok(()));
        let all = [frame(1, 4, b"x"), frame(3, 0, &[0; 4])].concat();
        assert_eq!(judge(&all.repeat(1000), 4096), Err(Flood::Reset));
    }

    #[test]
    fn a_new_second_has_new_pings() {
        let mut watch = Watch::new();
        watch.see(PREFACE, 0).unwrap();
        for second in 0..5 {
            let pings = frame(6, 0, &[0; 8]).repeat(100);
            assert_eq!(watch.see(&pings, second * SECOND), Ok(()));
        }
    }
}
