//! Upgraded connections: what passes, when a side counts as dead, and how a WebSocket is ended politely.
//!
//! One [`Conversation`] judges both directions, whichever protocols carry them (RFC 6455; RFC 8441 over HTTP/2).
//! A frame of the gateway's own goes out only between two frames of the other side's.

use data_encoding::BASE64;
use frontdesk_http::websocket::{FrameFault, Frames, Sender, close, ping};
use frontdesk_upstream::Upstream;
use sha1::{Digest, Sha1};

use crate::clock::{NEVER, Tick};
use crate::thread::Thread;

/// Ticks that both sides get to answer a close frame.
const GOODBYE: Tick = 200;

/// What a route says of its upgraded connections.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Origins of pages that may connect, in lower case; any where there are none.
    pub(crate) origins: Box<[String]>,
    /// Ticks without a sign of life, after which it ends.
    pub(crate) idle: Tick,
    /// Ticks of silence after which a side is asked whether it lives.
    pub(crate) ping: Tick,
    /// Payload bytes of a message.
    pub(crate) max_message: u64,
}

/// One end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Target,
}

impl End {
    fn other(self) -> End {
        match self {
            End::Client => End::Target,
            End::Target => End::Client,
        }
    }
}

/// Why the gateway ends a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Shutdown,
    ServiceChanged,
    Idle,
    MessageTooLarge(End),
    Protocol(End),
}

impl Reason {
    /// As metrics name them.
    pub(crate) const LABELS: [&'static str; 5] = [
        "shutdown",
        "service_changed",
        "idle",
        "message_too_large",
        "protocol_error",
    ];

    fn index(self) -> usize {
        match self {
            Reason::Shutdown => 0,
            Reason::ServiceChanged => 1,
            Reason::Idle => 2,
            Reason::MessageTooLarge(_) => 3,
            Reason::Protocol(_) => 4,
        }
    }

    /// The code that an end is told (RFC 6455 §7.4.1; 1012 is registered with IANA as "Service Restart").
    fn code(self, to: End) -> u16 {
        match self {
            Reason::Shutdown | Reason::ServiceChanged if to == End::Client => 1012,
            Reason::MessageTooLarge(by) if by == to => 1009,
            Reason::Protocol(by) if by == to => 1002,
            _ => 1001,
        }
    }
}

/// What is known of one end.
struct Half {
    /// What it sends; none where it is no WebSocket.
    frames: Option<Frames>,
    /// When it was last heard.
    heard: Tick,
    /// Whether it was asked since.
    asked: bool,
    /// Whether the gateway has sent it a close frame.
    told: bool,
}

impl Half {
    fn new(frames: Option<Frames>, now: Tick) -> Half {
        Half {
            frames,
            heard: now,
            asked: false,
            told: false,
        }
    }

    fn is_between(&self) -> bool {
        self.frames.as_ref().is_none_or(Frames::is_between)
    }

    fn is_closed(&self) -> bool {
        self.frames.as_ref().is_none_or(Frames::is_closed)
    }
}

/// An upgraded connection.
pub(crate) struct Conversation {
    client: Half,
    target: Half,
    idle: Tick,
    ping: Tick,
    ending: Option<(Reason, Tick)>,
    mask: [u8; 4],
}

impl Conversation {
    pub(crate) fn new(rules: &Rules, is_websocket: bool, thread: &Thread) -> Conversation {
        let now = thread.clock.now();
        let frames = |sender| is_websocket.then(|| Frames::new(sender, rules.max_message));
        Conversation {
            client: Half::new(frames(Sender::Client), now),
            target: Half::new(frames(Sender::Server), now),
            idle: rules.idle,
            ping: if is_websocket { rules.ping } else { NEVER },
            ending: None,
            mask: (thread.random() as u32).to_be_bytes(),
        }
    }

    fn half(&mut self, end: End) -> &mut Half {
        match end {
            End::Client => &mut self.client,
            End::Target => &mut self.target,
        }
    }

