//! One attempt: the request to a target, its response to the client.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use frontdesk_http::{Fault, ResponseFraming, ResponseHead, Upgrade, Version};
use frontdesk_policies::{Code, Exchange, Rejection, Response};

use super::pieces::RequestPieces;
use super::{ClientSide, Piece, Target, TargetStop};
use crate::clock::{NEVER, Tick};
use crate::exchange::{Report, reject};
use crate::forward::{Attempt, Failure, Retry, count_fault};
use crate::forwarding;
use crate::grpc;
use crate::grpc_web::{self, Transform};
use crate::h1::attempt::MAX_INTERIM;
use crate::h1::head::upgrade_token;
use crate::h1::request_body::RequestStop;
use crate::h1::transfer::Stop;
use crate::pipeline;
use crate::thread::Thread;
use crate::websocket::{Conversation, End};

struct Relay<'a, S: ClientSide> {
    side: &'a mut S,
    target: &'a mut Target,
    request: &'a mut RequestPieces,
    attempt: &'a Attempt<'a>,
    /// Once an upgrade was agreed on.
    talk: Option<Conversation>,
}

/// Sends the request and its response.
pub(crate) async fn run<S: ClientSide>(
    side: &mut S,
    mut target: Target,
    attempt: &Attempt<'_>,
    ex: &mut Exchange,
    report: &mut Report,
) -> Result<S::After, Failure> {
    let thread = attempt.plan.thread;
    let asked = upgrade_token(&ex.head, &ex.bytes, &attempt.plan.route.upgrades).is_some();
    let mut request = begin(side, attempt, ex, asked, report);
    let mut head = std::mem::take(&mut ex.spare_head);
    let mut relay = Relay {
        side,
        target: &mut target,
        request: &mut request,
        attempt,
        talk: None,
    };
    let received = relay.final_head(&mut head, ex, report).await;
    report.bytes_in = request.received;
    report.body = request.state();
    if let Err(stop) = received {
        let failure = failure(&stop, &target, &request, report.interim);
        if failure.retry != Retry::Never {
            report.request = Some(Box::new(request));
        }
        return Err(failure);
    }
    report.upstream_us = Some(report.started.elapsed().as_micros() as u64);
    forwarding::respond(&mut head, target.bytes(), ex);
    let agreed = asked && target.agrees(&head, ex);
    request.settle(agreed);
    if agreed {
        return Ok(upgraded(side, target, request, attempt, ex, &head, report).await);
    }
    // To a client that asked over HTTP/2, any success would mean that it was agreed on.
    let misleads = asked && ex.head.version == Version::Http2 && head.status < 300;
    if head.status == 101 || misleads {
        let detail = "The service behind the gateway switched protocols without being asked.";
        let rejection = Rejection::new(Code::UpgradeRefused, detail);
        return Ok(reject(side, ex, &rejection, report).await);
    }
    if !attempt.plan.route.policies.is_empty() {
        let mut response = Response {
            head: &mut head,
            bytes: target.bytes(),
        };
        if let Err(rejection) = pipeline::respond(ex, attempt.plan.route, &mut response).await {
            return Ok(reject(side, ex, &rejection, report).await);
        }
    }
    let grpc_status = head
        .find(target.bytes(), b"grpc-status")
        .and_then(grpc::parse_status);
    grpc_web::respond(ex, &mut head);
    let whole = request.is_finished();
    report.status = head.status;
    if side.respond(ex, &head, target.bytes(), whole).is_err() {
        report.abort(Code::ClientClosed, thread);
        return Ok(side.gone());
    }
    target.head_done(&head);
    let has_body = !matches!(
        head.framing,
        ResponseFraming::None | ResponseFraming::Length(0)
    );
    let mut relay = Relay {
        side,
        target: &mut target,
        request: &mut request,
        attempt,
        talk: None,
    };
    let (result, sent, trailers) = relay.body(Transform::of(ex), has_body).await;
    report.bytes_in = request.received;
    report.body = request.state();
    report.bytes_out = sent;
    if ex.grpc {
        report.grpc_status = grpc::status_in(&trailers).or(grpc_status);
    }
    Ok(match result {
        Ok(()) => {
            if let Target::Http1(target) = target {
                let upstream = &attempt.plan.state.upstreams[attempt.target];
                target.release(upstream, &head, request.is_finished(), thread);
            }
            ex.spare_head = head;
            side.complete(whole)
        }
        Err(stop) => {
            let code = cut(&stop, &target, report, thread);
            if ex.grpc {
                report.grpc_status = Some(grpc::status_of(code).into());
            }
            side.cut(ex, code)
        }
    })
}

