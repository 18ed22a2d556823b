//! gRPC-Web (`PROTOCOL-WEB.md` of the gRPC project): calls from browsers, which see no trailers. Messages stay as
//! they are; the trailers become a last frame of the body, and `-text` is base64 around all of it.

use bytes::Bytes;
use data_encoding::BASE64;
use frontdesk_http::{Fault, Known, ResponseFraming, ResponseHead};
use frontdesk_policies::{Exchange, GrpcWeb};

const BINARY: &[u8] = b"application/grpc-web";
const TEXT: &[u8] = b"application/grpc-web-text";
/// The flag of the frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// Makes a gRPC call of a request that is gRPC-Web; leaves all others alone.
pub(crate) fn begin(ex: &mut Exchange) {
    let Some(web) = ex.known(Known::ContentType).and_then(form) else {
        return;
    };
    let suffix = ex
        .known(Known::ContentType)
        .and_then(|value| {
            value
                .iter()
                .position(|&b| b == b'+')
                .map(|at| value[at..].to_vec())
        })
        .unwrap_or_default();
    for field in &mut ex.head.fields {
        field.removed |= field.known == Known::ContentType;
    }
    let content_type = [b"application/grpc", suffix.as_slice()].concat();
    ex.add_request_field("content-type", &content_type);
    ex.head.te_trailers = true;
    ex.grpc = true;
    ex.grpc_web = Some(web);
}

fn form(content_type: &[u8]) -> Option<GrpcWeb> {
    let is = |name: &[u8]| {
        let (start, rest) = content_type.split_at_checked(name.len())?;
        let ends = matches!(rest.first(), None | Some(b'+' | b';' | b' '));
        (ends && start.eq_ignore_ascii_case(name)).then_some(())
    };
    if is(TEXT).is_some() {
        return Some(GrpcWeb::Text);
    }
    is(BINARY).map(|()| GrpcWeb::Binary)
}

/// The content type of responses.
pub(crate) fn content_type(web: GrpcWeb) -> &'static str {
    match web {
        GrpcWeb::Binary => "application/grpc-web+proto",
        GrpcWeb::Text => "application/grpc-web-text+proto",
    }
}

/// Gives a response the form of gRPC-Web: its body grows by the trailers.
pub(crate) fn respond(ex: &mut Exchange, head: &mut ResponseHead) {
    let Some(web) = ex.grpc_web else { return };
    for field in &mut head.fields {
        field.removed |= field.known == Known::ContentType;
    }
    ex.add_response_field("content-type", content_type(web).as_bytes());
    if !matches!(
        head.framing,
        ResponseFraming::None | ResponseFraming::Length(0)
    ) {
        head.framing = ResponseFraming::UntilClose;
        head.content_length = None;
    }
}

/// The bodies of one call.
pub(crate) struct Transform {
    web: GrpcWeb,
    /// Characters of a base64 quantum that is not whole yet.
    rest: Vec<u8>,
}

impl Transform {
    /// Nothing for an exchange that is no gRPC-Web.
    pub(crate) fn of(ex: &Exchange) -> Option<Transform> {
        ex.grpc_web.map(|web| Transform {
            web,
            rest: Vec::new(),
        })
    }

    /// A part of the request's body, as gRPC has it. It may be empty.
    ///
    /// # Errors
    /// It is not base64.
    pub(crate) fn decode(&mut self, data: Bytes) -> Result<Bytes, Fault> {
        if self.web == GrpcWeb::Binary {
            return Ok(data);
        }
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(&data);
        let whole = text.len() - text.len() % 4;
        self.rest = text.split_off(whole);
        let mut out = Vec::with_capacity(whole / 4 * 3);
        // Pieces that were encoded by themselves may stand one after the other, each with its padding.
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let padding = memchr::memchr(b'=', rest).map_or(rest.len(), |at| at / 4 * 4 + 4);
            let (piece, after) = rest.split_at(padding.min(rest.len()));
            let decoded = BASE64
                .decode(piece)
                .map_err(|_| Fault::GrpcWebBase64Invalid)?;
            out.extend_from_slice(&decoded);
            rest = after;
        }
        Ok(out.into())
    }

    /// Judges the end of the request's body.
    ///
    /// # Errors
    /// A quantum of base64 is not whole.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Fault::GrpcWebBase64Invalid)
        }
    }

    /// A part of the response's body, as the client gets it.
    pub(crate) fn encode(&self, data: Bytes) -> Bytes {
        match self.web {
            GrpcWeb::Binary => data,
            GrpcWeb::Text => BASE64.encode(&data).into(),
        }
    }

    /// The trailers as a part of the body. A call that ended without a status is of unknown outcome (2).
    pub(crate) fn trailers(&self, lines: &[u8]) -> Bytes {
        let lines = if lines.is_empty() {
            b"grpc-status: 2\r\n"
        } else {
            lines
        };
        let mut frame = vec![TRAILERS];
        frame.extend_from_slice(&(lines.len() as u32).to_be_bytes());
        frame.extend_from_slice(&with_lower_case_names(lines));
        self.encode(frame.into())
    }
}

/// Field names in lower case, as gRPC-Web has them; values as they are.
fn with_lower_case_names(lines: &[u8]) -> Vec<u8> {
    let mut out = lines.to_vec();
    let mut in_name = true;
    for byte in &mut out {
        match *byte {
            b':' => in_name = false,
            b'\n' => in_name = true,
            _ if in_name => byte.make_ascii_lowercase(),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transform(web: GrpcWeb) -> Transform {
        Transform {
            web,
            rest: Vec::new(),
        }
    }

    #[test]
    fn content_types() {
        assert_eq!(form(b"application/grpc-web"), Some(GrpcWeb::Binary));
        assert_eq!(form(b"application/grpc-web+proto"), Some(GrpcWeb::Binary));
        assert_eq!(form(b"application/GRPC-web-text; x"), Some(GrpcWeb::Text));
        assert_eq!(form(b"application/grpc"), None);
        assert_eq!(form(b"application/grpc-website"), None);
    }

    #[test]
    fn text_is_decoded_however_it_is_cut() {
        let whole = [BASE64.encode(b"hello"), BASE64.encode(b"world!")].concat();
        for size in 1..whole.len() {
            let mut web = transform(GrpcWeb::Text);
            let mut out = Vec::new();
            for piece in whole.as_bytes().chunks(size) {
                out.extend_from_slice(&web.decode(Bytes::copy_from_slice(piece)).unwrap());
            }
            assert_eq!(out, b"helloworld!");
            assert_eq!(web.finish(), Ok(()));
        }
        let mut web = transform(GrpcWeb::Text);
        assert!(web.decode(Bytes::from_static(b"!!!!")).is_err());
        web.decode(Bytes::from_static(b"YQ")).unwrap();
        assert!(web.finish().is_err());
    }

    #[test]
    fn trailers_are_a_frame() {
        let frame = transform(GrpcWeb::Binary).trailers(b"Grpc-Status: 0\r\n");
        assert_eq!(&frame[..], b"\x80\0\0\0\x10grpc-status: 0\r\n");
        let frame = transform(GrpcWeb::Text).trailers(b"");
        assert_eq!(BASE64.decode(&frame).unwrap()[5..], *b"grpc-status: 2\r\n");
    }
}
