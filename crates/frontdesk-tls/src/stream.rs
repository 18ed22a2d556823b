//! A TCP connection that is encrypted or not.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// A TCP connection of which some bytes were read before the TLS layer took over.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    before: Vec<u8>,
}

impl Socket {
    /// `before` are bytes that came first and were already taken from the connection.
    pub fn new(tcp: TcpStream, before: Vec<u8>) -> Socket {
        Socket { tcp, before }
    }

    /// The connection below.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.before.is_empty() {
            return Pin::new(&mut this.tcp).poll_read(cx, buf);
        }
        let n = this.before.len().min(buf.remaining());
        buf.put_slice(&this.before[..n]);
        this.before.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

/// What a handshake has agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secured {
    /// Whether a session was resumed, without certificates being exchanged.
    pub resumed: bool,
    /// Whether it is TLS 1.3, else 1.2.
    pub is_1_3: bool,
    /// Whether HTTP/2 was agreed on by ALPN.
    pub is_h2: bool,
}

/// A connection to a client or to a target.
#[derive(Debug)]
pub enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS; the state is large and lives on the heap.
    Tls(Box<TlsStream<Socket>>),
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Stream {
        Stream::Plain(tcp)
    }
}

impl Stream {
    /// The TCP connection below, for its options and addresses: never to read or write.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0.tcp(),
        }
    }

    /// What was agreed on, with TLS.
    pub fn secured(&self) -> Option<Secured> {
        let Stream::Tls(tls) = self else { return None };
        let session = tls.get_ref().1;
        Some(Secured {
            resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            is_1_3: session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3),
            is_h2: session.alpn_protocol() == Some(crate::H2),
        })
    }

    /// Whether nothing has come and nothing was closed. Readiness that the runtime knows of costs no system
    /// call to ask; only where there is some, one read tells data and end from a stale flag.
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0u8; 1];
        self.try_read(&mut byte).is_none()
    }

    /// Reads without waiting; `None` if there is nothing to read now.
    pub fn try_read(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = ReadBuf::new(into);
        match Pin::new(self).poll_read(&mut context, &mut buffer) {
            Poll::Pending => None,
            Poll::Ready(result) => Some(result.map(|()| buffer.filled().len())),
        }
    }
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Stream::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// With TLS, bytes that were taken may still wait as records; flushing sends them.
    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
