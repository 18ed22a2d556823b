//! WebSocket frames as they pass (RFC 6455 §5.2): where one ends and the next begins, what is too large, and what
//! is none. Payloads are not looked at, so that every extension passes.

/// Who sends the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Must mask (§5.1).
    Client,
    /// Must not.
    Server,
}

/// Why frames may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// They are none of this protocol.
    Protocol,
    /// A message is larger than it may be.
    TooLarge,
}

/// Bytes of the longest head of a frame.
const HEAD: usize = 14;
const CONTINUATION: u8 = 0x0;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xA;
/// Payload of the longest control frame (§5.5).
const CONTROL: u64 = 125;

/// The frames of one direction.
#[derive(Debug)]
pub struct Frames {
    sender: Sender,
    /// Payload bytes of a message, at the most.
    limit: u64,
    head: [u8; HEAD],
    /// Bytes of `head` so far.
    filled: usize,
    /// Payload bytes of the present frame that have yet to come.
    payload: u64,
    /// Payload bytes of the present message so far, over all its frames; none outside a message.
    message: Option<u64>,
    closed: bool,
    /// A frame had a fault; whether none of its bytes had passed before. Nothing is followed any more.
    failed: Option<bool>,
}

impl Frames {
    /// Nothing has passed yet.
    pub fn new(sender: Sender, limit: u64) -> Frames {
        Frames {
            sender,
            limit,
            head: [0; HEAD],
            filled: 0,
            payload: 0,
            message: None,
            closed: false,
            failed: None,
        }
    }

    /// Whether the next byte begins a frame, so that another may be put before it.
    pub fn is_between(&self) -> bool {
        let between = self.filled == 0 && self.payload == 0;
        self.failed.unwrap_or(between)
    }

    /// Whether nothing more is to be expected: a close frame has passed, or a fault was found.
    pub fn is_closed(&self) -> bool {
        self.failed.is_some() || self.closed && self.is_between()
    }

    /// Follows what is sent.
    ///
    /// # Errors
    /// The fault, and how many of the bytes come before the frame that has it. Of its head bytes may have been
    /// followed before.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<(), (FrameFault, usize)> {
        let mut at = 0;
        while at < bytes.len() {
            at += self.step(&bytes[at..]).map_err(|fault| (fault, at))?;
        }
        Ok(())
    }

    /// Follows the frame that has begun to its end; how many of the bytes are of it.
    ///
    /// # Errors
    /// As [`Frames::follow`].
    pub fn follow_rest(&mut self, bytes: &[u8]) -> Result<usize, (FrameFault, usize)> {
        let mut at = 0;
        while at < bytes.len() && !self.is_between() {
            at += self.step(&bytes[at..]).map_err(|fault| (fault, at))?;
        }
        Ok(at)
    }

    /// Follows a head or a payload, as far as it is there; never nothing of it.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, FrameFault> {
        if self.failed.is_some() {
            return Ok(bytes.len());
        }
        if self.payload > 0 {
            let size = self.payload.min(bytes.len() as u64);
            self.payload -= size;
            return Ok(size as usize);
        }
        let is_whole = self.filled == 0;
        let mut at = 0;
        while at < bytes.len() && self.filled < self.head_size() {
            self.head[self.filled] = bytes[at];
            self.filled += 1;
            at += 1;
        }
        if self.filled == self.head_size() {
            let judged = self.judge();
            self.failed = judged.is_err().then_some(is_whole);
            self.payload = judged?;
            self.filled = 0;
        }
        Ok(at)
    }

    /// Bytes of the present head, as far as that can be said already.
    fn head_size(&self) -> usize {
        if self.filled < 2 {
            return 2;
        }
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        match self.head[1] & 0x7F {
            126 => 4 + mask,
            127 => 10 + mask,
            _ => 2 + mask,
        }
    }

    /// The payload's length of a whole head.
    fn judge(&mut self) -> Result<u64, FrameFault> {
        let [first, second, ..] = self.head;
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0F);
        let is_masked = second & 0x80 != 0;
        let length = match second & 0x7F {
            126 => u64::from(u16::from_be_bytes([self.head[2], self.head[3]])),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.head[2..10]);
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        // §5.2: as few bytes as possible, and the highest bit is zero.
        let is_minimal = match second & 0x7F {
            126 => length > CONTROL,
            127 => length > u64::from(u16::MAX) && length < 1 << 63,
            _ => true,
        };
        if is_masked != (self.sender == Sender::Client) || !is_minimal || self.closed {
            return Err(FrameFault::Protocol);
        }
        match opcode {
            CLOSE..=PONG if is_last && length <= CONTROL => {
                self.closed |= opcode == CLOSE;
                Ok(length)
            }
            CONTINUATION..=BINARY => self.part(opcode, is_last, length),
            _ => Err(FrameFault::Protocol),
        }
    }

    /// A frame that carries a part of a message (§5.4).
    fn part(&mut self, opcode: u8, is_last: bool, length: u64) -> Result<u64, FrameFault> {
        let before = match (self.message, opcode == CONTINUATION) {
            (Some(before), true) => before,
            (None, false) => 0,
            _ => return Err(FrameFault::Protocol),
        };
        let size = before.saturating_add(length);
        if size > self.limit {
            return Err(FrameFault::TooLarge);
        }
        self.message = (!is_last).then_some(size);
        Ok(length)
    }
}

