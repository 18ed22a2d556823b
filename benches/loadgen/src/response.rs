//! Just enough of HTTP/1.1 to know where an answer ends and whether it is the one expected.

/// The largest head that is read; a longer one is malformed here.
const HEAD_LIMIT: usize = 64 * 1024;

/// How far an answer has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The answer is complete.
    Done {
        /// Its status code.
        status: u16,
        /// Whether the server closes the connection after it.
        close: bool,
    },
    /// The bytes are not an answer with `Content-Length`.
    Malformed,
}

/// Reads one answer after the other.
#[derive(Debug, Default)]
pub struct Reader {
    head: Vec<u8>,
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    left: u64,
    status: u16,
    close: bool,
}

impl Reader {
    /// Takes the next bytes of the one answer that is due.
    pub fn feed(&mut self, bytes: &[u8]) -> Progress {
        let Some(body) = &self.body else {
            return self.feed_head(bytes);
        };
        let (status, close) = (body.status, body.close);
        self.feed_body(bytes.len() as u64, status, close)
    }

    fn feed_head(&mut self, bytes: &[u8]) -> Progress {
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if self.head.len() > HEAD_LIMIT {
                Progress::Malformed
            } else {
                Progress::More
            };
        };
        let Some(body) = parse_head(&self.head[..end]) else {
            return Progress::Malformed;
        };
        let rest = (self.head.len() - end - 4) as u64;
        let (status, close) = (body.status, body.close);
        self.head.clear();
        self.body = Some(body);
        self.feed_body(rest, status, close)
    }

    fn feed_body(&mut self, count: u64, status: u16, close: bool) -> Progress {
        let Some(body) = &mut self.body else {
            return Progress::Malformed;
        };
        let Some(left) = body.left.checked_sub(count) else {
            return Progress::Malformed;
        };
        body.left = left;
        if left > 0 {
            return Progress::More;
        }
        self.body = None;
        Progress::Done { status, close }
    }
}

fn parse_head(head: &[u8]) -> Option<Body> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let mut length = None;
    let mut close = false;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse().ok()?);
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.eq_ignore_ascii_case("close");
        }
    }
    Some(Body {
        left: length?,
        status,
        close,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn an_answer_is_found_wherever_it_is_cut() {
        for cut in 1..ANSWER.len() {
            let mut reader = Reader::default();
            assert_eq!(reader.feed(&ANSWER[..cut]), Progress::More);
            let done = Progress::Done {
                status: 200,
                close: false,
            };
            assert_eq!(reader.feed(&ANSWER[cut..]), done);
        }
    }

    #[test]
    fn close_and_status_are_reported() {
        let mut reader = Reader::default();
        let answer = b"HTTP/1.1 503 Down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            reader.feed(answer),
            Progress::Done {
                status: 503,
                close: true
            }
        );
    }

    #[test]
    fn an_answer_without_length_or_with_too_many_bytes_is_malformed() {
        let unframed = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(Reader::default().feed(unframed), Progress::Malformed);
        let long = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab";
        assert_eq!(Reader::default().feed(long), Progress::Malformed);
    }
}
