//! Encoding chunks (RFC 9112 §7.1). Extensions are never written.

use frontdesk_http::{ChunkDecoder, write_chunk_size};

/// Appends one chunk; empty data is no chunk.
pub(crate) fn write_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    write_chunk_size(data.len() as u64, out);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk, with the trailers that may pass if a decoder is given.
pub(crate) fn write_end(out: &mut Vec<u8>, trailers: Option<&ChunkDecoder>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flat_map(ChunkDecoder::trailers) {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
