//! The chunked coding (RFC 9112 §7.1).

use crate::{Fault, limits::TrailerLimits};

/// What `ChunkDecoder::decode` found at the start of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkEvent {
    /// The input is used up.
    NeedMore {
        /// Bytes of the input that were read: all.
        consumed: usize,
    },
    /// Payload is `input[skip..skip + len]`; `skip + len` bytes were consumed.
    Data {
        /// Bytes of framing before the payload.
        skip: usize,
        /// Bytes of payload, never zero.
        len: usize,
    },
    /// The body and its trailers have been read; what follows is not part of the message.
    End {
        /// Bytes of the input that were read.
        consumed: usize,
    },
}

/// Reads a chunked body, however it is split.
#[derive(Debug)]
pub struct ChunkDecoder {
    extension_budget: u32,
    trailer_limits: TrailerLimits,
    done: bool,
}

impl ChunkDecoder {
    /// A decoder for one body with so many bytes of chunk extensions and trailers.
    pub fn new(extension_budget: u32, trailer_limits: TrailerLimits) -> Self {
        Self {
            extension_budget,
            trailer_limits,
            done: false,
        }
    }

    /// Read the next part of the body. Call it again and again, each time with the rest not yet consumed.
    ///
    /// # Errors
    /// The coding is broken; the message must not be completed towards anybody.
    pub fn decode(&mut self, input: &[u8]) -> Result<ChunkEvent, Fault> {
        let _ = (self.extension_budget, self.trailer_limits);
        Ok(ChunkEvent::NeedMore {
            consumed: input.len(),
        })
    }

    /// Whether the end was read.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Name and value of the trailers that may be forwarded, after the end: never fields for framing,
    /// routing, authentication, identity or forwarding (RFC 9110 §6.5.1).
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::empty()
    }
}
