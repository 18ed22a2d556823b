//! The chunk decoder: the outcome does not depend on how the input was cut. The first byte is the cut size.
#![no_main]

use frontdesk_http::{ChunkDecoder, ChunkEvent, TrailerLimits};
use libfuzzer_sys::fuzz_target;

const LIMITS: TrailerLimits = TrailerLimits {
    bytes: 1024,
    fields: 16,
};

/// What a reader of the stream learns: the payload, and whether it ended (with how many bytes read) or broke.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Ended(Vec<u8>, usize),
    Broken,
    Unfinished(Vec<u8>),
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, stream)) = data.split_first() else { return };
    let whole = read(stream, stream.len().max(1));
    let pieces = read(stream, usize::from(first % 16) + 1);
    assert_eq!(whole, pieces);
});

fn read(stream: &[u8], step: usize) -> Outcome {
    let mut decoder = ChunkDecoder::new(256, LIMITS);
    let mut payload = Vec::new();
    let (mut position, mut available) = (0, 0);
    while available < stream.len() {
        available = (available + step).min(stream.len());
        loop {
            match decoder.decode(&stream[position..available]) {
                Err(_) => return Outcome::Broken,
                Ok(ChunkEvent::NeedMore { consumed }) => {
                    position += consumed;
                    break;
                }
                Ok(ChunkEvent::Data { skip, len }) => {
                    payload.extend_from_slice(&stream[position + skip..position + skip + len]);
                    position += skip + len;
                }
                Ok(ChunkEvent::End { consumed }) => {
                    return Outcome::Ended(payload, position + consumed);
                }
            }
        }
    }
    Outcome::Unfinished(payload)
}
