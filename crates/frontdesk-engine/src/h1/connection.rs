//! A connection to a target and what has been read from it.

use frontdesk_tls::Stream;

use crate::buffers::{Buf, Buffers, SMALL};

/// A connection to a target.
pub(crate) struct Connection {
    pub(crate) io: Stream,
    pub(crate) buf: Buf,
    /// Whether a read has filled a whole buffer: more of the same is to be expected.
    pub(crate) filled_once: bool,
    /// Whether it came out of the pool.
    pub(crate) reused: bool,
}

impl Connection {
    /// A connection without anything read from it.
    pub(crate) fn new(io: Stream, reused: bool) -> Connection {
        Connection {
            io,
            buf: Buf::default(),
            filled_once: false,
            reused,
        }
    }

    /// Makes room to read into.
    pub(crate) fn make_room(&mut self, buffers: &Buffers) {
        if self.buf.is_vacant() {
            self.buf = buffers.small();
        }
        if self.buf.space().is_empty() {
            self.buf.compact();
        }
        if self.buf.space().is_empty() {
            let larger = self.buf.len() * 2;
            self.buf.grow(larger);
        }
    }

    /// Remembers whether the last read filled the buffer.
    pub(crate) fn note_read(&mut self) {
        self.filled_once |= self.buf.space().is_empty() && self.buf.len() >= SMALL / 2;
    }
}
