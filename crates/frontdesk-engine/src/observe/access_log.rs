//! One line per request. Every byte from outside is escaped; credentials have no field to appear in.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::{civil, two};
use crate::snapshot::{self, LogFormat};

/// Query parameters whose values never reach a log.
const SECRET_PARAMETERS: &[&str] = &[
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "auth",
    "client_assertion",
    "client_secret",
    "code",
    "id_token",
    "jwt",
    "key",
    "passwd",
    "password",
    "pwd",
    "refresh_token",
    "secret",
    "session",
    "session_id",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "token",
];

/// A field of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogField {
    Time,
    RequestId,
    Client,
    Method,
    Host,
    Path,
    Query,
    Protocol,
    Status,
    Route,
    Service,
    Target,
    Duration,
    UpstreamDuration,
    BytesIn,
    BytesOut,
    UserAgent,
    Referer,
    TraceId,
    Fault,
    GrpcStatus,
}

const FIELDS: [(&str, LogField); 21] = [
    ("time", LogField::Time),
    ("request_id", LogField::RequestId),
    ("client", LogField::Client),
    ("method", LogField::Method),
    ("host", LogField::Host),
    ("path", LogField::Path),
    ("query", LogField::Query),
    ("protocol", LogField::Protocol),
    ("status", LogField::Status),
    ("route", LogField::Route),
    ("service", LogField::Service),
    ("target", LogField::Target),
    ("duration", LogField::Duration),
    ("upstream_duration", LogField::UpstreamDuration),
    ("bytes_in", LogField::BytesIn),
    ("bytes_out", LogField::BytesOut),
    ("user_agent", LogField::UserAgent),
    ("referer", LogField::Referer),
    ("trace_id", LogField::TraceId),
    ("fault", LogField::Fault),
    ("grpc_status", LogField::GrpcStatus),
];

/// The names of all fields, as in `observe.access_log.fields`.
pub fn log_field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.0)
}

/// How the log is written.
pub(crate) struct LogConfig {
    pub(crate) to: String,
    format: LogFormat,
    fields: Vec<(LogField, String)>,
    /// Of a million requests.
    pub(crate) sample_ppm: u32,
}

impl LogConfig {
    pub(crate) fn new(spec: &snapshot::AccessLog) -> Result<LogConfig, String> {
        let mut fields = Vec::new();
        for name in &spec.fields {
            let (_, field) = FIELDS
                .iter()
                .find(|(known, _)| known == name)
                .ok_or_else(|| format!("the access log has no field {name:?}"))?;
            fields.push((*field, format!("\"{name}\":")));
        }
        Ok(LogConfig {
            to: spec.to.clone(),
            format: spec.format,
            fields,
            sample_ppm: spec.sample_ppm,
        })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.to != "off" && self.sample_ppm > 0
    }

    /// Appends one line.
    pub(crate) fn write(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        match self.format {
            LogFormat::Json => self.json(entry, out),
            LogFormat::Common => common(entry, out),
        }
        out.push(b'\n');
    }

    fn json(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (field, name)) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
            json_value(*field, entry, out);
        }
        out.push(b'}');
    }
}

/// What is known of an exchange at its end.
pub(crate) struct Entry<'a> {
    pub(crate) request_id: &'a [u8],
    pub(crate) client: IpAddr,
    pub(crate) method: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) protocol: &'static str,
    pub(crate) status: u16,
    pub(crate) route: &'a str,
    pub(crate) service: &'a str,
    pub(crate) target: &'a str,
    pub(crate) duration_us: u64,
    pub(crate) upstream_us: Option<u64>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) trace_id: &'a [u8],
    pub(crate) fault: Option<&'a str>,
    pub(crate) grpc_status: Option<u32>,
}

fn json_value(field: LogField, entry: &Entry<'_>, out: &mut Vec<u8>) {
    match field {
        LogField::Time => {
            out.push(b'"');
            out.extend_from_slice(&timestamp());
            out.push(b'"');
        }
        LogField::RequestId => text(entry.request_id, out),
        LogField::Client => address(entry.client, out),
        LogField::Method => name(entry.method, out),
        LogField::Host => name(entry.host, out),
        LogField::Path => name(entry.path, out),
        LogField::Query => match entry.query {
            Some(query) => text(&redact(query), out),
            None => out.extend_from_slice(b"null"),
        },
        LogField::Protocol => name(entry.protocol.as_bytes(), out),
        LogField::Status => number(entry.status.into(), out),
        LogField::Route => name(entry.route.as_bytes(), out),
        LogField::Service => name(entry.service.as_bytes(), out),
        LogField::Target => name(entry.target.as_bytes(), out),
        LogField::Duration => seconds(entry.duration_us, out),
        LogField::UpstreamDuration => match entry.upstream_us {
            Some(us) => seconds(us, out),
            None => out.extend_from_slice(b"null"),
        },
        LogField::BytesIn => number(entry.bytes_in, out),
        LogField::BytesOut => number(entry.bytes_out, out),
        LogField::UserAgent => optional(entry.user_agent, out),
        LogField::Referer => optional(entry.referer.map(referer).as_deref(), out),
        LogField::TraceId => name(entry.trace_id, out),
        LogField::GrpcStatus => match entry.grpc_status {
            Some(status) => number(status.into(), out),
            None => out.extend_from_slice(b"null"),
        },
        LogField::Fault => optional(entry.fault.map(str::as_bytes), out),
    }
}

