//! Canonical paths: never a panic, idempotent, and free of everything that two readers could take differently.
#![no_main]

use frontdesk_router::{PathOptions, canonicalize};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for merge_slashes in [true, false] {
        let options = PathOptions { merge_slashes };
        let mut out = Vec::new();
        let Ok(unchanged) = canonicalize(data, options, &mut out) else { continue };
        let path = if unchanged { data } else { out.as_slice() };
        assert_eq!(path.first(), Some(&b'/'));
        assert!(path.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\'));
        for segment in path[1..].split(|byte| *byte == b'/') {
            assert!(segment != b"." && segment != b"..");
        }
        assert!(!merge_slashes || !path.windows(2).any(|pair| pair == b"//"));
        escapes_are_normal(path);
        let mut again = Vec::new();
        assert_eq!(canonicalize(path, options, &mut again).ok(), Some(true), "idempotent");
    }
});

fn escapes_are_normal(path: &[u8]) {
    for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = &path[at + 1..at + 3];
        assert!(digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
        let text = std::str::from_utf8(digits).expect("two hex digits");
        let byte = u8::from_str_radix(text, 16).expect("two hex digits");
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!(!unreserved && !byte.is_ascii_control() && !b"/\\".contains(&byte));
    }
}
