//! Canonical paths: tables and properties.

use frontdesk_router::{PathFault, PathOptions, canonicalize};
use proptest::prelude::*;

const MERGE: PathOptions = PathOptions {
    merge_slashes: true,
};
const KEEP: PathOptions = PathOptions {
    merge_slashes: false,
};

fn canonical(raw: &[u8], options: PathOptions) -> Result<Vec<u8>, PathFault> {
    let mut out = b"kept:".to_vec();
    match canonicalize(raw, options, &mut out) {
        Ok(true) => {
            assert_eq!(out, b"kept:", "a canonical path is not copied");
            Ok(raw.to_vec())
        }
        Ok(false) => Ok(out
            .strip_prefix(b"kept:")
            .expect("what was there is kept")
            .to_vec()),
        Err(fault) => {
            assert_eq!(out, b"kept:", "nothing is left behind by a refused path");
            Err(fault)
        }
    }
}

#[track_caller]
fn becomes(raw: &str, expected: &str) {
    let result =
        canonical(raw.as_bytes(), MERGE).map(|path| String::from_utf8_lossy(&path).into_owned());
    assert_eq!(result.as_deref(), Ok(expected), "{raw}");
}

#[test]
fn canonical_paths_stay() {
    for path in [
        "/",
        "/a",
        "/a/",
        "/a/b.c/~d_e-f",
        "/a/%20b",
        "/a/%C3%A4",
        "/%25",
        "/a;x=1/b",
        "/a:b@c!$&'()*+,=",
        "/...",
        "/a/..b",
        "/a/.b",
        "/a/b..",
        "/%3F%23%7B",
        "/a/...;",
        "/%252F",
        "/a/.%20",
    ] {
        becomes(path, path);
        assert_eq!(
            canonicalize(path.as_bytes(), MERGE, &mut Vec::new()),
            Ok(true),
            "{path} by the fast path"
        );
    }
}

#[test]
fn escapes_are_made_one_spelling() {
    becomes("/%61%62%2D%5f%7e", "/ab-_~");
    becomes("/%c3%a4", "/%C3%A4");
    becomes("/%3a%2b", "/%3A%2B");
    becomes("/a|b\"<>^`{}", "/a%7Cb%22%3C%3E%5E%60%7B%7D");
    becomes("/%7c", "/%7C");
}

