//! What the variables of a matched rule captured.

use crate::small::Small;

/// A start past every end: reads as "no value".
const ABSENT: (u32, u32) = (u32::MAX, 0);

/// Values of the variables of the matched rule, as ranges into the canonical path it matched.
///
/// Reusable: hand the same one to [`crate::Router::find`] for each request. Up to eight variables are kept
/// without allocation. The order is that of [`crate::Router::variables`].
#[derive(Debug, Default, Clone)]
pub struct Captures {
    ranges: Small<(u32, u32), 8>,
}

impl Captures {
    /// Empty captures.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many variables the matched rule has.
    pub fn len(&self) -> usize {
        self.ranges.as_slice().len()
    }

    /// Whether the matched rule has no variables.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of variable `index` within `path`, the path given to `find`. `None` where the index is
    /// out of range or a regex group took no part in the match.
    pub fn get<'p>(&self, index: usize, path: &'p [u8]) -> Option<&'p [u8]> {
        let (start, end) = *self.ranges.as_slice().get(index)?;
        path.get(start as usize..end as usize)
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    pub(crate) fn push(&mut self, range: Option<(usize, usize)>) {
        self.ranges
            .push(range.map_or(ABSENT, |(start, end)| (start as u32, end as u32)));
    }
}
