//! The trailer section of a chunked body (RFC 9112 §7.1.2).

use crate::lines::{LineRules, Stop, field_lines};
use crate::{Fault, Field, Known, TrailerLimits};

/// Collects trailer lines as they come and reads them once they are whole.
#[derive(Debug)]
pub(crate) struct Trailers {
    limits: TrailerLimits,
    text: Vec<u8>,
    fields: Vec<Field>,
}

impl Trailers {
    pub(crate) const fn new(limits: TrailerLimits) -> Self {
        Self {
            limits,
            text: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Take in a part of a line.
    pub(crate) fn push(&mut self, part: &[u8]) -> Result<(), Fault> {
        if self.text.len() + part.len() > self.limits.bytes.min(u32::MAX as usize - 2) {
            return Err(Fault::HeadTooLarge);
        }
        self.text.extend_from_slice(part);
        Ok(())
    }

    /// Read the lines, which have all come.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if self.text.is_empty() {
            return Ok(());
        }
        self.text.extend_from_slice(b"\r\n");
        let rules = LineRules {
            lf: false,
            space_before_colon: false,
            max_fields: self.limits.fields,
        };
        match field_lines(&self.text, 0, rules, &mut self.fields) {
            Ok(_) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault),
            // Every line was ended, and so was the section: what still lacks an end is not a field line.
            Err(Stop::Partial) => Err(Fault::ColonMissing),
        }
    }

    /// Name and value of those that may be forwarded.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (field, field.name(&self.text)))
            .filter(|(field, name)| may_be_trailer(field.known, name))
            .map(|(field, name)| (name, field.value(&self.text)))
    }
}

/// Judge trailer lines that another codec has read, and append those that may be forwarded to `out`.
///
/// # Errors
/// The fault that makes the message unusable.
pub fn allowed_trailers(
    lines: &[u8],
    limits: TrailerLimits,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut trailers = Trailers::new(limits);
    trailers.push(lines)?;
    trailers.finish()?;
    for (name, value) in trailers.allowed() {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    Ok(())
}

/// Beginnings of names that have no meaning after the content, or one that a back end could be led astray
/// by when it merges trailers into its header table.
const FORBIDDEN: [&str; 8] = [
    "accept-",
    "access-control-",
    "authentication-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-forwarded-",
];

/// The content fields that are made for trailers (RFC 9530).
const DIGESTS: [&str; 2] = ["content-digest", "content-md5"];

/// Framing, routing, authentication, identity, forwarding, request modifiers, response control and content
/// metadata have no place in trailers (RFC 9110 §6.5.1): of the names with a meaning here only `ETag` has.
fn may_be_trailer(known: Known, name: &[u8]) -> bool {
    let starts_with = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    match known {
        Known::Etag => true,
        Known::Other => {
            DIGESTS
                .iter()
                .any(|digest| name.eq_ignore_ascii_case(digest.as_bytes()))
                || !FORBIDDEN.iter().any(|prefix| starts_with(prefix))
        }
        _ => false,
    }
}
