//! Counts the ways to place N queens on a board of N by N so that none attacks another: once
//! by a plain recursion, once with `join`, once with a scope for each board. Exit code 1 if a
//! count is not the known one.
//!
//! ```text
//! cargo run --release --example nqueens -- [--threads W] [--quick | N]
//! ```

mod args;

use scheduler::{join, scope};
use std::process::ExitCode;
use std::time::Instant;

/// How many solutions there are, by the number of queens.
const SOLUTIONS: [u64; 17] =
    [1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2_680, 14_200, 73_712, 365_596, 2_279_184, 14_772_512];

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "nqueens",
        about: "Counts the ways to place N queens on a board of N by N.",
        range: 0..=SOLUTIONS.len() - 1,
        default: 12,
        quick: 8,
    });
    let board = Board { rows_left: n as u32, free: (1 << n) - 1, left: 0, right: 0 };
    println!("{n} queens, {} solutions, workers: {}", SOLUTIONS[n], pool.current_num_threads());
    let mut good = true;
    let mut report = |name, count: &dyn Fn() -> u64| {
        let begin = Instant::now();
        let count = count();
        let right = if count == SOLUTIONS[n] { "right" } else { "WRONG" };
        good &= count == SOLUTIONS[n];
        println!("{name:<6} {:>9.3} s  {count} {right}", begin.elapsed().as_secs_f64());
    };
    report("plain", &|| by_recursion(board));
    report("join", &|| pool.install(|| by_join(board, board.places())));
    report("scope", &|| pool.install(|| by_scope(board)));
    ExitCode::from(u8::from(!good))
}

/// A board with queens in its first rows. Each set has a bit for each column.
#[derive(Clone, Copy)]
struct Board {
    rows_left: u32,
    /// Columns without a queen.
    free: u32,
    /// Where the diagonals that go left meet the next row, and those that go right.
    left: u32,
    right: u32,
}

impl Board {
    /// Where the next row's queen is not attacked.
    fn places(self) -> u32 {
        self.free & !(self.left | self.right)
    }

    /// The board with a queen at `place` of the next row.
    fn with(self, place: u32) -> Self {
        Self {
            rows_left: self.rows_left - 1,
            free: self.free & !place,
            left: (self.left | place) << 1,
            right: (self.right | place) >> 1,
        }
    }
}

/// The members of a set, each as a set of its own.
fn members(mut set: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = set & set.wrapping_neg();
        set ^= lowest;
        (lowest != 0).then_some(lowest)
    })
}

fn by_recursion(board: Board) -> u64 {
    if board.rows_left == 0 {
        return 1;
    }
    members(board.places()).map(|place| by_recursion(board.with(place))).sum()
}

/// The solutions with the next queen at one of `places`: the first against all others.
fn by_join(board: Board, places: u32) -> u64 {
    if board.rows_left == 0 {
        return 1;
    }
    let Some(first) = members(places).next() else { return 0 };
    let others = places ^ first;
    let next = board.with(first);
    if others == 0 {
        return by_join(next, next.places());
    }
    let (with_first, with_others) =
        join(|| by_join(next, next.places()), || by_join(board, others));
    with_first + with_others
}

fn by_scope(board: Board) -> u64 {
    if board.rows_left == 0 {
        return 1;
    }
    let mut counts = [0; SOLUTIONS.len()];
    scope(|s| {
        for (place, count) in members(board.places()).zip(&mut counts) {
            s.spawn(move || *count = by_scope(board.with(place)));
        }
    });
    counts.iter().sum()
}
