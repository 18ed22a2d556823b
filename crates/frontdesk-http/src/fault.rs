//! Everything that can be wrong with a message, in one table.

use std::fmt;

macro_rules! faults {
    ($( $(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $text:literal; )*) => {
        /// What is wrong with a message. Requests are answered with `status` and the connection is closed;
        /// for an upstream's response the status is always 502.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { $( $(#[$doc])* $name, )* }

        impl Fault {
            /// Every fault, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )* ];

            /// A stable `snake_case` name for logs, metrics and tests.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$name => $code, )* }
            }

            /// The status of the answer when a request has this fault.
            pub const fn status(self) -> u16 {
                match self { $( Self::$name => $status, )* }
            }

            const fn text(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }
        }
    };
}

faults! {
    /// RFC 9110 §9.1
    MethodInvalid = "method_invalid", 400, "the method is not a token followed by one space";
    /// RFC 9112 §3 asks for 501
    MethodTooLong = "method_too_long", 501, "the method is longer than 32 bytes";
    /// RFC 8441 §4, RFC 9220 §3
    UpgradeUnknown = "upgrade_unknown", 501, "the :protocol of a CONNECT is not spoken here";
    /// RFC 9112 §3
    RequestLineInvalid = "request_line_invalid", 400,
        "the request line is not method, target and version with one space between";
    /// RFC 9112 §3.2
    TargetInvalid = "target_invalid", 400,
        "the target is neither a path, an http(s) URI, nor `*` with OPTIONS or host:port with CONNECT";
    /// RFC 3986 §2
    TargetByteInvalid = "target_byte_invalid", 400,
        "the target holds a control, blank or 8-bit byte; it must be percent-encoded";
    /// RFC 9112 §3.2
    TargetFragment = "target_fragment", 400, "the target has a fragment (`#`), which is never sent";
    /// RFC 9112 §3
    TargetTooLong = "target_too_long", 414, "the target is longer than the limit";
    /// RFC 9112 §2.3
    VersionInvalid = "version_invalid", 400, "the version is not HTTP/1.1 or HTTP/1.0 and a line end";
    /// RFC 9110 §15.6.6
    VersionUnsupported = "version_unsupported", 505, "only HTTP/1.1 and HTTP/1.0 are spoken here";
    /// RFC 9112 §4
    StatusLineInvalid = "status_line_invalid", 400,
        "the status line is not version, three digits and a reason";
    /// RFC 9110 §15
    StatusInvalid = "status_invalid", 400, "the status is not within 100-599";
    /// RFC 9112 §2.2
    BareCr = "bare_cr", 400, "a CR is not followed by LF";
    /// RFC 9112 §2.2
    BareLf = "bare_lf", 400, "a line ends in LF alone, CRLF is expected";
    /// RFC 9112 §5.2
    ObsFold = "obs_fold", 400, "a field line starts with white space (obsolete folding)";
    /// RFC 9110 §5.1
    FieldNameEmpty = "field_name_empty", 400, "a field line has no name before the colon";
    /// RFC 9110 §5.1
    FieldNameInvalid = "field_name_invalid", 400, "a field name is not a token";
    /// A name of 64 KiB or more cannot be represented
    FieldNameTooLong = "field_name_too_long", 431, "a field name is longer than 65,535 bytes";
    /// RFC 9112 §5.1
    SpaceBeforeColon = "space_before_colon", 400, "white space stands between a field name and the colon";
    /// RFC 9112 §5
    ColonMissing = "colon_missing", 400, "a field line has no colon";
    /// RFC 9110 §5.5
    FieldValueInvalid = "field_value_invalid", 400, "a field value holds a control byte";
    /// Many back ends read `_` as `-`
    UnderscoreRefused = "underscore_refused", 400, "a field name holds `_`, which this listener refuses";
    /// RFC 6585 §5
    HeadTooLarge = "head_too_large", 431, "the head is larger than the limit";
    /// RFC 6585 §5
    TooManyFields = "too_many_fields", 431, "the head has more fields than the limit";
    /// RFC 9112 §3.2
    HostMissing = "host_missing", 400, "an HTTP/1.1 request has no Host";
    /// RFC 9112 §3.2
    HostRepeated = "host_repeated", 400, "Host appears more than once";
    /// RFC 9110 §7.2
    HostInvalid = "host_invalid", 400,
        "the authority is not a host name, IPv4 or [IPv6] address with an optional port up to 65535";
    /// Stricter than RFC 9112 §3.2.2
    HostMismatch = "host_mismatch", 400, "Host differs from the authority of the target";
    /// RFC 9110 §8.6
    ContentLengthInvalid = "content_length_invalid", 400, "Content-Length is not one decimal number";
    /// RFC 9112 §6.3; equal values are refused as well
    ContentLengthRepeated = "content_length_repeated", 400, "Content-Length appears more than once";
    /// RFC 9110 §8.6
    ContentLengthTooLarge = "content_length_too_large", 400, "Content-Length is over 2^63-1";
    /// RFC 9112 §6.1
    TransferEncodingWithContentLength = "transfer_encoding_with_content_length", 400,
        "Transfer-Encoding and Content-Length appear together";
    /// RFC 9112 §6.1
    TransferEncodingOnHttp10 = "transfer_encoding_on_http10", 400, "Transfer-Encoding on HTTP/1.0";
    /// RFC 9112 §6.1
    TransferEncodingRepeated = "transfer_encoding_repeated", 400,
        "Transfer-Encoding appears more than once";
    /// RFC 9112 §6.1
    TransferEncodingInvalid = "transfer_encoding_invalid", 400,
        "Transfer-Encoding is not exactly `chunked`";
    /// RFC 9112 §6.1
    TransferEncodingUnknown = "transfer_encoding_unknown", 501,
        "Transfer-Encoding names a coding other than chunked";
    /// RFC 9112 §6.1
    TransferEncodingForbidden = "transfer_encoding_forbidden", 400,
        "Transfer-Encoding on a 1xx or 204 response";
    /// RFC 9110 §7.6.1
    ConnectionInvalid = "connection_invalid", 400, "Connection is not a list of at most 32 tokens";
    /// RFC 9110 §10.1.1
    ExpectationUnknown = "expectation_unknown", 417, "Expect is not `100-continue`";
    /// RFC 9112 §7.1
    ChunkSizeInvalid = "chunk_size_invalid", 400, "a chunk size is not 1-16 hexadecimal digits";
    /// RFC 9112 §7.1
    ChunkLineEndInvalid = "chunk_line_end_invalid", 400, "a chunk is not ended by CRLF";
    /// RFC 9112 §7.1.1
    ChunkExtensionInvalid = "chunk_extension_invalid", 400,
        "a chunk extension holds a byte it must not, or an open quote";
    /// RFC 9112 §7.1.1
    ChunkExtensionTooLong = "chunk_extension_too_long", 400,
        "the chunk extensions of the message are larger than the limit";
    /// PROTOCOL-WEB.md of the gRPC project
    GrpcWebBase64Invalid = "grpc_web_base64_invalid", 400, "the body is not base64";
    /// RFC 9113 §5.4
    Http2Protocol = "http2_protocol", 400, "the frames of the message break the rules of HTTP/2";
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::Fault;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let codes: HashSet<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(codes.len(), Fault::ALL.len());
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(codes.iter().all(|code| code.chars().all(snake)));
    }

    #[test]
    fn statuses_are_those_of_the_design() {
        let status = |fault: Fault| fault.status();
        assert_eq!(status(Fault::TargetTooLong), 414);
        assert_eq!(status(Fault::HeadTooLarge), 431);
        assert_eq!(status(Fault::TooManyFields), 431);
        assert_eq!(status(Fault::TransferEncodingUnknown), 501);
        assert_eq!(status(Fault::VersionUnsupported), 505);
        assert_eq!(status(Fault::ExpectationUnknown), 417);
        assert_eq!(status(Fault::BareLf), 400);
    }
}
