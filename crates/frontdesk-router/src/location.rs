//! What a redirect location may be. A value from a request must never choose where a client is sent.

use crate::host::check_host_pattern;
use crate::template::Piece;

/// Judges a location template: an absolute http(s) URI or an absolute path, with no value of the request but
/// its own host before the path.
pub(crate) fn check_location(text: &str, pieces: &[Piece]) -> Result<(), String> {
    check_characters(text, pieces)?;
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return check_authority(text, pieces);
    }
    match pieces.first() {
        Some(Piece::Text(first)) if first.starts_with("//") => Err(format!(
            "location `{text}` starts with `//`, which names a host; write the scheme too, or one slash"
        )),
        Some(Piece::Text(first)) if first.starts_with('/') => Ok(()),
        // A canonical path starts with a slash.
        Some(Piece::Path) => Ok(()),
        _ => Err(format!(
            "location `{text}` must start with `/`, `https://` or `http://`, written out"
        )),
    }
}

fn check_characters(text: &str, pieces: &[Piece]) -> Result<(), String> {
    let literals = pieces.iter().filter_map(|piece| {
        if let Piece::Text(text) = piece {
            Some(text)
        } else {
            None
        }
    });
    let is_refused =
        |c: &char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '|');
    match literals
        .flat_map(|literal| literal.chars())
        .find(is_refused)
    {
        Some(found) => Err(format!(
            "location `{text}` has {found:?}, which a URI cannot have; write it as an escape such as `%20`"
        )),
        None => Ok(()),
    }
}

/// Walks over the pieces up to the end of the authority (RFC 3986 §3.2).
fn check_authority(text: &str, pieces: &[Piece]) -> Result<(), String> {
    let mut authority = String::new();
    for (position, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(literal) => {
                let literal = if position == 0 {
                    after_scheme(literal)
                } else {
                    literal
                };
                let end = literal.find(['/', '?', '#']);
                authority.push_str(&literal[..end.unwrap_or(literal.len())]);
                if end.is_some() {
                    break;
                }
            }
            Piece::Host => authority.push('h'),
            // Its leading slash ends the authority.
            Piece::Path => break,
            Piece::Capture { .. } => {
                return Err(format!(
                    "location `{text}` has a variable within the host, which would let a request choose where clients are sent; only `{{request.host}}` may stand there, and a `/` must come before other variables"
                ));
            }
        }
    }
    check_host_text(text, &authority)
}

fn after_scheme(literal: &str) -> &str {
    literal.split_once("://").map_or("", |(_, rest)| rest)
}

fn check_host_text(text: &str, authority: &str) -> Result<(), String> {
    if authority.contains('@') {
        return Err(format!(
            "location `{text}` has user information (`@`) before the host; leave it out"
        ));
    }
    if authority.is_empty() || authority.contains('*') {
        return Err(format!(
            "location `{text}` has no host; write `https://example.com/…` or an absolute path"
        ));
    }
    let is_port =
        |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    check_host_pattern(host)
        .map(drop)
        .map_err(|reason| format!("location `{text}`: {reason}"))
}
