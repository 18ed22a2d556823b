//! Answers of the gateway's own on an HTTP/1 connection, and what becomes of the connection after them.

use std::io;
use std::rc::Rc;
use std::task::Poll;

use frontdesk_http::{Framing, Method};
use frontdesk_policies::{Code, Exchange};

use super::client::Client;
use super::head::{self, Keep};
use super::request_body::BodyState;
use crate::answer::Answer;
use crate::exchange::Report;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    KeepAlive,
    Close,
    /// Close, but take what the client still sends for a while.
    Linger,
}

/// Sends an answer of the gateway's own, and sees to what is left of the request: a short body is read and
/// dropped, before a longer one the connection ends. The next request is never built from the rest.
pub(crate) async fn send_answer(
    client: &mut Client,
    ex: &Exchange,
    answer: &Answer,
    report: &mut Report,
) -> After {
    report.status = answer.status;
    let rest = unread_body(client, ex, report);
    let keep_open = rest.is_some() && ex.head.keep_alive && client.may_go_on();
    let keep = if keep_open {
        Keep::Open(ex.head.version)
    } else {
        Keep::Close
    };
    let mut out = client.thread.buffers.scratch();
    let is_head = ex.head.method == Method::Head;
    let date = client.thread.clock.date();
    let mut fields = Answer {
        status: answer.status,
        fields: answer.fields.clone(),
        body: Vec::new(),
    };
    fields.fields.extend_from_slice(b"x-request-id: ");
    fields.fields.extend_from_slice(ex.request_id.as_bytes());
    fields.fields.extend_from_slice(b"\r\n");
    fields.fields.extend_from_slice(&ex.response_lines);
    fields.body.extend_from_slice(&answer.body);
    head::write_answer(&mut out, &fields, &date, is_head, keep);
    let sent = client.send(&out).await;
    client.thread.buffers.give_scratch(out);
    if sent.is_err() {
        report.abort(Code::ClientClosed, &client.thread);
        return After::Close;
    }
    if !is_head {
        report.bytes_out = answer.body.len() as u64;
    }
    match rest {
        Some(rest) if keep_open => match drain(client, rest).await {
            Ok(()) => After::KeepAlive,
            Err(_) => After::Close,
        },
        Some(0) => client.closing(),
        _ => After::Linger,
    }
}

/// The bytes of the body that are still to come, if it is worth reading them.
fn unread_body(client: &Client, ex: &Exchange, report: &Report) -> Option<u64> {
    match (ex.head.framing, report.body) {
        (Framing::None, _) | (_, BodyState::Read) => Some(0),
        // Part of it went upstream: where it ends is not worth finding out.
        (_, BodyState::Partial) => None,
        (Framing::Length(length), _)
            if length <= client.listener.early_drain && !ex.head.expect_continue =>
        {
            Some(length)
        }
        (Framing::Length(_) | Framing::Chunked, _) => None,
    }
}

/// Reads and drops so many bytes of a body; the time is for all of them together.
async fn drain(client: &mut Client, mut rest: u64) -> io::Result<()> {
    let clock = Rc::clone(&client.thread.clock);
    let deadline = clock.after(client.listener.body_idle);
    loop {
        let ready_now = (client.inbuf.len() as u64).min(rest);
        client.inbuf.consume(ready_now as usize);
        rest -= ready_now;
        if rest == 0 {
            return Ok(());
        }
        let n = std::future::poll_fn(|cx| {
            client.make_room();
            let polled = super::io::poll_read(&mut client.io, &mut client.inbuf, cx);
            if polled.is_pending() {
                if clock.now() >= deadline {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                client.timer.arm(deadline);
            }
            polled
        })
        .await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
