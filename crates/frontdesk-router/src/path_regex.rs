//! Path regexes.

/// Judges a path regex and gives the names of its groups in order.
///
/// # Errors
/// The reason the regex engine gives.
pub fn check_path_regex(text: &str) -> Result<Vec<String>, String> {
    todo!("{text}")
}