    /// An end has sent this: how much of it may pass. The rest is to be dropped.
    pub(crate) fn heard(&mut self, from: End, bytes: &[u8], thread: &Thread) -> usize {
        let is_ending = self.ending.is_some();
        let told = self.half(from.other()).told;
        let half = self.half(from);
        (half.heard, half.asked) = (thread.clock.now(), false);
        let Some(frames) = &mut half.frames else {
            return if is_ending { 0 } else { bytes.len() };
        };
        if !is_ending {
            let Err((fault, length)) = frames.follow(bytes) else {
                return bytes.len();
            };
            let reason = match fault {
                FrameFault::Protocol => Reason::Protocol(from),
                FrameFault::TooLarge => Reason::MessageTooLarge(from),
            };
            self.end(reason, thread);
            return length;
        }
        // A frame that has begun is finished, so that one of the gateway's own can follow. A fault changes nothing
        // any more.
        let pass = match frames.follow_rest(bytes) {
            Ok(length) | Err((_, length)) => length,
        };
        let _ = frames.follow(&bytes[pass..]);
        if told { 0 } else { pass }
    }

    /// A frame of the gateway's own for an end, to which all that passed so far has been sent.
    pub(crate) fn due(&mut self, to: End, thread: &Thread) -> Option<Vec<u8>> {
        if !self.half(to.other()).is_between() {
            return None;
        }
        let now = thread.clock.now();
        let (ending, ping_after) = (self.ending, self.ping);
        let mask = (to == End::Target).then_some(self.mask);
        let half = self.half(to);
        half.frames.as_ref()?;
        if let Some((reason, _)) = ending {
            return (!std::mem::replace(&mut half.told, true))
                .then(|| close(reason.code(to), mask));
        }
        let silent = now >= half.heard.saturating_add(ping_after);
        (silent && !std::mem::replace(&mut half.asked, true)).then(|| ping(mask))
    }

    /// Looks at the clock and at what else ends conversations; whether this one is over.
    pub(crate) fn is_over(&mut self, thread: &Thread, upstream: &Upstream) -> bool {
        let now = thread.clock.now();
        if let Some((_, since)) = self.ending {
            let answered = self.client.is_closed() && self.target.is_closed();
            let told = self.client.told && self.target.told;
            return self.client.frames.is_none()
                || told && answered
                || now >= since.saturating_add(GOODBYE);
        }
        if thread.draining.get() && self.client.frames.is_some() {
            self.end(Reason::Shutdown, thread);
        } else if upstream.is_retired() && self.client.frames.is_some() {
            self.end(Reason::ServiceChanged, thread);
        } else if now >= self.silence_ends() {
            self.end(Reason::Idle, thread);
            return self.client.frames.is_none();
        }
        false
    }

    /// When to look again.
    pub(crate) fn next_look(&self) -> Tick {
        if let Some((_, since)) = self.ending {
            // Until both are told, at every tick: one direction may have ended it after the other was looked at.
            let told = self.client.told && self.target.told;
            return if told {
                since.saturating_add(GOODBYE)
            } else {
                since
            };
        }
        let asks = [&self.client, &self.target]
            .into_iter()
            .filter(|half| !half.asked)
            .map(|half| half.heard.saturating_add(self.ping));
        asks.fold(self.silence_ends(), Tick::min)
    }

    /// When it counts as dead. Who is asked answers, so that each end counts; else both are silent together.
    fn silence_ends(&self) -> Tick {
        let (a, b) = (self.client.heard, self.target.heard);
        let last = if self.ping == NEVER {
            a.max(b)
        } else {
            a.min(b)
        };
        last.saturating_add(self.idle)
    }

    fn end(&mut self, reason: Reason, thread: &Thread) {
        if self.ending.is_none() {
            self.ending = Some((reason, thread.clock.now()));
            if self.client.frames.is_some() {
                thread.stats.websocket_ends[reason.index()].add(1);
            }
        }
    }
}

/// What a server answers to a key (RFC 6455 §4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(&hash.finalize())
}

/// A key for a client that needs none itself (RFC 6455 §4.1).
pub(crate) fn key(thread: &Thread) -> String {
    let halves = [thread.random(), thread.random()];
    BASE64.encode(&[halves[0].to_be_bytes(), halves[1].to_be_bytes()].concat())
}
