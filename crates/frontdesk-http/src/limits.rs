//! What a head may cost.

/// What happens to request fields whose name has `_`, which many back ends read as `-`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Underscores {
    /// Mark them removed and count them.
    #[default]
    Drop,
    /// Refuse the request.
    Refuse,
    /// Let them pass, except aliases of framing, forwarding and identity fields.
    Allow,
}

/// Bounds and options for parsing a head. The defaults are those of a listener.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head, from the first byte to the end of the empty line.
    pub head_bytes: usize,
    /// Number of field lines.
    pub fields: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
    /// Accept LF alone as the end of a line in the head (never in chunk framing or trailers).
    pub lf_line_ends: bool,
    /// What happens to `_` in request field names; responses pass.
    pub underscores: Underscores,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            fields: 100,
            target_bytes: 8 * 1024,
            lf_line_ends: false,
            underscores: Underscores::Drop,
        }
    }
}

/// Bounds for the trailer section of a chunked body: what the head has left of its limits.
#[derive(Clone, Copy, Debug)]
pub struct TrailerLimits {
    /// Bytes of the trailer lines.
    pub bytes: usize,
    /// Number of trailer lines.
    pub fields: usize,
}

impl HeadLimits {
    /// What remains for trailers after a head of `head_bytes` bytes and `fields` fields.
    pub fn rest(&self, head_bytes: usize, fields: usize) -> TrailerLimits {
        TrailerLimits {
            bytes: self.head_bytes.saturating_sub(head_bytes),
            fields: self.fields.saturating_sub(fields),
        }
    }
}
