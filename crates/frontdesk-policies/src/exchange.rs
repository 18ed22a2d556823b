//! One request and its response in flight, independent of the protocol that carries it.

use std::net::IpAddr;
use std::time::Instant;

use frontdesk_http::{Known, RequestHead, ResponseHead};
use frontdesk_router::{Captures, RequestView};

/// How the client reached the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme as written in a URI.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// A request id of 1 to 128 safe bytes, held inline.
#[derive(Clone, Copy)]
pub struct RequestId {
    bytes: [u8; 128],
    len: u8,
}

impl RequestId {
    /// An empty id, to be filled.
    pub const EMPTY: RequestId = RequestId {
        bytes: [0; 128],
        len: 0,
    };

    /// Takes over an id from outside if it is 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub fn accept(&mut self, value: &[u8]) -> bool {
        let safe = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        let fits = (1..=128).contains(&value.len()) && value.iter().all(safe);
        if fits {
            self.bytes[..value.len()].copy_from_slice(value);
            self.len = value.len() as u8;
        }
        fits
    }

    /// Writes 128 random bits as hexadecimal digits.
    pub fn generate(&mut self, high: u64, low: u64) {
        hex16(high, &mut self.bytes[..16]);
        hex16(low, &mut self.bytes[16..32]);
        self.len = 32;
    }

    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Writes a number as 16 hexadecimal digits.
pub(crate) fn hex16(value: u64, out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in out.iter_mut().take(16).enumerate() {
        *byte = DIGITS[(value >> (60 - 4 * index)) as usize & 15];
    }
}

/// The two forms of gRPC-Web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcWeb {
    /// Messages as they are.
    Binary,
    /// Base64.
    Text,
}

/// One request and its response in flight. Reused from exchange to exchange: [`Exchange::reset`]
/// keeps the capacity of its buffers.
pub struct Exchange {
    /// The request head; ranges point into `bytes`.
    pub head: RequestHead,
    /// The head as received, in the form of HTTP/1 field lines for every protocol.
    pub bytes: Vec<u8>,
    /// Length of the head within `bytes`.
    pub head_len: usize,
    /// The canonical path, where it differs from the one received.
    canonical: Vec<u8>,
    raw_is_canonical: bool,
    /// The path for the upstream where the route rewrites it; empty where it does not.
    pub rewritten: Vec<u8>,
    /// What the path pattern captured: ranges into [`Exchange::path`].
    pub captures: Captures,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
    /// The caller's address: the peer's, or the right-most untrusted hop behind trusted proxies.
    pub client: IpAddr,
    /// Whether the peer may state forwarding fields.
    pub peer_trusted: bool,
    /// How the client reached the gateway.
    pub scheme: Scheme,
    /// Names this exchange in logs and at the upstream.
    pub request_id: RequestId,
    /// The W3C trace id, 32 hexadecimal digits.
    pub trace_id: [u8; 32],
    /// Field lines (`name: value CRLF`) that policies add to the upstream request.
    pub request_lines: Vec<u8>,
    /// Field lines that policies add to the response.
    pub response_lines: Vec<u8>,
    /// Whether it is a gRPC call.
    pub grpc: bool,
    /// The form in which a browser made it, if one did.
    pub grpc_web: Option<GrpcWeb>,
    /// When the caller gives up, where it has said so.
    pub deadline: Option<Instant>,
    /// The response head's memory, while no response is being read.
    pub spare_head: ResponseHead,
}

impl Default for Exchange {
    fn default() -> Exchange {
        let nobody = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        Exchange {
            head: RequestHead::default(),
            bytes: Vec::new(),
            head_len: 0,
            canonical: Vec::new(),
            raw_is_canonical: true,
            rewritten: Vec::new(),
            captures: Captures::default(),
            peer: nobody,
            client: nobody,
            peer_trusted: false,
            scheme: Scheme::Http,
            request_id: RequestId::EMPTY,
            trace_id: [b'0'; 32],
            request_lines: Vec::new(),
            response_lines: Vec::new(),
            grpc: false,
            grpc_web: None,
            deadline: None,
            spare_head: ResponseHead::default(),
        }
    }
}

impl Exchange {
    /// Keeps no more than its head, where it will live for long; the buffer that it had.
    pub fn shrink(&mut self) -> Vec<u8> {
        self.head.fields.shrink_to_fit();
        self.spare_head = ResponseHead::default();
        let head = self.bytes[..self.head_len.min(self.bytes.len())].to_vec();
        std::mem::replace(&mut self.bytes, head)
    }

    /// Makes it ready for the next request. `bytes` is left for the owner to take back.
    pub fn reset(&mut self) {
        self.canonical.clear();
        self.raw_is_canonical = true;
        self.rewritten.clear();
        self.request_lines.clear();
        self.response_lines.clear();
        self.head_len = 0;
        self.grpc = false;
        self.grpc_web = None;
        self.deadline = None;
    }

    /// Replaces the path by its canonical form; what follows sees only that.
    ///
    /// # Errors
    /// The fault of a path that has no canonical form.
    pub fn canonicalize_path(
        &mut self,
        options: frontdesk_router::PathOptions,
    ) -> Result<(), frontdesk_router::PathFault> {
        self.canonical.clear();
        let raw = self.head.path(&self.bytes);
        let raw = if raw.is_empty() { b"/" } else { raw };
        self.raw_is_canonical = frontdesk_router::canonicalize(raw, options, &mut self.canonical)?;
        Ok(())
    }

    /// The canonical path.
    pub fn path(&self) -> &[u8] {
        if !self.raw_is_canonical {
            return &self.canonical;
        }
        match self.head.path(&self.bytes) {
            b"" => b"/",
            path => path,
        }
    }

    /// The raw query without its question mark.
    pub fn query(&self) -> Option<&[u8]> {
        self.head.query(&self.bytes)
    }

    /// The method as written.
    pub fn method(&self) -> &[u8] {
        self.head.method_text(&self.bytes)
    }

    /// Host and port as the client named them, if it did.
    pub fn authority(&self) -> Option<&[u8]> {
        self.head.host(&self.bytes)
    }

    /// The first value of a field that the parser knows by name.
    pub fn known(&self, known: Known) -> Option<&[u8]> {
        self.head.get(known).map(|field| field.value(&self.bytes))
    }

    /// Adds a field to the upstream request. Name and value must be valid; the builders of policies
    /// have checked them.
    pub fn add_request_field(&mut self, name: &str, value: &[u8]) {
        push_line(&mut self.request_lines, name, value);
    }

    /// Adds a field to the response, under the same condition.
    pub fn add_response_field(&mut self, name: &str, value: &[u8]) {
        push_line(&mut self.response_lines, name, value);
    }
}

fn push_line(lines: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(frontdesk_http::is_token(name.as_bytes()) && frontdesk_http::is_value(value));
    lines.extend_from_slice(name.as_bytes());
    lines.extend_from_slice(b": ");
    lines.extend_from_slice(value);
    lines.extend_from_slice(b"\r\n");
}

impl RequestView for Exchange {
    fn host(&self) -> Option<&[u8]> {
        self.head.host_name(&self.bytes)
    }

    fn method(&self) -> &[u8] {
        Exchange::method(self)
    }

    fn path(&self) -> &[u8] {
        Exchange::path(self)
    }

    fn query(&self) -> Option<&[u8]> {
        Exchange::query(self)
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.find(&self.bytes, name.as_bytes())
    }
}
