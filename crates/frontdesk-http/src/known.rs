//! Field names the gateway acts upon, recognised by comparing words of eight bytes.

use crate::bytes::{below, equal};

/// The longest name in `NAMES` fits in this many words of eight bytes.
const WORDS: usize = 3;
const CASE: u64 = 0x2020_2020_2020_2020;

type Words = [u64; WORDS];

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

        const NAMES: &[(&str, Known)] = &[
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

/// Prefixes of names that state an identity.
const IDENTITY: [&str; 6] = [
    "x-consumer-",
    "x-authenticated-",
    "x-credential-",
    "x-auth-request-",
    "x-ssl-client-",
    "x-client-cert",
];

const SLOTS: usize = 512;
const NO_NAME: u8 = u8::MAX;

/// The names as words, at the place they have in `NAMES`.
static PATTERNS: [(Words, Known); NAMES.len()] = {
    let mut patterns = [([0; WORDS], Known::Other); NAMES.len()];
    let mut index = 0;
    while index < NAMES.len() {
        patterns[index] = (pattern(NAMES[index].0.as_bytes()), NAMES[index].1);
        index += 1;
    }
    patterns
};

/// A factor that gives every name a slot of its own, and those slots.
const HASH: (u64, [u8; SLOTS]) = perfect_hash();
static SLOT_OF: [u8; SLOTS] = HASH.1;

const fn perfect_hash() -> (u64, [u8; SLOTS]) {
    let mut factor: u64 = 0x9e37_79b9_7f4a_7c15;
    loop {
        let mut slots = [NO_NAME; SLOTS];
        let mut index = 0;
        while index < NAMES.len() {
            let slot = slot(&pattern(NAMES[index].0.as_bytes()), factor);
            if slots[slot] != NO_NAME {
                break;
            }
            slots[slot] = index as u8;
            index += 1;
        }
        if index == NAMES.len() {
            return (factor, slots);
        }
        factor = factor.wrapping_mul(0xd129_8a2f_3c95_4b65).wrapping_add(2) | 1;
    }
}

const fn slot(words: &Words, factor: u64) -> usize {
    let mixed = (words[0] ^ words[1].rotate_left(29)).wrapping_mul(factor);
    (mixed >> (64 - SLOTS.trailing_zeros())) as usize
}

const fn pattern(name: &[u8]) -> Words {
    let mut words = [0; WORDS];
    let mut index = 0;
    while index < name.len() {
        words[index / 8] |= (name[index] as u64) << (8 * (index % 8));
        index += 1;
    }
    words
}

/// The name that these lower-case words spell.
#[inline]
fn exact(words: &Words) -> Option<Known> {
    let index = SLOT_OF[slot(words, HASH.0)];
    let (pattern, known) = PATTERNS.get(index as usize)?;
    (pattern == words).then_some(*known)
}

/// A mask of the first `len` bytes of a word.
const fn first_bytes(len: usize) -> u64 {
    if len >= 8 {
        u64::MAX
    } else {
        (1 << (8 * len)) - 1
    }
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
        let bytes = buf.get(at..)?.first_chunk::<{ 8 * WORDS }>()?;
        let mut words = [0; WORDS];
        let mut len = 0;
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            let raw = u64::from_le_bytes(*chunk);
            let colons = equal(raw, b':');
            let count = (colons.trailing_zeros() / 8) as usize;
            let mask = first_bytes(count);
            if below(raw, b' ') & mask != 0 {
                return None;
            }
            *word = (raw | CASE) & mask;
            len += count;
            if colons != 0 {
                return Some((len, exact(&words)?));
            }
        }
        None
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

/// The name in lower case, zero after its end. Setting bit 5 lowers letters and leaves digits and `-`
/// alone; what else it changes cannot turn a token into a name of the table.
#[inline]
fn lower_words(buf: &[u8], at: usize, len: usize) -> Words {
    let mut words = [0; WORDS];
    for (index, word) in words.iter_mut().enumerate() {
        let done = 8 * index;
        if done >= len {
            break;
        }
        *word = (load(buf, at + done) | CASE) & first_bytes(len - done);
    }
    words
}

/// Up to eight bytes from `at`, zero after the end of the buffer.
#[inline]
fn load(buf: &[u8], at: usize) -> u64 {
    let rest = buf.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

#[inline]
fn is_identity(words: &Words, len: usize) -> bool {
    const PREFIXES: [Words; IDENTITY.len()] = {
        let mut prefixes = [[0; WORDS]; IDENTITY.len()];
        let mut index = 0;
        while index < IDENTITY.len() {
            prefixes[index] = pattern(IDENTITY[index].as_bytes());
            index += 1;
        }
        prefixes
    };
    if words[0] & 0xffff != PREFIXES[0][0] & 0xffff {
        return false;
    }
    PREFIXES.iter().zip(IDENTITY).any(|(prefix, text)| {
        len >= text.len()
            && words[0] == prefix[0]
            && words[1] & first_bytes(text.len().saturating_sub(8)) == prefix[1]
    })
}
