//! The name in a `ClientHello` that is only looked at: the handshake is somebody else's.

use std::io::Cursor;

use rustls::server::Acceptor;

/// Bytes that a client may send before its hello is complete. The longest one that TLS allows is smaller.
const MAX: usize = 64 * 1024;

/// Reads a `ClientHello` as it comes.
#[derive(Default)]
pub struct HelloReader {
    acceptor: Acceptor,
    seen: usize,
}

/// What the bytes so far say.
#[derive(Debug, PartialEq, Eq)]
pub enum Hello {
    /// More are needed.
    Partial,
    /// The name that the client asks for (RFC 6066 §3), in lower case.
    Name(Option<String>),
    /// This is not the beginning of TLS.
    Other,
}

impl HelloReader {
    /// Looks at all bytes that have come, of which those of the call before are the beginning.
    pub fn look(&mut self, bytes: &[u8]) -> Hello {
        let new = bytes.get(self.seen..).unwrap_or_default();
        let mut cursor = Cursor::new(new);
        while (cursor.position() as usize) < new.len() {
            match self.acceptor.read_tls(&mut cursor) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Hello::Other,
            }
        }
        self.seen = bytes.len();
        match self.acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                Hello::Name(hello.server_name().map(str::to_ascii_lowercase))
            }
            Ok(None) if bytes.len() <= MAX => Hello::Partial,
            Ok(None) | Err(_) => Hello::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_hello_is_told_at_once() {
        assert_eq!(HelloReader::default().look(b""), Hello::Partial);
        assert_eq!(HelloReader::default().look(b"\x16\x03"), Hello::Partial);
        assert_eq!(
            HelloReader::default().look(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            Hello::Other
        );
        assert_eq!(
            HelloReader::default().look(b"\x16\x03\x01\0\x04\x02\0\0\0"),
            Hello::Other
        );
    }
}
