//! Host rules.

/// Judges a host rule (`example.com`, `*.example.com`, an IP literal) and gives its canonical form.
///
/// # Errors
/// What was found, what is expected, what to write instead.
pub fn check_host_pattern(text: &str) -> Result<String, String> {
    todo!("{text}")
}
