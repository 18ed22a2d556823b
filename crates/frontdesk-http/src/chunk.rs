//! The chunked coding (RFC 9112 §7.1).

use crate::bytes::{CLASS, TOKEN, VALUE};
use crate::trailers::Trailers;
use crate::{Fault, TrailerLimits};

/// The most digits of a chunk size: as many as fit in 64 bits.
const SIZE_DIGITS: u8 = 16;

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Append the line that announces a chunk of `len` bytes, which must not be zero. CRLF follows the payload.
pub fn write_chunk_size(len: u64, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (64 - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(DIGITS[(len >> (4 * place)) as usize & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

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

/// Where in the coding the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk size of which so many digits came.
    Size(u8),
    /// In white space between the size and an extension.
    Blank,
    /// In an extension, outside quotes.
    Extension,
    /// In a quoted value of an extension.
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After the CR of a size line.
    SizeLf,
    /// In the payload.
    Data,
    /// After the payload.
    DataCr,
    /// After the payload's CR.
    DataLf,
    /// At the start of a trailer line or the last line.
    TrailerStart,
    /// In a trailer line.
    Trailer,
    /// After the CR of the last line.
    LastLf,
    /// After the message.
    Done,
}

/// Reads a chunked body, however it is split. It holds no payload, and allocates for trailers only.
#[derive(Debug)]
pub struct ChunkDecoder {
    state: State,
    /// The size read so far, then what is left of the payload.
    remaining: u64,
    extension_budget: u32,
    trailers: Trailers,
}

impl ChunkDecoder {
    /// A decoder for one body with at most so many bytes of chunk extensions (all chunks together) and of
    /// trailers.
    pub fn new(extension_budget: u32, trailer_limits: TrailerLimits) -> Self {
        let trailers = Trailers::new(trailer_limits);
        Self {
            state: State::Size(0),
            remaining: 0,
            extension_budget,
            trailers,
        }
    }

    /// Read the next part of the body. Call it again and again, each time with the rest not yet consumed;
    /// after the end it consumes nothing more.
    ///
    /// # Errors
    /// The coding is broken: the message must not be completed towards anybody, nor the decoder used again.
    pub fn decode(&mut self, input: &[u8]) -> Result<ChunkEvent, Fault> {
        let mut at = 0;
        while at < input.len() {
            match self.state {
                State::Done => break,
                State::Data => return Ok(self.payload(at, input.len() - at)),
                State::Trailer => at += self.trailer(&input[at..])?,
                _ => {
                    self.state = self.step(input[at])?;
                    // The first byte of a trailer line belongs to its name.
                    at += usize::from(self.state != State::Trailer);
                }
            }
        }
        Ok(match self.state {
            State::Done => ChunkEvent::End { consumed: at },
            _ => ChunkEvent::NeedMore { consumed: at },
        })
    }

    /// Whether the end was read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Name and value of the trailers that may be forwarded, after the end: never fields for framing,
    /// routing, authentication, identity or forwarding (RFC 9110 §6.5.1).
    pub fn trailers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.trailers.allowed()
    }

    fn payload(&mut self, skip: usize, available: usize) -> ChunkEvent {
        let len = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(available);
        self.remaining -= len as u64;
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
        ChunkEvent::Data { skip, len }
    }

    /// Take in a trailer line up to its end; returns how many bytes were read.
    fn trailer(&mut self, input: &[u8]) -> Result<usize, Fault> {
        let len = match memchr::memchr(b'\n', input) {
            Some(line_feed) => {
                self.state = State::TrailerStart;
                line_feed + 1
            }
            None => input.len(),
        };
        self.trailers.push(&input[..len])?;
        Ok(len)
    }

    /// The state after one more byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, Fault> {
        match (self.state, byte) {
            (State::Size(digits), _) => self.size(digits, byte),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Blank | State::Extension | State::Quoted | State::Escaped, _) => {
                self.extension(byte)
            }
            (State::SizeLf, b'\n') if self.remaining == 0 => Ok(State::TrailerStart),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size(0)),
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::TrailerStart, b'\n') => Err(Fault::BareLf),
            (State::TrailerStart, _) => Ok(State::Trailer),
            (State::LastLf, b'\n') => self.trailers.finish().map(|()| State::Done),
            _ => Err(Fault::ChunkLineEndInvalid),
        }
    }

    /// One more byte where a digit, or after the first one the end of the size, may stand.
    fn size(&mut self, digits: u8, byte: u8) -> Result<State, Fault> {
        if let Some(value) = char::from(byte).to_digit(16) {
            if digits == SIZE_DIGITS {
                return Err(Fault::ChunkSizeInvalid);
            }
            self.remaining = self.remaining << 4 | u64::from(value);
            return Ok(State::Size(digits + 1));
        }
        match byte {
            _ if digits == 0 => Err(Fault::ChunkSizeInvalid),
            b'\r' => Ok(State::SizeLf),
            b'\n' => Err(Fault::ChunkLineEndInvalid),
            b';' | b' ' | b'\t' => {
                self.state = State::Blank;
                self.extension(byte)
            }
            _ => Err(Fault::ChunkSizeInvalid),
        }
    }

    /// One more byte of white space or an extension, which is paid for.
    fn extension(&mut self, byte: u8) -> Result<State, Fault> {
        self.extension_budget = self
            .extension_budget
            .checked_sub(1)
            .ok_or(Fault::ChunkExtensionTooLong)?;
        match (self.state, byte) {
            (State::Blank, b' ' | b'\t') => Ok(State::Blank),
            (State::Blank, b';')
            | (State::Extension, b';' | b'=' | b' ' | b'\t')
            | (State::Quoted, b'"') => Ok(State::Extension),
            (State::Blank, _) => Err(Fault::ChunkSizeInvalid),
            (State::Extension, b'"') => Ok(State::Quoted),
            (State::Extension, _) if is(byte, TOKEN) => Ok(State::Extension),
            (State::Quoted, b'\\') => Ok(State::Escaped),
            (State::Quoted | State::Escaped, _) if is(byte, VALUE) => Ok(State::Quoted),
            _ => Err(Fault::ChunkExtensionInvalid),
        }
    }
}

fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}
