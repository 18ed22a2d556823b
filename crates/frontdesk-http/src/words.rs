//! Names as words of eight bytes, so that one compare decides eight letters, and the table of known ones.

use crate::Known;
use crate::bytes::{below, equal};
use crate::known::NAMES;

/// The longest name in `NAMES` fits in this many words of eight bytes.
pub(crate) const WORDS: usize = 3;
const CASE: u64 = 0x2020_2020_2020_2020;

pub(crate) type Words = [u64; WORDS];

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
pub(crate) fn exact(words: &Words) -> Option<Known> {
    let index = SLOT_OF[slot(words, HASH.0)];
    let (pattern, known) = PATTERNS.get(index as usize)?;
    // Word by word, so that they stay in registers: a wide compare would wait for them to reach memory.
    let differences = (pattern[0] ^ words[0]) | (pattern[1] ^ words[1]) | (pattern[2] ^ words[2]);
    (differences == 0).then_some(*known)
}

/// A mask of the first `len` bytes of a word.
const fn first_bytes(len: usize) -> u64 {
    if len >= 8 {
        u64::MAX
    } else {
        (1 << (8 * len)) - 1
    }
}

/// The name in lower case, zero after its end. Setting bit 5 lowers letters and leaves digits and `-`
/// alone; what else it changes cannot turn a token into a name of the table.
#[inline]
pub(crate) fn lower_words(buf: &[u8], at: usize, len: usize) -> Words {
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

/// The name before the first colon of `bytes` in lower case, and its length. None if there is no colon so
/// near, or if a control byte is before it, which setting bit 5 could turn into a byte of a name.
#[inline]
pub(crate) fn until_colon(bytes: &[u8; 8 * WORDS]) -> Option<(usize, Words)> {
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
            return Some((len, words));
        }
    }
    None
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

/// Whether the name of `len` bytes that starts with these words has a prefix of `IDENTITY`.
#[inline]
pub(crate) fn is_identity(words: &Words, len: usize) -> bool {
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
