//! From a target's response head to the end of the exchange.

use frontdesk_http::{Known, ResponseFraming, ResponseHead, Upgrade, Version};
use frontdesk_policies::{Code, Exchange, Rejection, Response};
use frontdesk_upstream::Upstream;

use super::answering::After;
use super::client::Client;
use super::connection::Connection;
use super::head::{self, BodyFraming, Keep, ResponseParts};
use super::request_body::RequestBody;
use super::response_body::{ResponseBody, ResponseStop};
use super::transfer::{Stop, Transfer};
use super::{io as wire, tunnel};
use crate::build::Route;
use crate::clock::Tick;
use crate::exchange::{Report, reject};
use crate::forward::{Plan, count_fault};
use crate::forwarding;
use crate::pipeline;
use crate::websocket::Conversation;

/// A response head is there: the rest of the exchange.
pub(crate) struct Answered {
    pub(crate) up: Connection,
    pub(crate) request: RequestBody,
    pub(crate) head: ResponseHead,
    /// Bytes of the head in the target's buffer.
    pub(crate) length: usize,
    pub(crate) broken: bool,
    pub(crate) total: Tick,
}

impl Answered {
    /// Sends the response to the client, or becomes a tunnel.
    pub(crate) async fn deliver(
        mut self,
        client: &mut Client,
        ex: &mut Exchange,
        plan: &Plan<'_>,
        upstream: &Upstream,
        report: &mut Report,
    ) -> After {
        forwarding::respond(&mut self.head, self.up.buf.unread(), ex);
        if self.head.status == 101 {
            return self.switch(client, ex, plan, upstream, report).await;
        }
        if !plan.route.policies.is_empty() {
            let bytes = self.up.buf.unread();
            let mut response = Response {
                head: &mut self.head,
                bytes,
            };
            if let Err(rejection) = pipeline::respond(ex, plan.route, &mut response).await {
                return reject(client, ex, &rejection, report).await;
            }
        }
        let framing = client_framing(&self.head, ex);
        let whole = self.request.is_finished();
        let keep_open =
            whole && ex.head.keep_alive && framing != BodyFraming::Close && client.may_go_on();
        let keep = if keep_open {
            Keep::Open(ex.head.version)
        } else {
            Keep::Close
        };
        let mut out = client.thread.buffers.scratch();
        let parts = ResponseParts {
            head: &self.head,
            bytes: self.up.buf.unread(),
            ex,
            thread: plan.thread,
            body: framing,
            keep,
        };
        head::write_response(&mut out, &parts);
        self.up.buf.consume(self.length);
        report.status = self.head.status;
        let mut body = ResponseBody::new(out, self.head.framing, framing, ex.head.te_trailers);
        let mut transfer = Transfer {
            client,
            up: &mut self.up,
            request: &mut self.request,
            service: plan.service,
            total: self.total,
            is_head: false,
            request_broken: self.broken,
        };
        let result = transfer.body(&mut body).await;
        report.bytes_in = self.request.received;
        report.body = self.request.state();
        report.bytes_out = body.sent;
        let started = body.has_started();
        client.thread.buffers.give_scratch(body.into_scratch());
        match result {
            Ok(()) => self.finish(client, ex, upstream, keep_open),
            Err(Stop::Response(ResponseStop::Malformed(fault))) if !started => {
                count_fault(&client.thread, Code::UpstreamMalformed, fault, report);
                let detail = "The service behind the gateway did not give a usable response.";
                let rejection = Rejection::new(Code::UpstreamMalformed, detail);
                reject(client, ex, &rejection, report).await
            }
            Err(stop) => {
                cut(client, &stop, report);
                After::Close
            }
        }
    }

    /// The response is complete. The target's connection is used again only if the whole exchange was clean.
    fn finish(
        self,
        client: &mut Client,
        ex: &mut Exchange,
        upstream: &Upstream,
        keep_open: bool,
    ) -> After {
        let whole = self.request.is_finished() && !self.broken;
        let clean = whole && self.head.keep_alive && self.up.buf.is_empty();
        if clean && self.head.framing != ResponseFraming::UntilClose {
            upstream.checkin(self.up.io, client.thread.clock.now());
        }
        client
            .thread
            .buffers
            .give_scratch(self.request.into_scratch());
        client.thread.buffers.give(self.up.buf);
        ex.spare_head = self.head;
        match (keep_open, whole) {
            (true, _) => After::KeepAlive,
            (false, true) => client.closing(),
            (false, false) => After::Linger,
        }
    }

    /// Whether the target switched to the protocol that was asked for.
    fn grants_upgrade(&self, ex: &Exchange, route: &Route) -> bool {
        let asked = head::upgrade_token(&ex.head, &ex.bytes, &route.upgrades);
        let granted = self
            .head
            .get(Known::Upgrade)
            .map(|field| field.value(self.up.buf.unread()));
        let same = asked
            .zip(granted)
            .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
        self.head.upgrade && same
    }

    async fn switch(
        mut self,
        client: &mut Client,
        ex: &mut Exchange,
        plan: &Plan<'_>,
        upstream: &Upstream,
        report: &mut Report,
    ) -> After {
        if !self.grants_upgrade(ex, plan.route) {
            let detail = "The service behind the gateway switched protocols without being asked.";
            let rejection = Rejection::new(Code::UpgradeRefused, detail);
            return reject(client, ex, &rejection, report).await;
        }
        let mut out = client.thread.buffers.scratch();
        head::write_switching(&mut out, &self.head, self.up.buf.unread(), ex);
        self.up.buf.consume(self.length);
        report.status = 101;
        let sent = client.send(&out).await;
        // It may live for long, and needs nothing of the exchange but what the log will say.
        client.thread.buffers.give_scratch(out);
        client
            .thread
            .buffers
            .give_scratch(self.request.into_scratch());
        drop(self.head);
        client.thread.buffers.give_data(ex.shrink());
        if sent.is_ok() {
            let is_websocket = ex.head.upgrade == Upgrade::WebSocket;
            let rules = plan.build.shared.websocket(plan.route);
            let talk = Conversation::new(rules, is_websocket, &client.thread);
            tunnel::run(client, &mut self.up, upstream, talk, report).await;
        }
        After::Close
    }
}

/// How the body goes to this client (RFC 9112 §6.3, §7).
pub(crate) fn client_framing(head: &ResponseHead, ex: &Exchange) -> BodyFraming {
    match (head.framing, ex.head.version) {
        (ResponseFraming::None, _) => BodyFraming::None,
        (ResponseFraming::Length(length), _) => BodyFraming::Length(length),
        (
            ResponseFraming::Chunked | ResponseFraming::UntilClose,
            Version::Http11 | Version::Http2,
        ) => BodyFraming::Chunked,
        (ResponseFraming::Chunked | ResponseFraming::UntilClose, Version::Http10) => {
            BodyFraming::Close
        }
    }
}

/// The response was cut after its head had gone out: the client must see that.
fn cut(client: &Client, stop: &Stop, report: &mut Report) {
    let (code, fault) = stop.meaning_of_cut();
    if let Some(fault) = fault {
        count_fault(&client.thread, code, fault, report);
    }
    report.abort(code, &client.thread);
    wire::abort(&client.io);
}