/// The request's body, from its beginning also where it was tried before.
fn begin<S: ClientSide>(
    side: &S,
    attempt: &Attempt<'_>,
    ex: &Exchange,
    asked: bool,
    report: &mut Report,
) -> RequestPieces {
    match report.request.take() {
        Some(request) if !asked => request.again(&attempt.plan.thread.clock),
        _ if asked => RequestPieces::of_upgrade(ex, side.listener(), attempt.plan),
        _ => RequestPieces::new(ex, side.listener(), attempt.plan),
    }
}

/// Relays an upgraded connection. However it ends, there is nobody to report an error to.
async fn upgraded<S: ClientSide>(
    side: &mut S,
    mut target: Target,
    mut request: RequestPieces,
    attempt: &Attempt<'_>,
    ex: &Exchange,
    head: &ResponseHead,
    report: &mut Report,
) -> S::After {
    let plan = attempt.plan;
    let is_websocket = ex.head.upgrade == Upgrade::WebSocket;
    let rules = plan.build.shared.websocket(plan.route);
    let agreed = side.agree(ex, head, target.bytes());
    report.status = side.agreed_status();
    if agreed.is_err() {
        report.abort(Code::ClientClosed, plan.thread);
        return side.gone();
    }
    target.switch(head);
    plan.thread.stats.tunnels.add(1);
    let endless = Attempt {
        total: NEVER,
        ..*attempt
    };
    let mut relay = Relay {
        side,
        target: &mut target,
        request: &mut request,
        attempt: &endless,
        talk: Some(Conversation::new(rules, is_websocket, plan.thread)),
    };
    let (result, sent, _) = relay.body(None, true).await;
    plan.thread.stats.tunnels.sub(1);
    report.bytes_in = request.received;
    report.bytes_out = sent;
    match result {
        Ok(()) => side.complete(false),
        Err(stop) => side.cut(ex, stop.meaning_of_cut().0),
    }
}

