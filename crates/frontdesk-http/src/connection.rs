//! The Connection field (RFC 9110 §7.6.1) and persistence (RFC 9112 §9.3).

use crate::bytes::trim;
use crate::{Field, Known, Version, is_token};

/// More options than this are an attack: each is compared with every field.
const MAX_OPTIONS: u32 = 32;

/// What all Connection fields of a message say together.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one list"
)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// Holds something that is not a token, or too many of them.
    pub(crate) invalid: bool,
    names_fields: bool,
    count: u32,
}

impl Options {
    /// Take in one more field value.
    pub(crate) fn read(&mut self, value: &[u8]) {
        for option in options(value) {
            self.count += 1;
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if is_token(option) {
                self.names_fields = true;
            } else {
                self.invalid = true;
            }
        }
        self.invalid |= self.count > MAX_OPTIONS;
    }

    /// Whether the connection may persist after a message of that version (RFC 9112 §9.3).
    pub(crate) fn persists(&self, version: Version) -> bool {
        !self.close && (self.keep_alive || version == Version::Http11)
    }

    /// Mark the fields that are named as options.
    pub(crate) fn remove_named(&self, buf: &[u8], fields: &mut [Field]) {
        if !self.names_fields || self.invalid {
            return;
        }
        for index in 0..fields.len() {
            if fields[index].known != Known::Connection {
                continue;
            }
            for option in options(fields[index].value(buf)) {
                let named = |field: &&mut Field| field.name(buf).eq_ignore_ascii_case(option);
                fields
                    .iter_mut()
                    .filter(named)
                    .for_each(|field| field.removed = true);
            }
        }
    }
}

/// The elements of a list; empty ones count for nothing (RFC 9110 §5.6.1.2).
pub(crate) fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|option| !option.is_empty())
}