#[test]
fn dot_segments_are_removed() {
    for (raw, expected) in [
        ("/.", "/"),
        ("/./", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../c", "/a/c"),
        ("/a/./b", "/a/b"),
        ("/a/b/c/../../d", "/a/d"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/%2e.", "/"),
        ("/a//../b", "/b"),
        ("/mid/content=5/../6", "/mid/6"),
    ] {
        becomes(raw, expected);
    }
}

#[test]
fn empty_segments_are_merged_only_by_option() {
    for (raw, merged, kept) in [
        ("//", "/", "//"),
        ("/a//b", "/a/b", "/a//b"),
        ("//a", "/a", "//a"),
        ("/a//", "/a/", "/a//"),
        ("/a///b/./c", "/a/b/c", "/a///b/c"),
        ("/a/b//..", "/a/", "/a/b/"),
        ("/a//../b", "/b", "/a/b"),
    ] {
        becomes(raw, merged);
        assert_eq!(
            canonical(raw.as_bytes(), KEEP),
            Ok(kept.as_bytes().to_vec()),
            "{raw}"
        );
    }
}

#[test]
fn what_back_ends_read_differently_is_refused() {
    let cases: [(&[u8], PathFault); 36] = [
        (b"", PathFault::NotAbsolute),
        (b"*", PathFault::NotAbsolute),
        (b"a/b", PathFault::NotAbsolute),
        (b"%2Fa", PathFault::NotAbsolute),
        (b"/%2F", PathFault::EncodedSlash),
        (b"/a%2fb", PathFault::EncodedSlash),
        (b"/a\\b", PathFault::Backslash),
        (b"/a%5cb", PathFault::Backslash),
        (b"/a%5C", PathFault::Backslash),
        (b"/%00", PathFault::Control(0)),
        (b"/%0a", PathFault::Control(10)),
        (b"/%1F", PathFault::Control(31)),
        (b"/%7f", PathFault::Control(127)),
        (b"/a\0", PathFault::Control(0)),
        (b"/a\r\n", PathFault::Control(13)),
        (b"/a\x7F", PathFault::Control(127)),
        (b"/\xC3\xA4", PathFault::NotAscii(0xC3)),
        (b"/\xFF", PathFault::NotAscii(0xFF)),
        (b"/a b", PathFault::NotInPath(b' ')),
        (b"/a?b", PathFault::NotInPath(b'?')),
        (b"/a#b", PathFault::NotInPath(b'#')),
        (b"/%", PathFault::BrokenEscape),
        (b"/a%2", PathFault::BrokenEscape),
        (b"/a%2/b", PathFault::BrokenEscape),
        (b"/a%zz", PathFault::BrokenEscape),
        (b"/a%+1", PathFault::BrokenEscape),
        (b"/a/..;/b", PathFault::DotParameter),
        (b"/a/..;x=1", PathFault::DotParameter),
        (b"/.;/a", PathFault::DotParameter),
        (b"/a/%2e%2e;/b", PathFault::DotParameter),
        (b"/a/..%3b/b", PathFault::DotParameter),
        (b"/a/..%3B/b", PathFault::DotParameter),
        (b"/a/.%3B", PathFault::DotParameter),
        (b"/..", PathFault::AboveRoot),
        (b"/a/../..", PathFault::AboveRoot),
        (b"//../a", PathFault::AboveRoot),
    ];
    for (raw, fault) in cases {
        assert_eq!(canonical(raw, MERGE), Err(fault), "{}", raw.escape_ascii());
    }
}

#[test]
fn every_fault_has_a_code_and_says_what_was_found() {
    for (fault, code, part) in [
        (PathFault::NotAbsolute, "path_not_absolute", "`/`"),
        (PathFault::BrokenEscape, "path_broken_escape", "`%25`"),
        (PathFault::EncodedSlash, "path_encoded_slash", "`%2F`"),
        (PathFault::Backslash, "path_backslash", "`%5C`"),
        (PathFault::Control(10), "path_control_byte", "0x0A"),
        (PathFault::NotAscii(0xC3), "path_not_ascii", "`%C3`"),
        (PathFault::NotInPath(b' '), "path_forbidden_byte", "`%20`"),
        (PathFault::DotParameter, "path_dot_parameter", "`..;`"),
        (PathFault::AboveRoot, "path_above_root", "above its root"),
        (
            PathFault::Joined,
            "path_joined_values",
            "join into a dot segment",
        ),
    ] {
        assert_eq!(fault.code(), code);
        assert!(fault.to_string().contains(part), "{fault}");
    }
}

/// Paths in which everything special is frequent.
fn raw_path() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec!["/", "/", "/", ".", "..", "a", "b;c", "%41", "%2e", "%2E", "%c3%a4", "%20", "|", ";", "%3b", "~", "%7e"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::sample::select(vec!["%2f", "%5c", "%00", "%", "%4", "\\", " ", "?", "#"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => any::<u8>().prop_map(|byte| format!("%{byte:02x}").into_bytes()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| [b"/".to_vec(), pieces.concat()].concat())
}

fn assert_is_canonical(path: &[u8], options: PathOptions) {
    assert_eq!(path.first(), Some(&b'/'));
    let segments: Vec<&[u8]> = path[1..].split(|byte| *byte == b'/').collect();
    let inner = &segments[..segments.len() - 1];
    assert!(
        !segments
            .iter()
            .any(|segment| matches!(*segment, b"." | b"..")),
        "dot segment"
    );
    let is_dotted = |segment: &&[u8]| {
        let rest = segment
            .strip_prefix(b"..")
            .or_else(|| segment.strip_prefix(b"."));
        rest.is_some_and(|rest| rest.starts_with(b";") || rest.starts_with(b"%3B"))
    };
    assert!(
        !segments.iter().any(is_dotted),
        "parameter on a dot segment"
    );
    assert!(
        !options.merge_slashes || inner.iter().all(|segment| !segment.is_empty()),
        "empty segment"
    );
    assert!(
        path.iter()
            .all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}?#".contains(byte)),
        "raw byte"
    );
    let mut rest = path;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let digits = std::str::from_utf8(&rest[at + 1..at + 3]).expect("two digits");
        assert_eq!(digits, digits.to_uppercase());
        let byte = u8::from_str_radix(digits, 16).expect("hex");
        let needless = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!(
            !needless && !byte.is_ascii_control() && !b"/\\".contains(&byte),
            "%{digits}"
        );
        rest = &rest[at + 3..];
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_result_is_canonical_and_stays(raw in raw_path(), merge_slashes in any::<bool>()) {
        let options = PathOptions { merge_slashes };
        if let Ok(path) = canonical(&raw, options) {
            assert_is_canonical(&path, options);
            prop_assert_eq!(canonicalize(&path, options, &mut Vec::new()), Ok(true));
        }
    }

    #[test]
    fn any_bytes_are_judged(raw in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(path) = canonical(&raw, MERGE) {
            assert_is_canonical(&path, MERGE);
        }
    }
}
