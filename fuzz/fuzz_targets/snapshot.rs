//! The snapshot decoder: never a panic, and what it accepts it can write again, byte for byte the same.
#![no_main]

use frontdesk_engine::snapshot::Snapshot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(snapshot) = Snapshot::decode(data) else { return };
    let encoded = snapshot.encode().expect("what was decoded can be encoded");
    let again = Snapshot::decode(&encoded).expect("what was encoded can be decoded");
    assert_eq!(again.encode().ok(), Some(encoded));
    let _ = frontdesk_engine::check_routes(data);
});
