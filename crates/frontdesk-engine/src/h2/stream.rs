//! One HTTP/2 stream of a client: a request and its response.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use frontdesk_http::{Fault, Framing, Method, ResponseFraming, ResponseHead, TrailerLimits};
use frontdesk_policies::{Code, Exchange, Rejection, RequestId};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use super::head;
use super::server::Active;
use crate::answer::Answer;
use crate::build::ListenerConfig;
use crate::clock::Timer;
use crate::exchange::{self, Downstream, Report};
use crate::forward::{Attempt, Failure, Opened};
use crate::grpc;
use crate::h1::client::code_of;
use crate::h1::head::write_response_fields;
use crate::h1::request_body::RequestStop;
use crate::h1::response_body::ResponseStop;
use crate::relay::{self, ClientSide, Piece, PieceStop, poll_piece, poll_send, send_end};
use crate::thread::Thread;
use crate::websocket;

/// The client's side of one stream.
pub(crate) struct Stream {
    body: RecvStream,
    /// Whether the request's body has ended.
    body_ended: bool,
    respond: SendResponse<Bytes>,
    send: Option<SendStream<Bytes>>,
    /// Whether the response's end has been sent.
    ended: bool,
    is_head: bool,
    timer: Timer,
    listener: Rc<ListenerConfig>,
    active: Active,
}

/// Serves one stream.
pub(crate) async fn serve(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    active: Active,
) {
    let thread = Rc::clone(&active.0.thread);
    let timer = poll_fn(|cx| Poll::Ready(Timer::new(&thread.clock, cx.waker()))).await;
    let listener = Rc::clone(&active.0.source.borrow());
    let (parts, body) = request.into_parts();
    let mut stream = Stream {
        body_ended: body.is_end_stream(),
        body,
        respond,
        send: None,
        ended: false,
        is_head: parts.method == http::Method::HEAD,
        timer,
        listener,
        active,
    };
    let mut ex = thread.take_exchange();
    ex.bytes = thread.buffers.scratch();
    ex.peer = stream.active.0.peer;
    ex.scheme = stream.active.0.scheme;
    let key = match parts.extensions.get::<h2::ext::Protocol>() {
        Some(_) => websocket::key(&thread),
        None => String::new(),
    };
    let limits = &stream.listener.limits;
    let received = head::receive(&parts, stream.body_ended, limits, &key, &mut ex);
    drop(parts);
    match received {
        Ok(()) if ex.head.framing == Framing::Length(0) && !stream.ends_empty().await => {
            thread.give_exchange(ex);
            stream.respond.send_reset(Reason::PROTOCOL_ERROR);
        }
        Ok(()) => exchange::run(&mut stream, ex).await,
        Err(fault) => {
            thread.give_exchange(ex);
            stream.refuse(fault).await;
        }
    }
}

impl Stream {
    fn thread(&self) -> &Rc<Thread> {
        &self.active.0.thread
    }

