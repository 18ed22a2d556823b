//! Content-Length, Transfer-Encoding and the other fields of the connection (RFC 9112 §6).

use crate::bytes::trim;
use crate::connection::Options;
use crate::{Fault, Field, Known, Version, is_token};

/// What the fields that concern this connection alone say, gathered in one pass.
#[derive(Debug, Default)]
pub(crate) struct Gathered<'b> {
    pub(crate) length: Option<u64>,
    pub(crate) options: Options,
    /// The value of the only Upgrade field.
    pub(crate) upgrade: Option<&'b [u8]>,
    /// There are several Upgrade fields.
    pub(crate) upgrade_repeated: bool,
    transfer_encoding: Option<&'b [u8]>,
}

/// The fields that end at this connection, as bits.
const HOP_BY_HOP: u64 = Known::hop_by_hop_bits();

impl<'b> Gathered<'b> {
    /// Read the fields and mark those that must not be forwarded.
    pub(crate) fn from_fields(buf: &'b [u8], fields: &mut [Field]) -> Result<Self, Fault> {
        let mut gathered = Self::default();
        for field in fields.iter_mut() {
            if field.known.bit() & HOP_BY_HOP != 0 {
                field.removed = true;
                gathered.read(field.known, field.value(buf))?;
            }
        }
        gathered.options.remove_named(buf, fields);
        Ok(gathered)
    }

    fn read(&mut self, known: Known, value: &'b [u8]) -> Result<(), Fault> {
        match known {
            Known::ContentLength if self.length.is_some() => Err(Fault::ContentLengthRepeated),
            Known::ContentLength => content_length(value).map(|length| self.length = Some(length)),
            Known::TransferEncoding if self.transfer_encoding.is_some() => {
                Err(Fault::TransferEncodingRepeated)
            }
            _ => {
                self.read_list(known, value);
                Ok(())
            }
        }
    }

    fn read_list(&mut self, known: Known, value: &'b [u8]) {
        match known {
            Known::TransferEncoding => self.transfer_encoding = Some(value),
            Known::Connection => self.options.read(value),
            Known::Upgrade => self.upgrade_repeated = self.upgrade.replace(value).is_some(),
            _ => {}
        }
    }

    /// Whether the chunked coding is applied; any other use of Transfer-Encoding is a fault.
    pub(crate) fn is_chunked(&self, version: Version) -> Result<bool, Fault> {
        let Some(value) = self.transfer_encoding else {
            return Ok(false);
        };
        if self.length.is_some() {
            return Err(Fault::TransferEncodingWithContentLength);
        }
        if version == Version::Http10 {
            return Err(Fault::TransferEncodingOnHttp10);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            return Ok(true);
        }
        Err(unsupported_coding(value))
    }

    /// Whether the message asks to leave HTTP (RFC 9110 §7.8).
    pub(crate) fn wants_upgrade(&self, version: Version) -> bool {
        self.upgrade.is_some() && self.options.upgrade && version == Version::Http11
    }
}

/// One decimal number up to 2^63-1; leading zeros are valid (RFC 9110 §8.6).
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::ContentLengthInvalid);
    }
    let mut number: u64 = 0;
    for digit in value {
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(digit - b'0')))
            .filter(|&number| i64::try_from(number).is_ok())
            .ok_or(Fault::ContentLengthTooLarge)?;
    }
    Ok(number)
}

/// A well-formed list that ends in a coding we do not have is unknown; anything else is malformed.
fn unsupported_coding(value: &[u8]) -> Fault {
    let mut chunked_before = false;
    for coding in value.split(|&byte| byte == b',').map(trim) {
        let name = trim(
            coding
                .split(|&byte| byte == b';')
                .next()
                .unwrap_or_default(),
        );
        let chunked = name.eq_ignore_ascii_case(b"chunked");
        if !is_token(name) || chunked_before || (chunked && coding.len() > name.len()) {
            return Fault::TransferEncodingInvalid;
        }
        chunked_before = chunked;
    }
    Fault::TransferEncodingUnknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_one_plain_number() {
        assert_eq!(content_length(b"0"), Ok(0));
        assert_eq!(content_length(b"0005"), Ok(5));
        assert_eq!(content_length(&[b'0'; 300]), Ok(0));
        assert_eq!(content_length(b"9223372036854775807"), Ok(i64::MAX as u64));
        for large in [
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(
                content_length(large.as_bytes()),
                Err(Fault::ContentLengthTooLarge),
                "{large}"
            );
        }
        for invalid in [
            "", "+5", "-5", "5,5", "5, 5", "1 0", "0x10", "5a", "1_0", "5.0", "\u{0665}",
        ] {
            assert_eq!(
                content_length(invalid.as_bytes()),
                Err(Fault::ContentLengthInvalid),
                "{invalid}"
            );
        }
    }

    #[test]
    fn unsupported_codings_are_unknown_or_malformed() {
        for unknown in [
            "gzip",
            "gzip, chunked",
            "identity",
            "xchunked",
            "deflate;q=1",
            "GZIP,x",
        ] {
            assert_eq!(
                unsupported_coding(unknown.as_bytes()),
                Fault::TransferEncodingUnknown,
                "{unknown}"
            );
        }
        let malformed = [
            "",
            ",",
            ", chunked",
            "chunked,",
            "chunked, chunked",
            "chunked, gzip",
            "chunked;a=b",
            "chunked ;",
            "\"chunked\"",
            "chunked chunked",
            "gzip,,chunked",
            "chunked\u{b}",
        ];
        for value in malformed {
            assert_eq!(
                unsupported_coding(value.as_bytes()),
                Fault::TransferEncodingInvalid,
                "{value}"
            );
        }
    }
}
