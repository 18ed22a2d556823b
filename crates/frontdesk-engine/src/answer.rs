//! Answers that the gateway makes: problem details (RFC 9457), or a page or plain text where the
//! client prefers them. Written once for every protocol; a codec adds its framing.

use frontdesk_http::Known;
use frontdesk_policies::{Exchange, GrpcWeb, Rejection, RequestId};

use crate::{grpc, grpc_web};

/// An answer without its framing.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Field lines with their line ends.
    pub(crate) fields: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Problem,
    Html,
    Text,
    /// Status 200 and the fields that end a gRPC call.
    Grpc(Option<GrpcWeb>),
}

impl Answer {
    /// A rejection or fault, in the form the client prefers.
    pub(crate) fn of(rejection: &Rejection, ex: &Exchange, via: &str) -> Answer {
        if ex.grpc {
            let form = Form::Grpc(ex.grpc_web);
            return Answer::in_form(rejection, form, &ex.request_id, via);
        }
        let form = ex.known(Known::Accept).map_or(Form::Problem, preferred);
        Answer::in_form(rejection, form, &ex.request_id, via)
    }

    /// The same for a request that could not be read: nothing of it is believed.
    pub(crate) fn unread(rejection: &Rejection, id: &RequestId, via: &str) -> Answer {
        Answer::in_form(rejection, Form::Problem, id, via)
    }

    fn in_form(rejection: &Rejection, form: Form, id: &RequestId, via: &str) -> Answer {
        // Both the generator and the check of incoming ids give ASCII.
        let id = std::str::from_utf8(id.as_bytes()).unwrap_or_default();
        let (content_type, body) = match form {
            Form::Problem => ("application/problem+json", problem(rejection, id)),
            Form::Html => ("text/html; charset=utf-8", html(rejection, id)),
            Form::Text => ("text/plain; charset=utf-8", text(rejection, id)),
            Form::Grpc(web) => (
                web.map_or("application/grpc", grpc_web::content_type),
                String::new(),
            ),
        };
        let mut fields = Vec::with_capacity(256);
        let mut field = |name: &str, value: &str| {
            fields.extend_from_slice(name.as_bytes());
            fields.extend_from_slice(b": ");
            fields.extend_from_slice(value.as_bytes());
            fields.extend_from_slice(b"\r\n");
        };
        field("content-type", content_type);
        field("cache-control", "no-store");
        if let Some(error) = rejection.code.proxy_status() {
            field("proxy-status", &format!("{via}; error={error}"));
        }
        for (name, value) in &rejection.fields {
            field(name, value);
        }
        if rejection.code.status() == 503 && !rejection.fields.iter().any(|f| f.0 == "retry-after")
        {
            field("retry-after", "1");
        }
        let mut status = rejection.code.status();
        if matches!(form, Form::Grpc(_)) {
            status = 200;
            grpc::write_status(
                grpc::status_of(rejection.code),
                &rejection.detail,
                &mut fields,
            );
        }
        Answer {
            status,
            fields,
            body: body.into_bytes(),
        }
    }
}

fn problem(rejection: &Rejection, id: &str) -> String {
    let code = rejection.code;
    let problem = serde_json::json!({
        "type": format!("urn:frontdesk:problem:{}", code.name()),
        "title": code.title(),
        "status": code.status(),
        "detail": rejection.detail,
        "instance": format!("urn:frontdesk:request:{id}"),
        "request_id": id,
    });
    problem.to_string()
}

fn html(rejection: &Rejection, id: &str) -> String {
    let (status, title) = (rejection.code.status(), rejection.code.title());
    let detail = escape(&rejection.detail);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {title}</title></head>\
         <body><h1>{status} {title}</h1><p>{detail}</p><p><small>Request {id}</small></p></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn text(rejection: &Rejection, id: &str) -> String {
    let code = rejection.code;
    format!(
        "{} {}\n{}\nRequest {id}\n",
        code.status(),
        code.title(),
        rejection.detail
    )
}

/// The form with the highest quality in Accept (RFC 9110 §12.5.1); problem details win a tie.
fn preferred(accept: &[u8]) -> Form {
    let accept = String::from_utf8_lossy(accept).to_ascii_lowercase();
    let json = quality(&accept, "application", "problem+json").max(quality(
        &accept,
        "application",
        "json",
    ));
    let html = quality(&accept, "text", "html");
    let text = quality(&accept, "text", "plain");
    if json >= html && json >= text {
        Form::Problem
    } else if html >= text {
        Form::Html
    } else {
        Form::Text
    }
}

/// The quality of a media type in thousandths, by the most specific range that covers it.
fn quality(accept: &str, main: &str, sub: &str) -> u32 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let specific = match parts.next().and_then(|name| name.split_once('/')) {
            Some((m, s)) if m == main && s == sub => 3,
            Some((m, "*")) if m == main => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let q = parts
            .find_map(|parameter| parameter.strip_prefix("q="))
            .map_or(1000, thousandths);
        if specific > best.0 {
            best = (specific, q);
        }
    }
    best.1
}

fn thousandths(q: &str) -> u32 {
    let q: f32 = q.parse().unwrap_or(0.0);
    (q.clamp(0.0, 1.0) * 1000.0) as u32
}

/// The reason phrase of a status, for clients that show it.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        508 => "Loop Detected",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frontdesk_policies::Code;

    #[test]
    fn browsers_get_a_page_and_programs_get_json() {
        let browser = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert_eq!(preferred(browser), Form::Html);
        assert_eq!(preferred(b"*/*"), Form::Problem);
        assert_eq!(preferred(b"text/plain"), Form::Text);
        assert_eq!(
            preferred(b"text/html;q=0.1, application/json"),
            Form::Problem
        );
        assert_eq!(preferred(b"text/*;q=0.9, */*;q=0.1"), Form::Html);
        assert_eq!(preferred(b"\xff;q=x,,;"), Form::Problem);
    }

    #[test]
    fn detail_cannot_break_out_of_the_page() {
        let rejection = Rejection::new(Code::InvalidPath, "<script>");
        assert!(html(&rejection, "").contains("&lt;script&gt;"));
    }

    #[test]
    fn saturation_says_when_to_come_back() {
        let answer = Answer::unread(
            &Rejection::new(Code::Saturated, "x"),
            &RequestId::EMPTY,
            "frontdesk-1",
        );
        let fields = String::from_utf8(answer.fields).unwrap();
        assert!(fields.contains("retry-after: 1\r\n"));
        assert!(fields.contains("proxy-status: frontdesk-1; error=connection_limit_reached\r\n"));
    }
}