    /// Waits for the end of a body that is said to be empty, before the target is told so; whether it is.
    async fn ends_empty(&mut self) -> bool {
        let clock = Rc::clone(&self.thread().clock);
        let deadline = clock.after(self.listener.body_idle);
        let ended = poll_fn(|cx| match self.poll_body(cx) {
            Poll::Ready(Ok(Piece::Data { data, last: false })) if data.is_empty() => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Ok(Piece::Data { data, .. })) => Poll::Ready(data.is_empty()),
            Poll::Ready(Ok(Piece::End(_))) => Poll::Ready(true),
            Poll::Ready(Err(_)) => Poll::Ready(false),
            Poll::Pending if clock.now() >= deadline => Poll::Ready(false),
            Poll::Pending => {
                self.timer.arm(deadline);
                Poll::Pending
            }
        });
        ended.await
    }

    /// Says what is wrong with a request that cannot be read.
    async fn refuse(&mut self, fault: Fault) {
        let thread = Rc::clone(self.thread());
        let code = code_of(fault);
        thread.stats.codes.of(code).add(1);
        thread.stats.request_faults.of(fault).add(1);
        let mut id = RequestId::EMPTY;
        id.generate(thread.random(), thread.random());
        let rejection = Rejection::new(code, format!("The request is refused: {fault}."));
        let mut answer = Answer::unread(&rejection, &id, &thread.shared.via);
        answer
            .fields
            .extend_from_slice(&self.listener.response_lines);
        let size = answer.body.len() as u64;
        exchange::log_unreadable(&thread, self.active.0.peer, &id, code, Some(fault), size);
        let mut fields = head::fields(&answer.fields);
        // A generated id is a valid value.
        if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
            fields.insert("x-request-id", value);
        }
        // The client may be gone already; nobody else waits for the outcome.
        let _ = self.send_answer(answer.status, fields, answer.body).await;
    }

    /// Sends a whole response. Its body is small.
    async fn send_answer(
        &mut self,
        status: u16,
        mut fields: HeaderMap,
        body: Vec<u8>,
    ) -> Result<(), ResponseStop> {
        let bodiless = matches!(status, 204 | 304);
        if let Ok(date) = HeaderValue::from_bytes(&self.thread().clock.date()) {
            fields.insert(header::DATE, date);
        }
        if !bodiless {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let ends = bodiless || self.is_head || body.is_empty();
        self.begin(status, fields, ends)?;
        if ends {
            return Ok(());
        }
        let mut data = Bytes::from(body);
        let thread = Rc::clone(self.thread());
        let deadline = thread.clock.after(self.listener.write_idle);
        poll_fn(|cx| match self.poll_send(cx, &mut data, true) {
            Poll::Ready(Ok(())) => self.poll_end(cx, b""),
            Poll::Pending if thread.clock.now() >= deadline => {
                Poll::Ready(Err(ResponseStop::Client))
            }
            Poll::Pending => {
                self.timer.arm(deadline);
                Poll::Pending
            }
            error @ Poll::Ready(Err(_)) => error,
        })
        .await
    }

    /// Sends a response's head.
    fn begin(&mut self, status: u16, fields: HeaderMap, ends: bool) -> Result<(), ResponseStop> {
        let send = self.respond.send_response(response(status, fields), ends);
        self.send = Some(send.map_err(|_| ResponseStop::Client)?);
        self.ended = ends;
        Ok(())
    }
}

fn response(status: u16, fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    // Every status that gets here lies within 100 and 599.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = fields;
    response
}

impl Downstream for Stream {
    type After = ();

    fn thread(&self) -> &Rc<Thread> {
        &self.active.0.thread
    }

    fn listener(&self) -> &Rc<ListenerConfig> {
        &self.listener
    }

    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn whole_body(&self, ex: &Exchange) -> Option<&[u8]> {
        (ex.head.framing == Framing::None).then_some(&[])
    }

    async fn answer(&mut self, ex: &Exchange, answer: &Answer, report: &mut Report) {
        report.status = answer.status;
        let mut lines = answer.fields.clone();
        lines.extend_from_slice(b"x-request-id: ");
        lines.extend_from_slice(ex.request_id.as_bytes());
        lines.extend_from_slice(b"\r\n");
        lines.extend_from_slice(&ex.response_lines);
        let sent = self.send_answer(answer.status, head::fields(&lines), answer.body.clone());
        if sent.await.is_err() {
            report.abort(Code::ClientClosed, &self.active.0.thread);
        } else if ex.head.method != Method::Head {
            report.bytes_out = answer.body.len() as u64;
        }
    }

    fn gone(&mut self) {}

    async fn attempt(
        &mut self,
        up: Opened,
        attempt: &Attempt<'_>,
        ex: &mut Exchange,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let target = relay::open(self, up, attempt, ex)?;
        relay::run(self, target, attempt, ex, report).await
    }
}