/// A close frame (§5.5.1), masked with `mask` where a client sends it.
pub fn close(code: u16, mask: Option<[u8; 4]>) -> Vec<u8> {
    control(CLOSE, &code.to_be_bytes(), mask)
}

/// A ping without payload (§5.5.2).
pub fn ping(mask: Option<[u8; 4]>) -> Vec<u8> {
    control(0x9, &[], mask)
}

fn control(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode, masked | payload.len() as u8];
    match mask {
        None => frame.extend_from_slice(payload),
        Some(key) => {
            frame.extend_from_slice(&key);
            let bytes = payload.iter().zip(key.iter().cycle());
            frame.extend(bytes.map(|(byte, key)| byte ^ key));
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(sender: Sender, limit: u64, pieces: &[&[u8]]) -> Result<Frames, (FrameFault, usize)> {
        let mut frames = Frames::new(sender, limit);
        for piece in pieces {
            frames.follow(piece)?;
        }
        Ok(frames)
    }

    fn server(limit: u64, bytes: &[u8]) -> Result<Frames, (FrameFault, usize)> {
        follow(Sender::Server, limit, &[bytes])
    }

    #[test]
    fn frames_are_followed_however_they_are_cut() {
        // The examples of §5.7: a masked "Hello", and its unmasked fragments around a ping.
        let masked = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let parts = b"\x01\x03Hel\x89\x05Hello\x80\x02lo\x82\x7e\x01\x00";
        for cut in 0..=masked.len() {
            let (a, b) = masked.split_at(cut);
            let frames = follow(Sender::Client, 5, &[a, b]).unwrap();
            assert!(frames.is_between());
        }
        for cut in 0..=parts.len() {
            let (a, b) = parts.split_at(cut);
            let mut frames = follow(Sender::Server, 256, &[a, b]).unwrap();
            assert!(!frames.is_between());
            frames.follow(&[0; 256]).unwrap();
            assert!(frames.is_between());
        }
    }

    #[test]
    fn faults_are_found_at_their_frame() {
        let protocol = |bytes: &[u8]| server(100, bytes).unwrap_err();
        let long = b"\x82\x7f\x80\0\0\0\0\0\0\0";
        let cases: [&[u8]; 8] = [
            b"\x81\x80\0\0\0\0",
            b"\x83\0",
            b"\x8b\0",
            b"\x09\0",
            b"\x89\x7e\x01\0",
            b"\x80\0",
            b"\x82\x7e\0\x05",
            long,
        ];
        for bytes in cases {
            assert_eq!(protocol(bytes), (FrameFault::Protocol, 0), "{bytes:?}");
        }
        assert_eq!(protocol(b"\x81\x01a\x83\0"), (FrameFault::Protocol, 3));
        assert_eq!(protocol(b"\x01\0\x81\0"), (FrameFault::Protocol, 2));
        assert_eq!(protocol(b"\x88\0\x81\0"), (FrameFault::Protocol, 2));
        let unmasked = follow(Sender::Client, 9, &[b"\x81\0"]);
        assert_eq!(unmasked.unwrap_err(), (FrameFault::Protocol, 0));
    }

    #[test]
    fn a_message_is_measured_over_its_frames() {
        assert!(server(4, b"\x81\x04abcd\x01\x02ab\x80\x02cd").is_ok());
        let (fault, at) = server(4, b"\x01\x02ab\x80\x03cde").unwrap_err();
        assert_eq!((fault, at), (FrameFault::TooLarge, 4));
        assert_eq!(server(4, b"\x81\x05").unwrap_err().0, FrameFault::TooLarge);
        let huge = b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(server(4, huge).unwrap_err().0, FrameFault::TooLarge);
        assert!(
            server(0, b"\x89\x04ping").is_ok(),
            "control frames are no messages"
        );
    }

    #[test]
    fn frames_of_our_own() {
        assert_eq!(close(1012, None), b"\x88\x02\x03\xf4");
        let masked = close(1001, Some([1, 2, 3, 4]));
        assert_eq!(masked, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
        let mut frames = follow(Sender::Client, 0, &[&ping(Some([9; 4])), &masked]).unwrap();
        assert!(frames.is_closed());
        assert!(frames.follow(b"\x81").is_ok());
        assert!(server(0, &ping(None)).unwrap().is_between());
    }
}
