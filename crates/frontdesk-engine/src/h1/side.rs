//! An HTTP/1 client whose request goes to a target that speaks HTTP/2.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use frontdesk_http::{ChunkDecoder, Framing, ResponseHead};
use frontdesk_policies::{Code, Exchange};

use super::answering::{After, send_answer};
use super::client::Client;
use super::deliver::client_framing;
use super::head::{self, BodyFraming, Keep, ResponseParts};
use super::io as wire;
use super::pieces::{Sink, Source};
use super::request_body::RequestStop;
use super::response_body::ResponseStop;
use crate::answer::Answer;
use crate::build::ListenerConfig;
use crate::clock::Timer;
use crate::exchange::{Downstream, Report};
use crate::forward::{Attempt, Failure, Opened};
use crate::relay::{self, ClientSide, Piece};
use crate::thread::Thread;

/// The client's side of one exchange.
pub(crate) struct Side<'a> {
    client: &'a mut Client,
    source: Source,
    sink: Sink,
    /// Whether the connection serves another request after this response.
    keep_open: bool,
    takes_trailers: bool,
}

/// Sends the request and its response.
pub(crate) async fn run(
    client: &mut Client,
    up: Opened,
    attempt: &Attempt<'_>,
    ex: &mut Exchange,
    report: &mut Report,
) -> Result<After, Failure> {
    let target = relay::open(client, up, attempt, ex)?;
    let before = report.source.take();
    let source = before.unwrap_or_else(|| source(client, ex));
    let mut side = Side {
        sink: Sink::new(client.thread.buffers.scratch(), false),
        client,
        source,
        keep_open: false,
        takes_trailers: ex.head.te_trailers,
    };
    let after = relay::run(&mut side, target, attempt, ex, report).await;
    if after.is_err() {
        // Another attempt goes on reading where this one has ended.
        report.source = Some(side.source);
    }
    let out = std::mem::take(&mut side.sink.out);
    side.client.thread.buffers.give_scratch(out);
    after
}

/// Where the body of a request begins.
fn source(client: &Client, ex: &Exchange) -> Source {
    match ex.head.framing {
        Framing::None | Framing::Length(0) => Source::Done,
        Framing::Length(length) => Source::Length(length),
        Framing::Chunked => {
            let limits = &client.listener.limits;
            let rest = limits.rest(ex.head_len, ex.head.fields.len());
            let extensions = client.listener.chunk_extensions;
            Source::Chunked(Box::new(ChunkDecoder::new(extensions, rest)))
        }
    }
}

impl Downstream for Side<'_> {
    type After = After;

    fn thread(&self) -> &Rc<Thread> {
        &self.client.thread
    }

    fn listener(&self) -> &Rc<ListenerConfig> {
        &self.client.listener
    }

    fn timer(&self) -> &Timer {
        &self.client.timer
    }

    fn whole_body(&self, ex: &Exchange) -> Option<&[u8]> {
        self.client.whole_body(ex)
    }

    async fn answer(&mut self, ex: &Exchange, answer: &Answer, report: &mut Report) -> After {
        send_answer(self.client, ex, answer, report).await
    }

    fn gone(&mut self) -> After {
        After::Close
    }

    async fn attempt(
        &mut self,
        up: Opened,
        attempt: &Attempt<'_>,
        ex: &mut Exchange,
        report: &mut Report,
    ) -> Result<After, Failure> {
        Box::pin(run(self.client, up, attempt, ex, report)).await
    }
}

impl ClientSide for Side<'_> {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, RequestStop>> {
        loop {
            if let Some(piece) = self
                .source
                .next(&mut self.client.inbuf)
                .map_err(RequestStop::Malformed)?
            {
                return Poll::Ready(Ok(piece));
            }
            if !self.client.make_room() {
                let larger = self.client.inbuf.len() * 2;
                self.client.inbuf.grow(larger);
            }
            match ready!(wire::poll_read(
                &mut self.client.io,
                &mut self.client.inbuf,
                cx
            )) {
                Ok(0) if matches!(self.source, Source::UntilClose) => self.source = Source::Done,
                Ok(0) | Err(_) => return Poll::Ready(Err(RequestStop::ClientGone)),
                Ok(_) => {}
            }
        }
    }

    fn taken(&mut self, _: usize) {}

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        if !matches!(self.source, Source::Done) || !self.client.make_room() {
            return false;
        }
        let polled = wire::poll_read(&mut self.client.io, &mut self.client.inbuf, cx);
        self.client.release_buffer();
        match polled {
            Poll::Ready(Ok(0) | Err(_)) => true,
            Poll::Ready(Ok(_)) => {
                // What it sends meanwhile is the next request; there may be more.
                cx.waker().wake_by_ref();
                false
            }
            Poll::Pending => false,
        }
    }

    async fn interim(&mut self, head: &ResponseHead, bytes: &[u8]) -> Result<(), ResponseStop> {
        let mut out = self.client.thread.buffers.scratch();
        head::write_interim(&mut out, head, bytes);
        let sent = self.client.send(&out).await;
        self.client.thread.buffers.give_scratch(out);
        sent.map_err(|_| ResponseStop::Client)
    }

    fn respond(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
        whole: bool,
    ) -> Result<(), ResponseStop> {
        let framing = client_framing(head, ex);
        self.sink.chunks = framing == BodyFraming::Chunked;
        self.keep_open =
            whole && ex.head.keep_alive && framing != BodyFraming::Close && self.client.may_go_on();
        let keep = if self.keep_open {
            Keep::Open(ex.head.version)
        } else {
            Keep::Close
        };
        let thread = Rc::clone(&self.client.thread);
        let parts = ResponseParts {
            head,
            bytes,
            ex,
            thread: &thread,
            body: framing,
            keep,
        };
        head::write_response(&mut self.sink.out, &parts);
        Ok(())
    }

    fn agree(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
    ) -> Result<(), ResponseStop> {
        self.source = Source::UntilClose;
        self.keep_open = false;
        head::write_agreed(&mut self.sink.out, head, bytes, ex);
        Ok(())
    }

    fn agreed_status(&self) -> u16 {
        101
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        _last: bool,
    ) -> Poll<Result<(), ResponseStop>> {
        let polled = self.sink.poll_send(&mut self.client.io, cx, data);
        polled.map_err(|_| ResponseStop::Client)
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: &[u8],
    ) -> Poll<Result<(), ResponseStop>> {
        let trailers = if self.takes_trailers { trailers } else { b"" };
        let polled = self.sink.poll_end(&mut self.client.io, cx, trailers);
        polled.map_err(|_| ResponseStop::Client)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ResponseStop>> {
        let polled = self.sink.poll_flush(&mut self.client.io, cx);
        polled.map_err(|_| ResponseStop::Client)
    }

    fn cut(&mut self, _: &Exchange, _: Code) -> After {
        wire::abort(&self.client.io);
        After::Close
    }

    fn complete(&mut self, whole: bool) -> After {
        match (self.keep_open, whole) {
            (true, _) => After::KeepAlive,
            (false, true) => self.client.closing(),
            (false, false) => After::Linger,
        }
    }
}