impl<S: ClientSide> Relay<'_, S> {
    async fn final_head(
        &mut self,
        head: &mut ResponseHead,
        ex: &Exchange,
        report: &mut Report,
    ) -> Result<(), Stop> {
        if ex.head.expect_continue && !report.continued && !self.request.has_ended() {
            report.continued = true;
            let mut go_on = ResponseHead::default();
            go_on.status = 100;
            // A client that is gone shows when its body is read.
            let _ = self.side.interim(&go_on, b"").await;
        }
        loop {
            let mut deadline = NEVER;
            poll_fn(|cx| self.poll_head(cx, head, &mut deadline)).await?;
            if head.status >= 200 || head.status == 101 {
                return Ok(());
            }
            report.interim += 1;
            if report.interim > MAX_INTERIM {
                return Err(Stop::Malformed(Fault::StatusInvalid));
            }
            // 100 was answered here already; HTTP/1.0 knows no interim responses.
            if head.status != 100 && ex.head.version != Version::Http10 {
                let sent = self.side.interim(head, self.target.bytes()).await;
                sent.map_err(Stop::Response)?;
            }
            self.target.head_done(head);
        }
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        deadline: &mut Tick,
    ) -> Poll<Result<(), Stop>> {
        let polled = self.request.poll(cx, self.side, self.target, &mut None);
        if let Err(stop) = polled {
            return Poll::Ready(Err(Stop::Request(stop)));
        }
        if *deadline == NEVER && (self.request.is_over() || self.request.is_held()) {
            let clock = &self.attempt.plan.thread.clock;
            *deadline = clock.after(self.attempt.plan.service.first_byte);
        }
        match self.target.poll_head(cx, head) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(stop)) => {
                return Poll::Ready(Err(match stop {
                    TargetStop::Refused => Stop::Refused,
                    TargetStop::Closed => Stop::NoResponse,
                    TargetStop::Malformed(fault) => Stop::Malformed(fault),
                }));
            }
            Poll::Pending => {}
        }
        if self.request.is_over() && self.side.poll_gone(cx) {
            return Poll::Ready(Err(Stop::Request(RequestStop::ClientGone)));
        }
        self.wait(*deadline, Stop::FirstByte)
    }

    /// Sends the response body, and what is left of the request; how it ended, the body bytes sent and the
    /// trailer lines.
    async fn body(
        &mut self,
        mut web: Option<Transform>,
        has_body: bool,
    ) -> (Result<(), Stop>, u64, Vec<u8>) {
        let is_web = web.is_some();
        let clock = &self.attempt.plan.thread.clock;
        let (mut data, mut end, mut sent) = (Bytes::new(), None::<Vec<u8>>, 0);
        let mut last = clock.now();
        // Bytes of `data` for which the target gets no room.
        let mut own = 0;
        let result = poll_fn(|cx| {
            let received = self.request.received;
            let polled = self
                .request
                .poll(cx, self.side, self.target, &mut self.talk);
            if let Err(stop) = polled {
                return Poll::Ready(Err(Stop::Request(stop)));
            }
            if self.conversation_is_over() {
                // Both ends are told as far as they listen.
                let _ = self.target.poll_end(cx, b"");
                return self.side.poll_end(cx, b"").map(|_| Ok(()));
            }
            if self.request.received > received {
                last = clock.now();
            }
            let waits_for_client = loop {
                if data.is_empty() && end.is_none() {
                    data = self.own_frame();
                    own += data.len();
                }
                let size = data.len();
                let polled = match &end {
                    end if size > 0 => self.side.poll_send(cx, &mut data, end.is_some()),
                    Some(trailers) => self.side.poll_end(cx, trailers),
                    None => match self.target.poll_body(cx) {
                        Poll::Ready(Ok(Piece::Data {
                            data: piece,
                            last: is_last,
                        })) => {
                            end = is_last.then(Vec::new);
                            last = clock.now();
                            self.request.touch(clock);
                            data = match &web {
                                None => self.passing(piece),
                                Some(web) => {
                                    self.target.taken(piece.len());
                                    web.encode(piece)
                                }
                            };
                            if let Some(web) = web.take_if(|_| is_last) {
                                data = [&data[..], &web.trailers(b"")].concat().into();
                            }
                            continue;
                        }
                        Poll::Ready(Ok(Piece::End(trailers))) => {
                            if let Some(web) = web.take().filter(|_| has_body) {
                                data = web.trailers(&trailers);
                            }
                            end = Some(trailers);
                            continue;
                        }
                        Poll::Ready(Err(stop)) => return Poll::Ready(Err(Stop::Response(stop))),
                        Poll::Pending => match self.side.poll_flush(cx) {
                            Poll::Pending => break true,
                            Poll::Ready(Ok(())) => break false,
                            Poll::Ready(Err(stop)) => {
                                return Poll::Ready(Err(Stop::Response(stop)));
                            }
                        },
                    },
                };
                let moved = size - data.len();
                if moved > 0 {
                    sent += moved as u64;
                    let ours = moved.min(own);
                    own -= ours;
                    if !is_web {
                        self.target.taken(moved - ours);
                    }
                    last = clock.now();
                }
                match polled {
                    Poll::Pending => break true,
                    Poll::Ready(Err(stop)) => return Poll::Ready(Err(Stop::Response(stop))),
                    Poll::Ready(Ok(())) if size == 0 => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(())) => {}
                }
            };
            self.wait_for_more(cx, waits_for_client, last)
        });
        let result = result.await;
        (result, sent, end.unwrap_or_default())
    }

    /// Neither side can go on now; `last` is when one did.
    fn wait_for_more(
        &mut self,
        cx: &mut Context<'_>,
        waits_for_client: bool,
        last: Tick,
    ) -> Poll<Result<(), Stop>> {
        if let Some(talk) = &self.talk {
            self.side.timer().arm(talk.next_look());
            return Poll::Pending;
        }
        if waits_for_client {
            let idle = self.side.listener().write_idle;
            return self.wait(last.saturating_add(idle), Stop::ClientStalled);
        }
        if self.request.is_over() && self.side.poll_gone(cx) {
            return Poll::Ready(Err(Stop::Request(RequestStop::ClientGone)));
        }
        let idle = self.attempt.plan.service.idle;
        self.wait(last.saturating_add(idle), Stop::Stalled)
    }

    fn conversation_is_over(&mut self) -> bool {
        let (thread, index) = (self.attempt.plan.thread, self.attempt.target);
        let upstream = &self.attempt.plan.state.upstreams[index];
        let talk = self.talk.as_mut();
        talk.is_some_and(|talk| talk.is_over(thread, upstream))
    }

    /// What the gateway itself has to say to the client, if anything.
    fn own_frame(&mut self) -> Bytes {
        let thread = self.side.thread();
        let talk = self.talk.as_mut();
        let frame = talk.and_then(|talk| talk.due(End::Client, thread));
        frame.map_or_else(Bytes::new, Bytes::from)
    }

    /// What of a piece from the target may go on to the client.
    fn passing(&mut self, mut piece: Bytes) -> Bytes {
        if let Some(talk) = &mut self.talk {
            let pass = talk.heard(End::Target, &piece, self.side.thread());
            self.target.taken(piece.len() - pass);
            piece.truncate(pass);
        }
        piece
    }

    /// Waits for the first of all deadlines that concern this attempt.
    fn wait<T>(&mut self, deadline: Tick, stop: Stop) -> Poll<Result<T, Stop>> {
        let now = self.attempt.plan.thread.clock.now();
        if now >= deadline {
            return Poll::Ready(Err(stop));
        }
        if now >= self.attempt.total {
            return Poll::Ready(Err(Stop::Total));
        }
        if now >= self.request.deadline() {
            return Poll::Ready(Err(Stop::Stalled));
        }
        let first = deadline
            .min(self.attempt.total)
            .min(self.request.deadline());
        self.side.timer().arm(first);
        Poll::Pending
    }
}

/// What an early end of an attempt means.
fn failure(stop: &Stop, target: &Target, request: &RequestPieces, interim: u32) -> Failure {
    if stop.is_silence() {
        target.doubt();
    }
    let (code, fault) = stop.meaning();
    let retry = match stop {
        _ if code != Code::UpstreamReset || interim > 0 || !request.is_repeatable() => Retry::Never,
        Stop::Refused => Retry::Safe,
        _ => target.retry(),
    };
    Failure {
        code,
        fault,
        tls: None,
        retry,
    }
}

/// The response was cut after its head had gone out.
fn cut(stop: &Stop, target: &Target, report: &mut Report, thread: &Thread) -> Code {
    if stop.is_silence() {
        target.doubt();
    }
    let (code, fault) = stop.meaning_of_cut();
    if let Some(fault) = fault {
        count_fault(thread, code, fault, report);
    }
    report.abort(code, thread);
    code
}
