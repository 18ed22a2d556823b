//! The hosts of one level of priority.

use rustc_hash::FxHashMap;

use crate::host::parents;

/// Index of a tree.
pub(crate) type TreeId = u32;

/// The trees of one priority, by host.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) exact: FxHashMap<Box<[u8]>, TreeId>,
    /// Keyed by what follows `*.`.
    pub(crate) wildcard: FxHashMap<Box<[u8]>, TreeId>,
    pub(crate) any: Option<TreeId>,
}

impl Level {
    pub(crate) fn has_hosts(&self) -> bool {
        !self.exact.is_empty() || !self.wildcard.is_empty()
    }

    /// Visits the trees for a normalised host in order of precedence: the exact host, wildcards from the
    /// longest suffix on, any host. Stops when `visit` says that it has enough, and says so too.
    #[inline]
    pub(crate) fn visit(
        &self,
        host: Option<&[u8]>,
        visit: &mut impl FnMut(TreeId) -> bool,
    ) -> bool {
        if let Some(host) = host
            && self.visit_named(host, visit)
        {
            return true;
        }
        self.any.is_some_and(visit)
    }

    fn visit_named(&self, host: &[u8], visit: &mut impl FnMut(TreeId) -> bool) -> bool {
        if let Some(tree) = self.exact.get(host)
            && visit(*tree)
        {
            return true;
        }
        !self.wildcard.is_empty()
            && parents(host)
                .filter_map(|parent| self.wildcard.get(parent))
                .any(|tree| visit(*tree))
    }
}
