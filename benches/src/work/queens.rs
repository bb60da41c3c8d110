//! All solutions of the n-queens problem, by two-way joins and by a scope per board.

use super::{Job, Sample, check};
use crate::Contender;

/// As many queens as a board has room for.
const MOST: usize = 12;

/// The queens of the first rows.
#[derive(Clone, Copy, Debug)]
struct Board {
    columns: [u8; MOST],
    rows: u8,
    /// Rows and columns there are.
    size: u8,
}

impl Board {
    fn is_full(&self) -> bool {
        self.rows == self.size
    }

    fn allows(&self, column: u8) -> bool {
        let placed = &self.columns[..usize::from(self.rows)];
        placed
            .iter()
            .rev()
            .zip(1..)
            .all(|(&other, distance)| other != column && other.abs_diff(column) != distance)
    }

    fn with(mut self, column: u8) -> Board {
        self.columns[usize::from(self.rows)] = column;
        self.rows += 1;
        self
    }

    /// The columns that the next row's queen may take: the first so many of the array.
    // Not inlined: every contender must run the same machine code per board.
    #[inline(never)]
    fn candidates(&self) -> ([u8; MOST], usize) {
        let (mut free, mut count) = ([0; MOST], 0);
        for column in (0..self.size).filter(|&column| self.allows(column)) {
            free[count] = column;
            count += 1;
        }
        (free, count)
    }
}

fn serial(board: Board) -> u64 {
    if board.is_full() {
        return 1;
    }
    let (columns, count) = board.candidates();
    columns[..count].iter().map(|&column| serial(board.with(column))).sum()
}

mod joins {
    use super::{Board, serial};
    use crate::Contender;

    per_join! {
        use super::Board;

        pub(super) fn solve(cx: Cx<'_, '_>, board: Board) -> u64 {
            if board.is_full() {
                return 1;
            }
            let (columns, count) = board.candidates();
            split(cx, board, &columns[..count])
        }

        fn split(cx: Cx<'_, '_>, board: Board, columns: &[u8]) -> u64 {
            match *columns {
                [] => 0,
                [column] => solve(cx, board.with(column)),
                _ => {
                    let (left, right) = columns.split_at(columns.len() / 2);
                    let (a, b) =
                        join(cx, |cx| split(cx, board, left), |cx| split(cx, board, right));
                    a + b
                }
            }
        }
    }

    pub(super) fn run(contender: &Contender, board: Board) -> u64 {
        on_join!(contender, solve(board))
    }
}

mod scopes {
    use super::{Board, MOST, serial};
    use crate::Contender;

    per_scope! {
        use super::{Board, MOST};

        pub(super) fn solve(board: Board) -> u64 {
            if board.is_full() {
                return 1;
            }
            let (columns, count) = board.candidates();
            let mut found = [0; MOST];
            scope(|s| {
                for (&column, found) in columns[..count].iter().zip(&mut found) {
                    spawn(s, move || *found = solve(board.with(column)));
                }
            });
            found.iter().sum()
        }
    }

    pub(super) fn run(contender: &Contender, board: Board) -> u64 {
        on_scope!(contender, solve(board))
    }
}

/// How the search forks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fork {
    /// By joins that halve each row's candidates.
    Joins,
    /// By a scope for each board, and a spawn for each placement.
    Scopes,
}

/// A board to be filled, and what the search comes to.
#[derive(Debug)]
pub(crate) struct Queens {
    fork: Fork,
    empty: Board,
    found: Found,
}

/// What a search comes to.
#[derive(Debug, Default, PartialEq)]
struct Found {
    solutions: u64,
    /// Placements tried that no earlier queen attacks.
    placements: u64,
    /// Two-way forks that split every row's candidates: one less than the boards on which nothing
    /// more can be placed.
    joins: u64,
}

impl Found {
    fn add(&mut self, board: Board) {
        if board.is_full() {
            self.solutions += 1;
            return;
        }
        let (columns, count) = board.candidates();
        self.placements += count as u64;
        self.joins += count.saturating_sub(1) as u64;
        columns[..count].iter().for_each(|&column| self.add(board.with(column)));
    }
}

impl Queens {
    /// # Panics
    /// For more than [`MOST`] queens.
    pub(crate) fn new(fork: Fork, queens: u8) -> Queens {
        assert!(usize::from(queens) <= MOST, "{queens} queens are too many");
        let empty = Board { columns: [0; MOST], rows: 0, size: queens };
        let mut found = Found::default();
        found.add(empty);
        Queens { fork, empty, found }
    }
}

impl Job for Queens {
    fn title(&self) -> String {
        let by = match self.fork {
            Fork::Joins => "two-way joins",
            Fork::Scopes => "a scope per board",
        };
        format!("{} queens, {by}", self.empty.size)
    }

    fn forks(&self) -> u64 {
        match self.fork {
            Fork::Joins => self.found.joins,
            Fork::Scopes => self.found.placements,
        }
    }

    fn run(&self, contender: &Contender) -> Sample {
        let empty = std::hint::black_box(self.empty);
        let (sample, result) = Sample::wall(|| match self.fork {
            Fork::Joins => joins::run(contender, empty),
            Fork::Scopes => scopes::run(contender, empty),
        });
        check(self, contender, result, self.found.solutions);
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_are_the_known_ones() {
        for (queens, solutions) in [(1, 1), (2, 0), (4, 2), (8, 92), (10, 724)] {
            assert_eq!(Queens::new(Fork::Joins, queens).found.solutions, solutions, "{queens}");
        }
    }
}
