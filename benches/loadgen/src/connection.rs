//! One keep-alive connection that carries one request at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::report::Failure;
use crate::response::{Progress, Reader};

/// What became of a connection after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to report.
    Pending,
    /// The connection is open and free.
    Free,
    /// The request due at this time was answered with 200; `close` means the connection is gone.
    Answered { due_ns: u64, close: bool },
    /// The connection is gone, and with it the request due at this time, if one was under way.
    Lost {
        due_ns: Option<u64>,
        failure: Failure,
    },
}

struct Request {
    due_ns: u64,
    bytes: Rc<[u8]>,
    sent: usize,
}

/// A connection and the request it carries.
pub struct Connection {
    stream: TcpStream,
    reader: Reader,
    request: Option<Request>,
    connected: bool,
}

impl Connection {
    /// Begins to connect; the poll reports when it is done.
    pub fn open(target: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(target)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            reader: Reader::default(),
            request: None,
            connected: false,
        })
    }

    /// The time at which the request under way was due.
    pub fn due_ns(&self) -> Option<u64> {
        self.request.as_ref().map(|request| request.due_ns)
    }

    /// Sends a request on a free connection.
    pub fn send(&mut self, due_ns: u64, bytes: Rc<[u8]>) -> Outcome {
        self.request = Some(Request {
            due_ns,
            bytes,
            sent: 0,
        });
        self.flush()
    }

    /// Goes on after the poll reported the connection.
    pub fn ready(&mut self, buffer: &mut [u8]) -> Outcome {
        if !self.connected {
            return self.finish_connect();
        }
        match self.flush() {
            Outcome::Pending => self.receive(buffer),
            lost => lost,
        }
    }

    fn finish_connect(&mut self) -> Outcome {
        match (self.stream.take_error(), self.stream.peer_addr()) {
            (Ok(None), Ok(_)) => {
                self.connected = true;
                // A failure here costs latency only and shows in the numbers.
                let _ = self.stream.set_nodelay(true);
                Outcome::Free
            }
            (Ok(None), Err(error)) if error.kind() == ErrorKind::NotConnected => Outcome::Pending,
            _ => self.lost(Failure::Connect),
        }
    }

    fn flush(&mut self) -> Outcome {
        while let Some(request) = self.request.as_mut() {
            if request.sent == request.bytes.len() {
                break;
            }
            match self.stream.write(&request.bytes[request.sent..]) {
                Ok(count) => request.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lost(Failure::Closed),
            }
        }
        Outcome::Pending
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Outcome {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return self.lost(Failure::Closed),
                Ok(count) => match self.take(&buffer[..count]) {
                    Outcome::Pending => {}
                    outcome => return outcome,
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Pending,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lost(Failure::Closed),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Outcome {
        if self.request.is_none() {
            return self.lost(Failure::Malformed);
        }
        match self.reader.feed(bytes) {
            Progress::More => Outcome::Pending,
            Progress::Malformed => self.lost(Failure::Malformed),
            Progress::Done { status: 200, close } => match self.request.take() {
                Some(request) => Outcome::Answered {
                    due_ns: request.due_ns,
                    close,
                },
                None => Outcome::Pending,
            },
            Progress::Done { .. } => self.lost(Failure::Status),
        }
    }

    fn lost(&mut self, failure: Failure) -> Outcome {
        Outcome::Lost {
            due_ns: self.request.take().map(|request| request.due_ns),
            failure,
        }
    }
}
