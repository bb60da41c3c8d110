//! The sum of a balanced binary tree, a fork per node: memory traffic and forks that are worth
//! nothing.

use std::fmt;

use super::{Job, Sample, check};
use crate::Contender;

struct Node {
    value: u64,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

/// A perfect binary tree.
struct Tree {
    root: Option<Box<Node>>,
    levels: u32,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("levels", &self.levels).finish_non_exhaustive()
    }
}

impl Tree {
    /// A tree of `2^levels - 1` nodes, numbered from 1 and allocated level by level.
    ///
    /// So neither half of any node is nearer to it in memory. Depth first, the half allocated first
    /// is met in the order of addresses, which favours whoever descends into that half first: by
    /// up to 6 times in serial code. A coin at each node is as fair as levels, but breaks every
    /// stream of addresses, and what is measured then is waiting for memory.
    fn new(levels: u32) -> Tree {
        let mut root = None;
        let mut made = 0;
        let mut level = vec![&mut root];
        for below in (0..levels).rev() {
            let mut next = Vec::new();
            for place in level {
                made += 1;
                let node = place.insert(Box::new(Node { value: made, left: None, right: None }));
                if below > 0 {
                    let Node { left, right, .. } = &mut **node;
                    next.extend([left, right]);
                }
            }
            level = next;
        }
        Tree { root, levels }
    }

    /// How many nodes there are; each forks once.
    fn nodes(&self) -> u64 {
        (1 << self.levels) - 1
    }

    /// What the values add up to.
    fn total(&self) -> u64 {
        self.nodes() * (self.nodes() + 1) / 2
    }
}

fn sum_serial(node: Option<&Node>) -> u64 {
    node.map_or(0, |node| {
        node.value + sum_serial(node.left.as_deref()) + sum_serial(node.right.as_deref())
    })
}

fn serial(tree: &Tree, times: u32) -> u64 {
    (0..times).map(|_| sum_serial(std::hint::black_box(tree.root.as_deref()))).sum()
}

per_join! {
    use super::{Node, Tree};

    fn sum(cx: Cx<'_, '_>, node: Option<&Node>) -> u64 {
        let Some(node) = node else { return 0 };
        let (left, right) = (node.left.as_deref(), node.right.as_deref());
        let (a, b) = join(cx, |cx| sum(cx, left), |cx| sum(cx, right));
        node.value + a + b
    }

    pub(super) fn sums(cx: Cx<'_, '_>, tree: &Tree, times: u32) -> u64 {
        (0..times).map(|_| sum(cx, std::hint::black_box(tree.root.as_deref()))).sum()
    }
}

/// A tree, and how often it is added up within one visit to the pool, so that a small tree
/// outweighs the visit.
#[derive(Debug)]
pub(crate) struct Sums {
    tree: Tree,
    times: u32,
}

impl Sums {
    pub(crate) fn new(levels: u32, times: u32) -> Sums {
        Sums { tree: Tree::new(levels), times }
    }
}

impl Job for Sums {
    fn title(&self) -> String {
        format!("sum of a tree of {} nodes, {} times", self.tree.nodes(), self.times)
    }

    fn forks(&self) -> u64 {
        self.tree.nodes() * u64::from(self.times)
    }

    fn run(&self, contender: &Contender) -> Sample {
        let Sums { tree, times } = self;
        let (sample, result) = Sample::wall(|| on_join!(contender, sums(tree, *times)));
        check(self, contender, result, tree.total() * u64::from(*times));
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_what_the_nodes_add_up_to() {
        for levels in 0..12 {
            let tree = Tree::new(levels);
            assert_eq!(serial(&tree, 1), tree.total(), "{levels} levels");
        }
    }
}
