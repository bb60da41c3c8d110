//! Unbalanced Tree Search: a tree that only hashing reveals, node by node.
//!
//! A node is a SHA-1 state; its last word is the random number that decides how many children it
//! has, and hashing the state with a child's index gives the child. The published parameters make
//! published trees, so an exact node count proves the whole generator.

use sha1::{Digest, Sha1};

use super::{Job, Sample, check};
use crate::Contender;

/// How a node's random number becomes its number of children.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The root has `root` children; every other node has `children` of them with probability
    /// `chance`, else none.
    Binomial { root: u32, children: u32, chance: f64 },
    /// Geometrically distributed around `mean`, above depth `depth`; no children from there on.
    Geometric { mean: f64, depth: u32 },
}

/// A tree, by its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    name: &'static str,
    shape: Shape,
    seed: u32,
    /// As published.
    nodes: u64,
    /// As published; halving each node's children forks once less than this.
    leaves: u64,
}

/// Geometric, fixed branching, 10 levels deep: `-t 1 -a 3 -d 10 -b 4 -r 19`.
pub(crate) const T1: Tree = Tree {
    name: "T1",
    shape: Shape::Geometric { mean: 4.0, depth: 10 },
    seed: 19,
    nodes: 4_130_071,
    leaves: 3_305_118,
};

/// Geometric, fixed branching, 13 levels deep: `-t 1 -a 3 -d 13 -b 4 -r 29`.
pub(crate) const T1L: Tree = Tree {
    name: "T1L",
    shape: Shape::Geometric { mean: 4.0, depth: 13 },
    seed: 29,
    nodes: 102_181_082,
    leaves: 81_746_377,
};

/// Binomial, 1,572 levels deep: `-t 0 -b 2000 -q 0.124875 -m 8 -r 42`.
pub(crate) const T3: Tree = Tree {
    name: "T3",
    shape: Shape::Binomial { root: 2_000, children: 8, chance: 0.124_875 },
    seed: 42,
    nodes: 4_112_897,
    leaves: 3_599_034,
};

/// No node but a binomial tree's root may have more children.
const MOST_CHILDREN: u32 = 100;

struct Node {
    state: [u8; 20],
    depth: u32,
}

impl Node {
    fn root(tree: &Tree) -> Node {
        let mut block = [0; 20];
        block[16..].copy_from_slice(&tree.seed.to_be_bytes());
        Node { state: Sha1::digest(block).into(), depth: 0 }
    }

    // Not inlined, here and below: every contender must run the same machine code per node. Left to
    // itself, the compiler gave one of two equal contenders 30 ns more of it than the other.
    #[inline(never)]
    fn child(&self, index: u32) -> Node {
        let hash = Sha1::new().chain_update(self.state).chain_update(index.to_be_bytes());
        Node { state: hash.finalize().into(), depth: self.depth + 1 }
    }

    /// A number in 0..1.
    fn random(&self) -> f64 {
        let [.., a, b, c, d] = self.state;
        f64::from(u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff) / f64::from(1_u32 << 31)
    }

    #[inline(never)]
    fn children(&self, tree: &Tree) -> u32 {
        match tree.shape {
            Shape::Binomial { root, .. } if self.depth == 0 => root,
            Shape::Binomial { children, chance, .. } if self.random() < chance => {
                children.min(MOST_CHILDREN)
            }
            Shape::Binomial { .. } => 0,
            Shape::Geometric { depth, .. } if self.depth >= depth => 0,
            Shape::Geometric { mean, .. } => {
                let stop = 1.0 / (1.0 + mean);
                let children = ((1.0 - self.random()).ln() / (1.0 - stop).ln()).floor();
                (children as u32).min(MOST_CHILDREN)
            }
        }
    }
}

fn nodes_serial(tree: &Tree, node: &Node) -> u64 {
    1 + (0..node.children(tree)).map(|index| nodes_serial(tree, &node.child(index))).sum::<u64>()
}

fn serial(tree: &Tree) -> u64 {
    nodes_serial(tree, &Node::root(tree))
}

per_join! {
    use super::{Node, Tree};

    pub(super) fn nodes(cx: Cx<'_, '_>, tree: &Tree) -> u64 {
        below(cx, tree, &Node::root(tree))
    }

    /// The nodes from `node` down, itself included.
    fn below(cx: Cx<'_, '_>, tree: &Tree, node: &Node) -> u64 {
        match node.children(tree) {
            0 => 1,
            children => 1 + among(cx, tree, node, 0, children),
        }
    }

    /// The nodes below the children `from..to` of `parent`, themselves included.
    fn among(cx: Cx<'_, '_>, tree: &Tree, parent: &Node, from: u32, to: u32) -> u64 {
        if to - from == 1 {
            return below(cx, tree, &parent.child(from));
        }
        let middle = from.midpoint(to);
        let (a, b) = join(
            cx,
            |cx| among(cx, tree, parent, from, middle),
            |cx| among(cx, tree, parent, middle, to),
        );
        a + b
    }
}

impl Tree {
    /// One of the same kind and of a few hundred nodes, for a try.
    pub(crate) fn sapling(self) -> Tree {
        let shape = match self.shape {
            Shape::Geometric { mean, .. } => Shape::Geometric { mean, depth: 5 },
            Shape::Binomial { children, .. } => {
                Shape::Binomial { root: 100, children, chance: 0.12 }
            }
        };
        let mut tree = Tree { shape, nodes: 0, leaves: 0, ..self };
        (tree.nodes, tree.leaves, _) = count(&tree, &Node::root(&tree));
        tree
    }
}

/// The nodes from `node` down, how many of them are leaves, and how deep the deepest lies.
fn count(tree: &Tree, node: &Node) -> (u64, u64, u32) {
    let children = node.children(tree);
    let start = (1, u64::from(children == 0), node.depth);
    let below = (0..children).map(|index| count(tree, &node.child(index)));
    below.fold(start, |sum, more| (sum.0 + more.0, sum.1 + more.1, sum.2.max(more.2)))
}

impl Job for Tree {
    fn title(&self) -> String {
        format!("UTS {} of {} nodes", self.name, self.nodes)
    }

    fn forks(&self) -> u64 {
        self.leaves - 1
    }

    fn run(&self, contender: &Contender) -> Sample {
        let tree = std::hint::black_box(self);
        let (sample, result) = Sample::wall(|| on_join!(contender, nodes(tree)));
        check(self, contender, result, self.nodes);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_as_published(tree: &Tree, depth: u32) {
        let counted = crate::on_big_stack(|| count(tree, &Node::root(tree)));
        assert_eq!(counted, (tree.nodes, tree.leaves, depth));
    }

    #[test]
    fn t1_is_the_published_tree() {
        is_as_published(&T1, 10);
    }

    #[test]
    fn t3_is_the_published_tree() {
        is_as_published(&T3, 1_572);
    }

    #[test]
    fn saplings_are_no_stumps() {
        for tree in [T1, T3, T1L].map(Tree::sapling) {
            assert!((500..50_000).contains(&tree.nodes), "{tree:?}");
        }
    }
}