impl ClientSide for Stream {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, RequestStop>> {
        let limits = TrailerLimits {
            bytes: self.listener.limits.head_bytes,
            fields: self.listener.limits.fields,
        };
        let polled = poll_piece(&mut self.body, limits, cx);
        if let Poll::Ready(Ok(Piece::End(_))) = polled {
            self.body_ended = true;
        }
        polled.map_err(|stop| match stop {
            PieceStop::Stream => RequestStop::ClientGone,
            PieceStop::Malformed(fault) => RequestStop::Malformed(fault),
        })
    }

    fn taken(&mut self, bytes: usize) {
        // A stream that has ended meanwhile needs no room.
        let _ = self.body.flow_control().release_capacity(bytes);
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.send {
            Some(send) => send.poll_reset(cx).is_ready(),
            None => self.respond.poll_reset(cx).is_ready(),
        }
    }

    async fn interim(&mut self, head: &ResponseHead, bytes: &[u8]) -> Result<(), ResponseStop> {
        let mut lines = Vec::new();
        crate::h1::head::write_interim(&mut lines, head, bytes);
        let interim = response(head.status, head::fields(&lines));
        let sent = self.respond.send_informational(interim);
        sent.map_err(|_| ResponseStop::Client)
    }

    fn respond(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
        _whole: bool,
    ) -> Result<(), ResponseStop> {
        let thread = Rc::clone(self.thread());
        let mut lines = thread.buffers.scratch();
        write_response_fields(&mut lines, head, bytes, ex, &thread);
        let mut fields = head::fields(&lines);
        thread.buffers.give_scratch(lines);
        let ends = matches!(
            head.framing,
            ResponseFraming::None | ResponseFraming::Length(0)
        );
        let length = match head.framing {
            ResponseFraming::Length(length) => Some(length),
            _ => head.content_length,
        };
        if let Some(length) = length.filter(|_| head.status != 204) {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        self.begin(head.status, fields, ends)
    }

    fn agree(
        &mut self,
        ex: &Exchange,
        head: &ResponseHead,
        bytes: &[u8],
    ) -> Result<(), ResponseStop> {
        let thread = Rc::clone(self.thread());
        let mut lines = Vec::new();
        write_response_fields(&mut lines, head, bytes, ex, &thread);
        let mut fields = head::fields(&lines);
        // RFC 8441 §5: the answer to the key has no meaning here.
        fields.remove("sec-websocket-accept");
        self.begin(200, fields, false)
    }

    fn agreed_status(&self) -> u16 {
        200
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut Bytes,
        last: bool,
    ) -> Poll<Result<(), ResponseStop>> {
        self.ended |= last;
        match &mut self.send {
            Some(send) => poll_send(send, cx, data, last).map_err(|_| ResponseStop::Client),
            None => Poll::Ready(Err(ResponseStop::Client)),
        }
    }

    fn poll_end(&mut self, _: &mut Context<'_>, trailers: &[u8]) -> Poll<Result<(), ResponseStop>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        let Some(send) = &mut self.send else {
            return Poll::Ready(Err(ResponseStop::Client));
        };
        self.ended = true;
        Poll::Ready(send_end(send, trailers).map_err(|_| ResponseStop::Client))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ResponseStop>> {
        Poll::Ready(Ok(()))
    }

    fn cut(&mut self, ex: &Exchange, code: Code) {
        if ex.grpc
            && !self.ended
            && code != Code::WriteTimeout
            && let Some(send) = &mut self.send
        {
            let mut lines = Vec::new();
            grpc::write_status(grpc::status_of(code), code.title(), &mut lines);
            if send.send_trailers(head::fields(&lines)).is_ok() {
                self.ended = true;
                return;
            }
        }
        match &mut self.send {
            Some(send) => send.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }

    fn complete(&mut self, _whole: bool) {}
}
