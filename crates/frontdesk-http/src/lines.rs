//! Splits a head into lines: line ends, field names and values, nothing about their meaning.

use crate::bytes::{CLASS, TOKEN, UNDERSCORE, is_blank, value_end};
use crate::{Fault, Field, HeadLimits, Known};

/// Why parsing stopped before the end of the head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// More bytes are needed.
    Partial,
    /// The message is refused.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

pub(crate) type Step<T> = Result<T, Stop>;

/// What field lines may look like.
#[derive(Clone, Copy)]
pub(crate) struct LineRules {
    /// LF alone ends a line.
    pub(crate) lf: bool,
    /// White space before the colon is left out instead of refused, as in a response (RFC 9112 §5.1).
    pub(crate) space_before_colon: bool,
    /// The most field lines.
    pub(crate) max_fields: usize,
}

/// Let `parse` see no more of `buf` than the head may be long; a head that is not whole by then is too large.
pub(crate) fn within_limit<T>(
    buf: &[u8],
    limits: &HeadLimits,
    parse: impl FnOnce(&[u8]) -> Step<T>,
) -> Result<Option<T>, Fault> {
    let limit = limits.head_bytes.min(u32::MAX as usize);
    let window = &buf[..buf.len().min(limit)];
    match parse(window) {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Partial) if window.len() == limit => Err(Fault::HeadTooLarge),
        Err(Stop::Partial) => Ok(None),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The position after the line end at `at`; a byte that ends no line is the fault `otherwise`.
#[inline]
pub(crate) fn line_end(buf: &[u8], at: usize, lf: bool, otherwise: Fault) -> Step<usize> {
    match buf.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(at + 2),
        [] | [b'\r'] => Err(Stop::Partial),
        [b'\r', ..] => Err(Fault::BareCr.into()),
        [b'\n', ..] if lf => Ok(at + 1),
        [b'\n', ..] => Err(Fault::BareLf.into()),
        _ => Err(otherwise.into()),
    }
}

/// Read field lines up to the empty line. Returns the position after it and one bit for each name seen.
pub(crate) fn field_lines(
    buf: &[u8],
    mut at: usize,
    rules: LineRules,
    fields: &mut Vec<Field>,
) -> Step<(usize, u64)> {
    let mut present = 0;
    loop {
        match buf.get(at) {
            None => return Err(Stop::Partial),
            Some(b'\r' | b'\n') => {
                return Ok((line_end(buf, at, rules.lf, Fault::BareCr)?, present));
            }
            Some(_) if fields.len() >= rules.max_fields => return Err(Fault::TooManyFields.into()),
            Some(_) => {}
        }
        let field = field_line(buf, at, rules)?;
        present |= field.known.bit();
        at = field.end as usize;
        fields.push(field);
    }
}

#[inline]
fn field_line(buf: &[u8], start: usize, rules: LineRules) -> Step<Field> {
    let (name_len, known, colon) = match Known::with_colon(buf, start) {
        Some((len, known)) => (len, known, start + len),
        None => name(buf, start, rules)?,
    };
    let mut value_start = colon + 1;
    while buf.get(value_start).is_some_and(|&byte| is_blank(byte)) {
        value_start += 1;
    }
    let stop = value_end(buf, value_start);
    let end = line_end(buf, stop, rules.lf, Fault::FieldValueInvalid)?;
    let mut value_stop = stop;
    while value_stop > value_start && is_blank(buf[value_stop - 1]) {
        value_stop -= 1;
    }
    Ok(Field {
        start: start as u32,
        name_len: u16::try_from(name_len).map_err(|_| Fault::FieldNameTooLong)?,
        known,
        removed: false,
        value_start: value_start as u32,
        value_len: (value_stop - value_start) as u32,
        end: end as u32,
        crlf: end - stop == 2 && colon == start + name_len,
    })
}

/// Read the name at `start`; returns its length, its meaning and the position of the colon.
fn name(buf: &[u8], start: usize, rules: LineRules) -> Step<(usize, Known, usize)> {
    let (end, underscore) = scan_name(buf, start);
    let colon = match buf.get(end) {
        Some(b':') if end > start => end,
        _ => unusual_colon(buf, start, end, rules)?,
    };
    let known = if underscore {
        Known::of(&buf[start..end])
    } else {
        Known::at(buf, start, end - start)
    };
    Ok((end - start, known, colon))
}

/// Where the token that starts at `at` ends, and whether it has `_`.
#[inline]
fn scan_name(buf: &[u8], at: usize) -> (usize, bool) {
    let mut seen = 0;
    let mut end = at;
    while let Some(&byte) = buf.get(end) {
        let class = CLASS[byte as usize];
        if class & TOKEN == 0 {
            break;
        }
        seen |= class;
        end += 1;
    }
    (end, seen & UNDERSCORE != 0)
}

/// The position of a colon that does not follow the name at once, where that may be, or what is wrong.
#[cold]
fn unusual_colon(buf: &[u8], start: usize, name_end: usize, rules: LineRules) -> Step<usize> {
    let Some(&byte) = buf.get(name_end) else {
        return Err(Stop::Partial);
    };
    let fault = match byte {
        b' ' | b'\t' if name_end == start => Fault::ObsFold,
        b':' => Fault::FieldNameEmpty,
        b'\r' | b'\n' => Fault::ColonMissing,
        b' ' | b'\t' => return colon_after_blanks(buf, name_end, rules),
        _ => Fault::FieldNameInvalid,
    };
    Err(fault.into())
}

fn colon_after_blanks(buf: &[u8], name_end: usize, rules: LineRules) -> Step<usize> {
    let blanks = buf[name_end..]
        .iter()
        .take_while(|&&byte| is_blank(byte))
        .count();
    match buf.get(name_end + blanks) {
        None => Err(Stop::Partial),
        Some(b':') if rules.space_before_colon => Ok(name_end + blanks),
        Some(b':') => Err(Fault::SpaceBeforeColon.into()),
        Some(b'\r' | b'\n') => Err(Fault::ColonMissing.into()),
        Some(_) => Err(Fault::FieldNameInvalid.into()),
    }
}
