//! WebSocket frames in any pieces mean the same, however they are cut, and nothing makes the reader panic.

#![no_main]

use frontdesk_http::websocket::{Frames, Sender};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (cut, limit, bytes) = input;
    for sender in [Sender::Client, Sender::Server] {
        let mut whole = Frames::new(sender, limit.into());
        let at_once = whole.follow(bytes);
        let mut parts = Frames::new(sender, limit.into());
        let mut before = 0;
        let mut in_parts = Ok(());
        for part in bytes.chunks(usize::from(cut).max(1)) {
            in_parts = parts.follow(part).map_err(|(fault, at)| (fault, before + at));
            if in_parts.is_err() {
                break;
            }
            before += part.len();
        }
        // A fault lies at the head of a frame; of a head that was cut, a part has passed already.
        assert_eq!(at_once.map_err(|e| e.0), in_parts.map_err(|e| e.0));
        assert!(at_once.err().map_or(0, |e| e.1) <= bytes.len());
        if at_once.is_ok() {
            assert_eq!(whole.is_between(), parts.is_between());
            assert_eq!(whole.is_closed(), parts.is_closed());
            assert!(!whole.is_closed() || whole.is_between());
        }
        let mut rest = Frames::new(sender, limit.into());
        if let Ok(length) = rest.follow_rest(bytes) {
            assert!(length == 0, "nothing has begun");
        }
    }
});
