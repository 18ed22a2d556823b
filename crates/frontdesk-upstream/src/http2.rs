//! HTTP/2 connections to a target, each shared by many requests.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use frontdesk_tls::Stream;
use h2::client::{Builder, SendRequest};
use tokio::task::spawn_local;

/// Streams on one connection, at the most, even where the target takes more.
const MAX_STREAMS: u32 = 100;
/// What a target may send ahead, in bytes: for one stream, and for all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Above what a service may take (`limits`), which is checked later: beyond this the library drops fields of
/// trailers without a word.
const HEADER_LIST: u32 = 256 * 1024;
/// What many small frames may cost on top of their bytes, as the library counts it (255 for a frame of one byte):
/// a client that does not read must not end the connection for all others, and the window bounds its share first.
const SMALL_FRAMES: usize = 4 * 255 * STREAM_WINDOW as usize;
/// Bytes that a stream may hold for a target that does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// One connection.
pub(crate) struct Http2Connection {
    sender: SendRequest<Bytes>,
    /// Whether it takes new streams.
    alive: Rc<Cell<bool>>,
    streams: Cell<u32>,
    /// Since when no stream is open.
    pub(crate) quiet_since: Cell<u64>,
}

impl Http2Connection {
    /// Begins HTTP/2 on a connection. It is begun when the target's SETTINGS have come: before that nobody knows
    /// how many streams it takes.
    ///
    /// # Errors
    /// The target does not speak it.
    pub(crate) async fn begin(io: Stream, now: u64) -> io::Result<Rc<Http2Connection>> {
        let shaken = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEADER_LIST)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .initial_max_send_streams(0)
            .handshake::<_, Bytes>(io)
            .await;
        let (sender, mut connection) = shaken.map_err(io::Error::other)?;
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
            Poll::Pending if sender.current_max_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        let alive = Rc::new(Cell::new(true));
        let running = Rc::clone(&alive);
        spawn_local(async move {
            // Its streams have seen the error, and nobody else asks.
            let _ = connection.await;
            running.set(false);
        });
        Ok(Rc::new(Http2Connection {
            sender,
            alive,
            streams: Cell::new(0),
            quiet_since: Cell::new(now),
        }))
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.get()
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.streams.get() == 0
    }

    /// A place for one more stream.
    pub(crate) fn reserve(self: &Rc<Self>, now: Rc<Cell<u64>>) -> Option<Http2Place> {
        let theirs = u32::try_from(self.sender.current_max_send_streams()).unwrap_or(u32::MAX);
        if !self.is_alive() || self.streams.get() >= theirs.min(MAX_STREAMS) {
            return None;
        }
        let mut sender = self.sender.clone();
        // A fresh handle waits for nothing; it fails once the target has said that it goes away.
        let mut context = Context::from_waker(Waker::noop());
        if !matches!(sender.poll_ready(&mut context), Poll::Ready(Ok(()))) {
            self.alive.set(false);
            return None;
        }
        self.streams.set(self.streams.get() + 1);
        Some(Http2Place {
            sender,
            connection: Rc::clone(self),
            now,
        })
    }
}

/// A place for one stream, given back on drop.
pub struct Http2Place {
    /// Opens the stream.
    pub sender: SendRequest<Bytes>,
    connection: Rc<Http2Connection>,
    now: Rc<Cell<u64>>,
}

impl Http2Place {
    /// The target was silent for too long: the connection may be dead without anybody having said so, and gets no
    /// new streams.
    pub fn doubt(&self) {
        self.connection.alive.set(false);
    }
}

impl Drop for Http2Place {
    fn drop(&mut self) {
        let streams = self.connection.streams.get() - 1;
        self.connection.streams.set(streams);
        if streams == 0 {
            self.connection.quiet_since.set(self.now.get());
        }
    }
}
