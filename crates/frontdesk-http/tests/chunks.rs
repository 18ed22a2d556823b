//! The chunked coding: what decodes, and what is refused.

use frontdesk_http::{
    ChunkDecoder, ChunkEvent, Fault, LAST_CHUNK, TrailerLimits, write_chunk_size,
};

const LIMITS: TrailerLimits = TrailerLimits {
    bytes: 200,
    fields: 4,
};

fn decoder() -> ChunkDecoder {
    ChunkDecoder::new(16, LIMITS)
}

type Pairs = Vec<(String, String)>;

/// Payload, trailers and number of bytes left over; `None` for a body without end.
fn decode(input: &[u8]) -> Result<Option<(Vec<u8>, Pairs, usize)>, Fault> {
    let mut decoder = decoder();
    let (mut rest, mut payload) = (input, Vec::new());
    loop {
        match decoder.decode(rest)? {
            ChunkEvent::Data { skip, len } => {
                payload.extend_from_slice(&rest[skip..skip + len]);
                rest = &rest[skip + len..];
            }
            ChunkEvent::NeedMore { consumed } => {
                assert_eq!(consumed, rest.len());
                return Ok(None);
            }
            ChunkEvent::End { consumed } => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let trailers = decoder
                    .trailers()
                    .map(|(name, value)| (text(name), text(value)))
                    .collect();
                assert!(decoder.is_done());
                return Ok(Some((payload, trailers, rest.len() - consumed)));
            }
        }
    }
}

fn payload(input: &[u8]) -> Option<Vec<u8>> {
    decode(input).ok().flatten().map(|(payload, ..)| payload)
}

