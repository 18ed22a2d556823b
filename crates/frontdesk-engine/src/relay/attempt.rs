//! One attempt: the request to a target, its response to the client.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use frontdesk_http::{Fault, ResponseFraming, ResponseHead, Version};
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
use crate::h1::request_body::RequestStop;
use crate::h1::transfer::Stop;
use crate::pipeline;
use crate::thread::Thread;

struct Relay<'a, S: ClientSide> {
    side: &'a mut S,
    target: &'a mut Target,
    request: &'a mut RequestPieces,
    attempt: &'a Attempt<'a>,
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
    let mut request = match report.request.take() {
        Some(request) => request.again(&thread.clock),
        None => RequestPieces::new(ex, side.listener(), attempt.plan),
    };
    let mut head = std::mem::take(&mut ex.spare_head);
    let mut relay = Relay {
        side,
        target: &mut target,
        request: &mut request,
        attempt,
    };
    let received = relay.final_head(&mut head, ex, report).await;
    report.bytes_in = request.received;
    report.body = request.state();
    if let Err(stop) = received {
        if stop.is_silence() {
            target.doubt();
        }
        let failure = failure(&stop, &target, &request, report.interim);
        if failure.retry != Retry::Never {
            report.request = Some(Box::new(request));
        }
        return Err(failure);
    }
    report.upstream_us = Some(report.started.elapsed().as_micros() as u64);
    forwarding::respond(&mut head, target.bytes(), ex);
    if head.status == 101 {
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
            if stop.is_silence() {
                target.doubt();
            }
            let code = cut(&stop, report, thread);
            if ex.grpc {
                report.grpc_status = Some(grpc::status_of(code).into());
            }
            side.cut(ex, code)
        }
    })
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
        if let Err(stop) = self.request.poll(cx, self.side, self.target) {
            return Poll::Ready(Err(Stop::Request(stop)));
        }
        if *deadline == NEVER && self.request.is_over() {
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
        let result = poll_fn(|cx| {
            let received = self.request.received;
            if let Err(stop) = self.request.poll(cx, self.side, self.target) {
                return Poll::Ready(Err(Stop::Request(stop)));
            }
            if self.request.received > received {
                last = clock.now();
            }
            let waits_for_client = loop {
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
                                None => piece,
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
                    if !is_web {
                        self.target.taken(moved);
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
            if waits_for_client {
                let idle = self.side.listener().write_idle;
                return self.wait(last.saturating_add(idle), Stop::ClientStalled);
            }
            if self.request.is_over() && self.side.poll_gone(cx) {
                return Poll::Ready(Err(Stop::Request(RequestStop::ClientGone)));
            }
            let idle = self.attempt.plan.service.idle;
            self.wait(last.saturating_add(idle), Stop::Stalled)
        });
        let result = result.await;
        (result, sent, end.unwrap_or_default())
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
fn cut(stop: &Stop, report: &mut Report, thread: &Thread) -> Code {
    let (code, fault) = stop.meaning_of_cut();
    if let Some(fault) = fault {
        count_fault(thread, code, fault, report);
    }
    report.abort(code, thread);
    code
}
