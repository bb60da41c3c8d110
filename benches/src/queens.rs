//! All solutions of the n-queens problem for [`N`] queens, by two-way joins and by a scope per
//! board.

use crate::contender::Pool;

/// Rows of the board.
pub(crate) const N: usize = 12;
/// Ways to place [`N`] queens.
pub(crate) const SOLUTIONS: u64 = 14_200;
/// Placements tried that no earlier queen attacks.
pub(crate) const PLACEMENTS: u64 = 856_188;
/// Two-way forks that split every row's candidates: one less than the boards on which nothing more
/// can be placed.
pub(crate) const JOINS: u64 = 314_729;

/// The queens of the first rows.
#[derive(Clone, Copy, Default)]
struct Board {
    columns: [u8; N],
    rows: usize,
}

impl Board {
    fn is_full(&self) -> bool {
        self.rows == N
    }

    fn allows(&self, column: u8) -> bool {
        let placed = &self.columns[..self.rows];
        placed
            .iter()
            .rev()
            .zip(1..)
            .all(|(&other, distance)| other != column && other.abs_diff(column) != distance)
    }

    fn with(mut self, column: u8) -> Board {
        self.columns[self.rows] = column;
        self.rows += 1;
        self
    }

    /// The columns that the next row's queen may take: the first so many of the array.
    // Not inlined: every contender must run the same machine code per board.
    #[inline(never)]
    fn candidates(&self) -> ([u8; N], usize) {
        let (mut free, mut count) = ([0; N], 0);
        for column in (0..N as u8).filter(|&column| self.allows(column)) {
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
    use crate::contender::Pool;

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

    pub(super) fn run(pool: &Pool, board: Board) -> u64 {
        on_join!(pool, solve(board))
    }
}

mod scopes {
    use super::{Board, serial};
    use crate::contender::Pool;

    per_scope! {
        use crate::queens::{Board, N};

        pub(super) fn solve(board: Board) -> u64 {
            if board.is_full() {
                return 1;
            }
            let (columns, count) = board.candidates();
            let mut found = [0; N];
            scope(|s| {
                for (&column, found) in columns[..count].iter().zip(&mut found) {
                    spawn(s, move || *found = solve(board.with(column)));
                }
            });
            found.iter().sum()
        }
    }

    pub(super) fn run(pool: &Pool, board: Board) -> u64 {
        on_scope!(pool, solve(board))
    }
}

/// Counts the solutions on `pool` by joins that halve each row's candidates.
pub(crate) fn by_join(pool: &Pool) -> u64 {
    joins::run(pool, std::hint::black_box(Board::default()))
}

/// Counts the solutions on `pool` by a scope per board and a spawn per placement.
pub(crate) fn by_scope(pool: &Pool) -> u64 {
    scopes::run(pool, std::hint::black_box(Board::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_describe_the_search() {
        fn walk(board: Board, placements: &mut u64, joins: &mut u64) {
            if board.is_full() {
                return;
            }
            let (columns, count) = board.candidates();
            *placements += count as u64;
            *joins += count.saturating_sub(1) as u64;
            for &column in &columns[..count] {
                walk(board.with(column), placements, joins);
            }
        }
        let (mut placements, mut joins) = (0, 0);
        walk(Board::default(), &mut placements, &mut joins);
        assert_eq!((placements, joins), (PLACEMENTS, JOINS));
    }
}
