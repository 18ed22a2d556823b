//! Field names the gateway acts upon, recognised by comparing words of eight bytes.

use crate::words::{WORDS, exact, is_identity, lower_words, until_colon};

macro_rules! known {
    ($( $variant:ident = $name:literal, )*) => {
        /// What a field name means to the gateway.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Known {
            /// Nothing.
            Other,
            /// The name has `_` and is not an alias of an identity or forwarding field.
            Underscore,
            /// States an identity towards the upstream (`X-Consumer-*` and so on), or is an alias with `_`
            /// of such a field or of a forwarding field: never taken over from a client.
            Identity,
            $( #[doc = $name] $variant, )*
        }

        /// The names with a meaning, in lower case.
        pub(crate) const NAMES: &[(&str, Known)] = &[
            ("x-plan", Known::Identity),
            ("client-cert", Known::Identity),
            ("client-cert-chain", Known::Identity),
            $( ($name, Known::$variant), )*
        ];
    };
}

known! {
    Host = "host",
    Connection = "connection",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    Expect = "expect",
    Upgrade = "upgrade",
    Te = "te",
    Trailer = "trailer",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    Http2Settings = "http2-settings",
    Via = "via",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedPrefix = "x-forwarded-prefix",
    Forwarded = "forwarded",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    Age = "age",
    Allow = "allow",
    Authorization = "authorization",
    CacheControl = "cache-control",
    ContentEncoding = "content-encoding",
    ContentRange = "content-range",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    Etag = "etag",
    Expires = "expires",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    LastModified = "last-modified",
    Location = "location",
    MaxForwards = "max-forwards",
    Origin = "origin",
    Pragma = "pragma",
    ProxyStatus = "proxy-status",
    Range = "range",
    Referer = "referer",
    RetryAfter = "retry-after",
    SecWebsocketKey = "sec-websocket-key",
    SecWebsocketVersion = "sec-websocket-version",
    Server = "server",
    SetCookie = "set-cookie",
    UserAgent = "user-agent",
    Vary = "vary",
    WwwAuthenticate = "www-authenticate",
}

impl Known {
    /// What the token `name` means, in any case. Aliases with `_` of identity and forwarding fields are
    /// `Identity`, so that they are stripped even where other names with `_` may pass.
    pub fn of(name: &[u8]) -> Self {
        if name.contains(&b'_') {
            Self::of_alias(name).0
        } else {
            Self::at(name, 0, name.len())
        }
    }

    /// As `of`, for the name without `_` of `len` bytes at `at`: reading past it saves a copy.
    #[inline]
    pub(crate) fn at(buf: &[u8], at: usize, len: usize) -> Self {
        let words = lower_words(buf, at, len);
        if len <= 8 * WORDS
            && let Some(known) = exact(&words)
        {
            return known;
        }
        if is_identity(&words, len) {
            Self::Identity
        } else {
            Self::Other
        }
    }

    /// The length and meaning of the name and colon at `at` if it is one of the table: the common case,
    /// decided without a look at single bytes.
    #[inline]
    pub(crate) fn with_colon(buf: &[u8], at: usize) -> Option<(usize, Self)> {
        let (len, words) = until_colon(buf.get(at..)?.first_chunk()?)?;
        Some((len, exact(&words)?))
    }

    /// The meaning of a name with `_`, and whether it aliases a field that only the gateway may set, be it
    /// for framing, routing or identity.
    pub(crate) fn of_alias(name: &[u8]) -> (Self, bool) {
        let mut copy = [0; 8 * WORDS];
        for (to, from) in copy.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        let known = Self::at(&copy, 0, name.len());
        if known == Self::Identity || known.is_forwarding() {
            (Self::Identity, true)
        } else {
            (Self::Underscore, known.is_hop_by_hop())
        }
    }

    /// Says where a request came from or how (RFC 7239 and its `X-Forwarded-*` kin).
    pub const fn is_forwarding(self) -> bool {
        matches!(
            self,
            Self::XForwardedFor
                | Self::XForwardedProto
                | Self::XForwardedHost
                | Self::XForwardedPort
                | Self::XForwardedPrefix
                | Self::Forwarded
                | Self::XRealIp
        )
    }

    /// Belongs to one connection or to the framing (RFC 9110 §7.6.1); the writer states it anew.
    pub const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::Connection
                | Self::ContentLength
                | Self::TransferEncoding
                | Self::Expect
                | Self::Upgrade
                | Self::Te
                | Self::Trailer
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthorization
                | Self::Http2Settings
        )
    }

    /// The bits of all names that `is_hop_by_hop`.
    pub(crate) const fn hop_by_hop_bits() -> u64 {
        let mut bits = 0;
        let mut index = 0;
        while index < NAMES.len() {
            if NAMES[index].1.is_hop_by_hop() {
                bits |= NAMES[index].1.bit();
            }
            index += 1;
        }
        bits
    }

    /// The bit of this name in `RequestHead::present`.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

const _: () = assert!(
    Known::WwwAuthenticate as u8 <= 63,
    "one bit per name must fit in a word"
);
