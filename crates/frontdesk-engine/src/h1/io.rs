//! Reading and writing sockets from buffers, by polling.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use frontdesk_tls::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::buffers::Buf;
use crate::clock::{Clock, Tick, Timer};

/// Reads once into the buffer's space, which must not be empty. 0 is the end of the stream.
pub(crate) fn poll_read(
    io: &mut Stream,
    buf: &mut Buf,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut space = ReadBuf::new(buf.space());
    debug_assert!(
        space.remaining() > 0,
        "a read without room looks like the end"
    );
    ready!(Pin::new(io).poll_read(cx, &mut space))?;
    let n = space.filled().len();
    buf.filled(n);
    Poll::Ready(Ok(n))
}

/// Writes once; never `Ok(0)`.
pub(crate) fn poll_write(
    io: &mut Stream,
    bytes: &[u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(io).poll_write(cx, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}

/// Writes two pieces with one system call.
pub(crate) fn poll_write_two(
    io: &mut Stream,
    first: &[u8],
    second: &[u8],
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let slices = [IoSlice::new(first), IoSlice::new(second)];
    match ready!(Pin::new(io).poll_write_vectored(cx, &slices)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}

/// Sends what TLS still holds of the bytes it has taken. Without TLS there is never anything.
pub(crate) fn poll_flush(io: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    Pin::new(io).poll_flush(cx)
}

/// Says that no more bytes will come.
pub(crate) fn poll_shutdown(io: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    Pin::new(io).poll_shutdown(cx)
}

/// Writes everything, with at most `idle` ticks between two steps.
///
/// # Errors
/// `TimedOut` when nothing moved for so long, or the socket's error.
pub(crate) async fn write_all(
    io: &mut Stream,
    mut bytes: &[u8],
    clock: &Clock,
    timer: &Timer,
    idle: Tick,
) -> io::Result<()> {
    let mut deadline = clock.after(idle);
    poll_fn(|cx| {
        loop {
            let polled = if bytes.is_empty() {
                poll_flush(io, cx).map_ok(|()| 0)
            } else {
                poll_write(io, bytes, cx)
            };
            match polled {
                Poll::Ready(Ok(_)) if bytes.is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(n)) => {
                    bytes = &bytes[n..];
                    deadline = clock.after(idle);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if clock.now() >= deadline => {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending => {
                    timer.arm(deadline);
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

/// Closes so that the other side sees a reset and cannot take a cut message for a whole one.
pub(crate) fn abort(io: &Stream) {
    // Where the option fails the close is an ordinary one; there is nothing better to do then.
    let _ = socket2::SockRef::from(io.tcp()).set_linger(Some(std::time::Duration::ZERO));
}
