//! Properties of the chunk decoder.

use frontdesk_http::{
    ChunkDecoder, ChunkEvent, Fault, LAST_CHUNK, TrailerLimits, write_chunk_size,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Everything a decoder makes of its input.
#[derive(Debug, Default, PartialEq)]
struct Decoded {
    payload: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    consumed: usize,
    end: bool,
    fault: Option<Fault>,
}

/// Decode `input` given in reads that end at the positions in `cuts`.
fn decode(input: &[u8], cuts: &[usize]) -> Decoded {
    let mut decoder = ChunkDecoder::new(
        40,
        TrailerLimits {
            bytes: 60,
            fields: 3,
        },
    );
    let mut found = Decoded::default();
    for &cut in cuts.iter().chain([&input.len()]) {
        while found.consumed < cut && !found.end && found.fault.is_none() {
            let rest = &input[found.consumed..cut];
            match decoder.decode(rest) {
                Ok(ChunkEvent::Data { skip, len }) => {
                    found.payload.extend_from_slice(&rest[skip..skip + len]);
                    found.consumed += skip + len;
                }
                Ok(ChunkEvent::NeedMore { consumed }) => found.consumed += consumed,
                Ok(ChunkEvent::End { consumed }) => {
                    found.consumed += consumed;
                    found.end = true;
                }
                Err(fault) => found.fault = Some(fault),
            }
        }
    }
    if found.fault.is_some() {
        // How far the reads had come before the fault depends on the cuts, and means nothing.
        found.consumed = 0;
    }
    let own = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
    found.trailers = decoder.trailers().map(own).collect();
    assert_eq!(found.end, decoder.is_done());
    found
}

/// Bodies made of likely and unlikely parts.
fn body() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "5\r\nhello\r\n",
        "A;x=\"y\\\"\"\r\n0123456789\r\n",
        "0\r\n",
        "0;end\r\n",
        "x: y\r\n",
        "grpc-status: 0\r\n",
        "\r\n",
        "\n",
        "\r",
        "3 ;a\r\nabc\r\n",
        "ffffffffffffffff\r\n",
        "g",
        ";",
        "\"",
    ];
    let plain = prop::collection::vec(select(&PARTS[..2]), 0..4);
    let odd = prop::collection::vec(select(PARTS), 0..3);
    let end = select(
        &[
            "0\r\n\r\nnext",
            "0\r\nx: y\r\netag: \"z\"\r\n\r\n",
            "0\r\n: y\r\n\r\n",
            "",
        ][..],
    );
    (plain, odd, end).prop_map(|(plain, odd, end)| {
        [plain.concat(), odd.concat(), end.to_owned()]
            .concat()
            .into_bytes()
    })
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6)) {
        let mut encoded = Vec::new();
        for chunk in &chunks {
            write_chunk_size(chunk.len() as u64, &mut encoded);
            encoded.extend_from_slice(chunk);
            encoded.extend_from_slice(b"\r\n");
        }
        encoded.extend_from_slice(LAST_CHUNK);
        let found = decode(&encoded, &[]);
        prop_assert!(found.end);
        prop_assert_eq!(found.payload, chunks.concat());
        prop_assert_eq!(found.consumed, encoded.len());
    }

    #[test]
    fn cuts_change_nothing(body in body(), mut cuts in prop::collection::vec(0_usize..60, 0..8)) {
        cuts.retain(|cut| *cut <= body.len());
        cuts.sort_unstable();
        let whole = decode(&body, &[]);
        prop_assert_eq!(&decode(&body, &cuts), &whole);
        let drip: Vec<_> = (0..body.len()).collect();
        prop_assert_eq!(&decode(&body, &drip), &whole);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..100)) {
        let drip: Vec<_> = (0..body.len()).collect();
        prop_assert_eq!(decode(&body, &drip), decode(&body, &[]));
    }
}