/// The line of the Common Log Format.
fn common(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(entry.client.to_string().as_bytes());
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(&common_time());
    out.extend_from_slice(b"] \"");
    escape(entry.method, out);
    out.push(b' ');
    escape(entry.path, out);
    if let Some(query) = entry.query {
        out.push(b'?');
        escape(&redact(query), out);
    }
    out.push(b' ');
    out.extend_from_slice(entry.protocol.as_bytes());
    out.extend_from_slice(b"\" ");
    number(entry.status.into(), out);
    out.push(b' ');
    number(entry.bytes_out, out);
}

fn name(value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        text(value, out);
    }
}

fn optional(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        Some(value) => text(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn text(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape(value, out);
    out.push(b'"');
}

/// Escapes for a JSON string. Bytes outside printable ASCII become `\u00XX`: the log is ASCII whatever the
/// client sent, and nothing in it can move a terminal's cursor.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let plain = |b: &u8| (0x20..0x7f).contains(b) && *b != b'"' && *b != b'\\';
    let mut rest = value;
    while !rest.is_empty() {
        let run = rest.iter().position(|b| !plain(b)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..run]);
        let Some(&byte) = rest.get(run) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        rest = &rest[run + 1..];
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Microseconds as seconds with six decimals.
fn seconds(us: u64, out: &mut Vec<u8>) {
    number(us / 1_000_000, out);
    let mut decimals = *b".000000";
    let mut rest = us % 1_000_000;
    for digit in decimals[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&decimals);
}

fn address(client: IpAddr, out: &mut Vec<u8>) {
    out.push(b'"');
    crate::forwarding::write_address(client, out);
    out.push(b'"');
}

/// A referer without its query and without user information, which may be a password.
fn referer(uri: &[u8]) -> Vec<u8> {
    let end = uri.iter().position(|b| matches!(b, b'?' | b'#'));
    let uri = &uri[..end.unwrap_or(uri.len())];
    let Some(slashes) = memchr::memmem::find(uri, b"//") else {
        return uri.to_vec();
    };
    let (start, rest) = uri.split_at(slashes + 2);
    let authority = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
    let user = rest[..authority].iter().rposition(|&b| b == b'@');
    [start, &rest[user.map_or(0, |at| at + 1)..]].concat()
}

/// The name of a query parameter without its percent-encoding: it must not hide a secret from the log.
fn decoded(name: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if !name.contains(&b'%') {
        return name.into();
    }
    let digit = |b: u8| (b as char).to_digit(16);
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let pair = match after {
            [high, low, ..] if byte == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        let (byte, after) = pair.map_or((byte, after), |(high, low)| {
            ((high * 16 + low) as u8, &after[2..])
        });
        out.push(byte);
        rest = after;
    }
    out.into()
}

/// The query with the values of secret parameters replaced.
fn redact(query: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let is_secret = |part: &[u8]| {
        let name = decoded(part.split(|&b| b == b'=').next().unwrap_or(part));
        SECRET_PARAMETERS
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
    };
    if !query.split(|&b| b == b'&').any(is_secret) {
        return query.into();
    }
    let mut out = Vec::with_capacity(query.len());
    for (index, part) in query.split(|&b| b == b'&').enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        match part.iter().position(|&b| b == b'=') {
            Some(equals) if is_secret(part) => {
                out.extend_from_slice(&part[..=equals]);
                out.extend_from_slice(b"***");
            }
            _ => out.extend_from_slice(part),
        }
    }
    out.into()
}

/// Now, as RFC 3339 in UTC with milliseconds.
fn timestamp() -> [u8; 24] {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (days, rest) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let mut out = *b"1970-01-01T00:00:00.000Z";
    two(&mut out, 0, year / 100);
    two(&mut out, 2, year % 100);
    two(&mut out, 5, month);
    two(&mut out, 8, day);
    two(&mut out, 11, rest / 3600);
    two(&mut out, 14, rest / 60 % 60);
    two(&mut out, 17, rest % 60);
    let millis = u64::from(now.subsec_millis());
    out[20] = b'0' + (millis / 100) as u8;
    two(&mut out, 21, millis % 100);
    out
}

fn common_time() -> Vec<u8> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let iso = timestamp();
    let month = (usize::from(iso[5] - b'0') * 10 + usize::from(iso[6] - b'0')).clamp(1, 12) - 1;
    [
        &iso[8..10],
        b"/",
        &MONTHS[month * 3..month * 3 + 3],
        b"/",
        &iso[..4],
        b":",
        &iso[11..19],
        b" +0000",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &[u8]) -> String {
        let mut out = Vec::new();
        escape(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hostile_bytes_are_escaped() {
        assert_eq!(
            escaped(b"a\"b\\c\n\x1b[2J\xff\x7f"),
            "a\\\"b\\\\c\\u000a\\u001b[2J\\u00ff\\u007f"
        );
    }

    #[test]
    fn secrets_in_the_query_are_hidden() {
        let redacted = redact(b"a=1&API_Key=abc&token=x=y&b");
        assert_eq!(redacted.as_ref(), b"a=1&API_Key=***&token=***&b");
        assert_eq!(redact(b"page=2").as_ref(), b"page=2");
        assert_eq!(
            redact(b"p%61ss%77ord=x&a%=%").as_ref(),
            b"p%61ss%77ord=***&a%=%"
        );
    }

    #[test]
    fn durations_have_six_decimals() {
        let mut out = Vec::new();
        seconds(1_000_042, &mut out);
        assert_eq!(out, b"1.000042");
    }

    #[test]
    fn referer_is_logged_without_its_query() {
        assert_eq!(referer(b"http://x/y?token=1#z"), b"http://x/y");
        assert_eq!(referer(b"http://u:p@w@x/y@z"), b"http://x/y@z");
        assert_eq!(referer(b"https://x"), b"https://x");
        assert_eq!(referer(b"u:p@x"), b"u:p@x");
    }
}
