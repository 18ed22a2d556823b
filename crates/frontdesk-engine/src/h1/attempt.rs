//! One attempt on an HTTP/1 target for an HTTP/1 client: bytes go from socket to socket.

use frontdesk_http::{Fault, Method, ResponseHead, Version};
use frontdesk_policies::{Code, Exchange};

use super::answering::After;
use super::client::Client;
use super::connection::Connection;
use super::deliver::Answered;
use super::head::{self, RequestParts};
use super::request_body::RequestBody;
use super::response_body::ResponseStop;
use super::transfer::{Stop, Transfer};
use crate::exchange::Report;
use crate::forward::{Attempt, Failure, Retry};

/// Interim responses of one exchange, at the most.
pub(crate) const MAX_INTERIM: u32 = 16;

/// Sends the request and its response.
pub(crate) async fn run(
    client: &mut Client,
    mut up: Connection,
    attempt: &Attempt<'_>,
    ex: &mut Exchange,
    report: &mut Report,
) -> Result<After, Failure> {
    let &Attempt {
        plan,
        target,
        total,
    } = attempt;
    let upstream = &plan.state.upstreams[target];
    let upgrade = head::upgrade_token(&ex.head, &ex.bytes, &plan.route.upgrades);
    let mut out = client.thread.buffers.scratch();
    head::write_request(
        &mut out,
        &RequestParts {
            ex,
            forward: plan.forward,
            service: plan.service,
            target: &plan.service.targets[target],
            listener: &client.listener,
            thread: plan.thread,
            upgrade,
            close: false,
        },
    );
    let mut request = RequestBody::new(out, ex, client, plan.route.max_body);
    if ex.head.expect_continue && request.expects_more(client) && !report.continued {
        report.continued = true;
        // A client that is gone shows when its body is read.
        let _ = client.send(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    }
    let mut head = std::mem::take(&mut ex.spare_head);
    let mut transfer = Transfer {
        client,
        up: &mut up,
        request: &mut request,
        service: plan.service,
        total,
        is_head: ex.head.method == Method::Head,
        request_broken: false,
    };
    let received = final_head(&mut transfer, &mut head, ex, report).await;
    let broken = transfer.request_broken;
    report.bytes_in = request.received;
    report.body = request.state();
    let length = match received {
        Ok(length) => length,
        Err(stop) => {
            let failure = failure(&stop, &up, &request, report.interim);
            client.thread.buffers.give(std::mem::take(&mut up.buf));
            client.thread.buffers.give_scratch(request.into_scratch());
            return Err(failure);
        }
    };
    report.upstream_us = Some(report.started.elapsed().as_micros() as u64);
    request.commit(client);
    report.body = request.state();
    let answered = Answered {
        up,
        request,
        head,
        length,
        broken,
        total,
    };
    Ok(answered.deliver(client, ex, plan, upstream, report).await)
}

/// The final response head; interim ones are passed on.
async fn final_head(
    transfer: &mut Transfer<'_>,
    head: &mut ResponseHead,
    ex: &Exchange,
    report: &mut Report,
) -> Result<usize, Stop> {
    loop {
        let length = transfer.head(head).await?;
        if head.status >= 200 || head.status == 101 {
            return Ok(length);
        }
        report.interim += 1;
        if report.interim > MAX_INTERIM {
            return Err(Stop::Malformed(Fault::StatusInvalid));
        }
        // 100 was answered here already; HTTP/1.0 knows no interim responses.
        if head.status != 100 && ex.head.version == Version::Http11 {
            let mut out = transfer.client.thread.buffers.scratch();
            head::write_interim(&mut out, head, transfer.up.buf.unread());
            let sent = transfer.client.send(&out).await;
            transfer.client.thread.buffers.give_scratch(out);
            sent.map_err(|_| Stop::Response(ResponseStop::Client))?;
        }
        transfer.up.buf.consume(length);
    }
}

/// What an early end of an attempt means.
fn failure(stop: &Stop, up: &Connection, request: &RequestBody, interim: u32) -> Failure {
    let (code, fault) = stop.meaning();
    let retry = match code {
        Code::UpstreamReset if interim == 0 && !request.discarded && up.buf.is_empty() => {
            if !request.sent_any {
                Retry::Safe
            } else if up.reused {
                Retry::Stale
            } else {
                Retry::IfIdempotent
            }
        }
        _ => Retry::Never,
    };
    Failure {
        code,
        fault,
        tls: None,
        retry,
    }
}
