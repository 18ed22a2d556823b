//! The paths of one host: exact paths in a hash map, templates and prefixes in a trie, regexes by the
//! literal text they start with.
//!
//! The trie is walked breadth first. A node is reached by one sequence of segments only, so a walk visits a
//! node at most once, whatever the path: the work for a segment is bounded by the number of patterns
//! that still agree with the path, and ends at the depth of the longest pattern. A hostile path
//! can therefore cost no more than the patterns of the configuration that look like it, and there is nothing
//! to back-track. Hash maps hold keys of the configuration alone, so a client cannot make them collide.

use rustc_hash::FxHashMap;

use crate::pattern::Segment;
use crate::regex_index::RegexIndex;
use crate::small::Small;

/// Adjacent rules in the order of precedence that share one path pattern on one host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Leaf {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Leaf {
    fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Index of a node within the trie of all hosts.
pub(crate) type NodeId = u32;

const NO_NODE: NodeId = NodeId::MAX;
/// Up to here a list is faster than a hash map, and smaller.
const FEW: usize = 6;

#[derive(Debug)]
enum Children {
    Few(Vec<(Box<[u8]>, NodeId)>),
    Many(FxHashMap<Box<[u8]>, NodeId>),
}

impl Children {
    #[inline]
    fn get(&self, segment: &[u8]) -> Option<NodeId> {
        match self {
            Self::Few(list) => list
                .iter()
                .find(|(text, _)| **text == *segment)
                .map(|(_, node)| *node),
            Self::Many(map) => map.get(segment).copied(),
        }
    }

    fn insert(&mut self, segment: &[u8], node: NodeId) {
        match self {
            Self::Few(list) if list.len() == FEW => {
                let all = list.drain(..).chain([(segment.into(), node)]);
                *self = Self::Many(all.collect());
            }
            Self::Few(list) => {
                // Most nodes have one child; the default first growth would reserve four places.
                list.reserve_exact(1);
                list.push((segment.into(), node));
            }
            Self::Many(map) => {
                map.insert(segment.into(), node);
            }
        }
    }
}

#[derive(Debug)]
struct Node {
    literals: Children,
    variable: NodeId,
    depth: u32,
    /// Rules of patterns that end here.
    whole: Leaf,
    /// Rules of prefixes that end here.
    prefix: Leaf,
}

/// The tries of all hosts, in one vector.
#[derive(Debug, Default)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    /// A new root.
    pub(crate) fn plant(&mut self) -> NodeId {
        self.add(0)
    }

    fn add(&mut self, depth: u32) -> NodeId {
        let literals = Children::Few(Vec::new());
        let node = Node {
            literals,
            variable: NO_NODE,
            depth,
            whole: Leaf::default(),
            prefix: Leaf::default(),
        };
        self.nodes.push(node);
        (self.nodes.len() - 1) as NodeId
    }

    /// Puts the rules of a template or, if `is_prefix`, of a prefix below `root`.
    pub(crate) fn insert(
        &mut self,
        root: NodeId,
        segments: &[Segment],
        is_prefix: bool,
        leaf: Leaf,
    ) {
        let node = segments
            .iter()
            .fold(root, |node, segment| self.descend(node, segment));
        let node = &mut self.nodes[node as usize];
        if is_prefix {
            node.prefix = leaf;
        } else {
            node.whole = leaf;
        }
    }

    fn descend(&mut self, node: NodeId, segment: &Segment) -> NodeId {
        let parent = &self.nodes[node as usize];
        let (known, depth) = match segment {
            Segment::Literal(text) => (parent.literals.get(text), parent.depth + 1),
            Segment::Variable(_) => (
                (parent.variable != NO_NODE).then_some(parent.variable),
                parent.depth + 1,
            ),
        };
        known.unwrap_or_else(|| {
            let child = self.add(depth);
            let parent = &mut self.nodes[node as usize];
            match segment {
                Segment::Literal(text) => parent.literals.insert(text, child),
                Segment::Variable(_) => parent.variable = child,
            }
            child
        })
    }

    #[inline]
    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Hands the leaves whose pattern matches `path` to `visit`, in order of precedence, until it says
    /// that it has enough. Says so too.
    #[inline]
    pub(crate) fn walk(
        &self,
        root: NodeId,
        path: &[u8],
        visit: &mut impl FnMut(Leaf) -> bool,
    ) -> bool {
        let mut prefixes = Prefixes::default();
        self.note_prefix(root, &mut prefixes);
        let mut live = Small::<NodeId, 8>::default();
        live.push(root);
        let mut rest = path.get(1..);
        while let Some(from) = rest
            && !live.as_slice().is_empty()
        {
            let end = memchr::memchr(b'/', from);
            let segment = &from[..end.unwrap_or(from.len())];
            rest = end.map(|slash| &from[slash + 1..]);
            live = self.step(&live, segment, &mut prefixes);
        }
        let whole = live.as_slice().iter().map(|id| self.node(*id).whole);
        whole.filter(|leaf| !leaf.is_empty()).any(&mut *visit)
            || self.deepest_first(prefixes.as_slice(), visit)
    }

    /// Goes down by one segment. A literal goes before the variable, so the order of `live` is that
    /// of precedence: segments from left to right.
    #[inline]
    fn step(
        &self,
        live: &Small<NodeId, 8>,
        segment: &[u8],
        prefixes: &mut Prefixes,
    ) -> Small<NodeId, 8> {
        let mut next = Small::default();
        for id in live.as_slice() {
            let node = self.node(*id);
            if let Some(child) = node.literals.get(segment) {
                next.push(child);
                self.note_prefix(child, prefixes);
            }
            if node.variable != NO_NODE && !segment.is_empty() {
                next.push(node.variable);
                self.note_prefix(node.variable, prefixes);
            }
        }
        next
    }

    #[inline]
    fn note_prefix(&self, id: NodeId, prefixes: &mut Prefixes) {
        if !self.node(id).prefix.is_empty() {
            prefixes.push(id);
        }
    }

    /// Visits prefixes from the longest to the shortest, those of one length in the order of the walk.
    #[inline]
    fn deepest_first(&self, prefixes: &[NodeId], visit: &mut impl FnMut(Leaf) -> bool) -> bool {
        prefixes
            .chunk_by(|a, b| self.node(*a).depth == self.node(*b).depth)
            .rev()
            .flatten()
            .any(|id| visit(self.node(*id).prefix))
    }
}

/// Nodes on the way that end a prefix, in the order of the walk.
type Prefixes = Small<NodeId, 16>;

/// The rules of one host on one level of priority.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) exact: FxHashMap<Box<[u8]>, Leaf>,
    pub(crate) root: NodeId,
    /// Rules with a regex.
    pub(crate) regexes: RegexIndex,
}

impl Tree {
    /// A tree without paths.
    pub(crate) fn new(root: NodeId) -> Self {
        Self {
            exact: FxHashMap::default(),
            root,
            regexes: RegexIndex::default(),
        }
    }
}