#[test]
fn valid_bodies() {
    let cases: [(&[u8], &[u8]); 10] = [
        (b"0\r\n\r\n", b""),
        (b"0000000000000000\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"0000000000000005\r\nhello\r\n00\r\n\r\n", b"hello"),
        (
            b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
            b"01234567890123456789",
        ),
        (b"2;a=b\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"2 ;a\r\nab\r\n0;x\r\n\r\n", b"ab"),
        (b"2;a=\"\\\";\\\\ \"\r\nab\r\n0\r\n\r\n", b"ab"),
        (b"2;\r\nab\r\n0;;\r\n\r\n", b"ab"),
        (b"2;a=\"\xe9\"\r\nab\r\n0\r\n\r\n", b"ab"),
    ];
    for (input, expected) in cases {
        assert_eq!(
            payload(input).as_deref(),
            Some(expected),
            "{}",
            input.escape_ascii()
        );
    }
}

#[test]
fn bytes_after_the_end_are_left() {
    assert_eq!(decode(b"0\r\n\r\nGET /"), Ok(Some((vec![], vec![], 5))));
    let mut decoder = decoder();
    assert_eq!(
        decoder.decode(b"0\r\n\r\nGET"),
        Ok(ChunkEvent::End { consumed: 5 })
    );
    assert_eq!(decoder.decode(b"GET"), Ok(ChunkEvent::End { consumed: 0 }));
}

#[test]
fn every_prefix_needs_more() {
    let body = b"5;a=\"b\"\r\nhello\r\n0\r\nx: y\r\n\r\n";
    for len in 0..body.len() {
        assert_eq!(
            decode(&body[..len]),
            Ok(None),
            "{}",
            body[..len].escape_ascii()
        );
    }
}

#[test]
fn faults() {
    let cases: [(&[u8], Fault); 30] = [
        (b"\r\n", Fault::ChunkSizeInvalid),
        (b"g\r\n", Fault::ChunkSizeInvalid),
        (b"+5\r\n", Fault::ChunkSizeInvalid),
        (b"-5\r\n", Fault::ChunkSizeInvalid),
        (b" 5\r\n", Fault::ChunkSizeInvalid),
        (b"0x5\r\n", Fault::ChunkSizeInvalid),
        (b"5_0\r\n", Fault::ChunkSizeInvalid),
        (b";a\r\n", Fault::ChunkSizeInvalid),
        (b"00000000000000005\r\n", Fault::ChunkSizeInvalid),
        (b"5 \r\n", Fault::ChunkSizeInvalid),
        (b"5 5\r\n", Fault::ChunkSizeInvalid),
        (b"5\0\r\n", Fault::ChunkSizeInvalid),
        (b"5\n", Fault::ChunkLineEndInvalid),
        (b"5\rh", Fault::ChunkLineEndInvalid),
        (b"5\r\r\n", Fault::ChunkLineEndInvalid),
        (b"5\r\nhello\n", Fault::ChunkLineEndInvalid),
        (b"5\r\nhelloX", Fault::ChunkLineEndInvalid),
        (b"5\r\nhello\rX", Fault::ChunkLineEndInvalid),
        (b"0\r\n\rX", Fault::ChunkLineEndInvalid),
        (b"0\r\n\n", Fault::BareLf),
        (b"5;a\n", Fault::ChunkExtensionInvalid),
        (b"5;a\0\r\n", Fault::ChunkExtensionInvalid),
        (b"5;a=\"b\r\n", Fault::ChunkExtensionInvalid),
        (b"5;a=\"\\\r\n", Fault::ChunkExtensionInvalid),
        (b"5;a=\x7f\r\n", Fault::ChunkExtensionInvalid),
        (b"5;\xe9\r\n", Fault::ChunkExtensionInvalid),
        (b"5;0123456789012345\r\n", Fault::ChunkExtensionTooLong),
        (
            b"1;01234567\r\na\r\n1;01234567\r\n",
            Fault::ChunkExtensionTooLong,
        ),
        (b"0\r\nx: y\n\r\n", Fault::BareLf),
        (b"0\r\n y\r\n\r\n", Fault::ObsFold),
    ];
    for (input, fault) in cases {
        assert_eq!(decode(input), Err(fault), "{}", input.escape_ascii());
    }
}

#[test]
fn trailers_are_as_strict_as_fields_and_within_their_limits() {
    let many = b"0\r\na: 1\r\nb: 1\r\nc: 1\r\nd: 1\r\ne: 1\r\n\r\n";
    assert_eq!(decode(many), Err(Fault::TooManyFields));
    let large = format!("0\r\na: {}\r\n\r\n", "x".repeat(200));
    assert_eq!(decode(large.as_bytes()), Err(Fault::HeadTooLarge));
    assert_eq!(decode(b"0\r\na : 1\r\n\r\n"), Err(Fault::SpaceBeforeColon));
    assert_eq!(decode(b"0\r\na\r\n\r\n"), Err(Fault::ColonMissing));
    assert_eq!(decode(b"0\r\na: \0\r\n\r\n"), Err(Fault::FieldValueInvalid));
    assert_eq!(decode(b"0\r\na: b\rc\r\n\r\n"), Err(Fault::BareCr));
}

#[test]
fn trailers_without_a_place_there_are_left_out() {
    let pass = [
        "grpc-status",
        "Grpc-Message",
        "ETag",
        "Content-Digest",
        "Server-Timing",
        "x-checksum",
    ];
    let stop = [
        "Content-Length",
        "transfer-encoding",
        "Host",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Consumer-Id",
        "X-Forwarded-For",
        "X-Forwarded-User",
        "Forwarded",
        "Connection",
        "TE",
        "Trailer",
        "Content-Type",
        "Cache-Control",
        "Location",
        "If-None-Match",
        "Via",
        "X-Real-IP",
        "x_y",
        "Access-Control-Allow-Origin",
        "Proxy-Authorization",
        "Expect",
        "Date",
        "Range",
        "Max-Forwards",
        "X-Request-ID",
        "traceparent",
    ];
    for (names, passes) in [(&pass[..], true), (&stop[..], false)] {
        for name in names {
            let body = format!("0\r\n{name}: v\r\n\r\n");
            let trailers = decode(body.as_bytes())
                .ok()
                .flatten()
                .map(|(_, trailers, _)| trailers);
            let expected = if passes {
                vec![((*name).to_owned(), "v".to_owned())]
            } else {
                vec![]
            };
            assert_eq!(trailers, Some(expected), "{name}");
        }
    }
}

#[test]
fn chunk_sizes_are_written_plainly() {
    for (len, text) in [
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xabc, "abc\r\n"),
        (u64::MAX, "ffffffffffffffff\r\n"),
    ] {
        let mut out = Vec::new();
        write_chunk_size(len, &mut out);
        assert_eq!(out, text.as_bytes());
    }
    assert_eq!(payload(LAST_CHUNK), Some(vec![]));
}
