//! Sorts random numbers by a merge sort whose merges are parallel as well, and plots who worked on what, and when work was
//! stolen: an SVG that needs nothing else. Exit code 1 if the numbers are not those that `sort` gives.
//!
//! ```text
//! cargo run --release --example mergesort -- [--threads W] [--out FILE] [--quick | N]
//! ```
//!
//! A pool counts its steals by worker, always: `ThreadPool::metrics` is asked again and again while the sort runs, from a
//! thread beside it. Which worker has sorted or merged a piece, and when, the piece itself writes down.

mod drawing;
#[path = "mergesort/log.rs"]
mod log;
mod outcome;
#[path = "mergesort/plot.rs"]
mod plot;
mod random;

use drawing::Target;
use log::{Kind, Log};
use scheduler::{Context, ThreadPool};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

/// A piece that is cut no further, to be sorted or merged: some 100 µs, so that what the log takes does not count.
const PIECE: usize = 16 << 10;

fn main() -> ExitCode {
    let spec = drawing::Spec {
        name: "mergesort",
        about: "Sorts N random numbers by a parallel merge sort, and plots its steals.",
        range: 0..=1 << 30,
        default: 10_000_000,
        quick: 300_000,
    };
    let (n, pool, target) = drawing::parse(&spec, "mergesort.svg");
    outcome::exit_code("mergesort", run(n, &pool, &target))
}

fn run(n: usize, pool: &ThreadPool, target: &Target) -> io::Result<bool> {
    let mut numbers = random::numbers(n);
    let mut expected = numbers.clone();
    let mut scratch = vec![0; n];

    let history = Log::new().watch(pool, |log| {
        pool.with_context(|cx| sort(cx, &mut numbers, &mut scratch, log));
    })?;
    let parallel = history.end.as_secs_f64();
    let begin = Instant::now();
    expected.sort();
    let sequential = begin.elapsed().as_secs_f64();

    println!("{n} numbers");
    println!("mergesort     {parallel:>9.3} s, workers: {}", pool.current_num_threads());
    println!("sort          {sequential:>9.3} s, {:.2} times as long", sequential / parallel);
    let equal = numbers == expected;
    println!("equal         {:>9}", if equal { "yes" } else { "NO" });
    let (sorted, merged) = (history.numbers(Kind::Sort), history.numbers(Kind::Merge));
    // Each number is in one piece that was sorted, and with more than one piece it is merged each time.
    let complete = sorted == n && (n <= PIECE || merged >= n);
    println!("in the log    {:>9}", if complete { "all" } else { "NOT ALL" });
    println!("steals        {:>9}", history.steals());

    (&target.file).write_all(plot::svg(&history, n).as_bytes())?;
    target.announce();
    Ok(equal && complete)
}

/// Sorts `numbers` in place.
fn sort(cx: Context<'_>, numbers: &mut [u64], scratch: &mut [u64], log: &Log) {
    if numbers.len() <= PIECE {
        return log.piece(cx, Kind::Sort, numbers.len(), || numbers.sort());
    }
    let middle = numbers.len() / 2;
    let (left, right) = numbers.split_at_mut(middle);
    let (left_scratch, right_scratch) = scratch.split_at_mut(middle);
    cx.join(
        |cx| sort_into(cx, left, left_scratch, log),
        |cx| sort_into(cx, right, right_scratch, log),
    );
    merge(cx, left_scratch, right_scratch, numbers, log);
}

/// Sorts `numbers`, and leaves the result in `sorted`.
fn sort_into(cx: Context<'_>, numbers: &mut [u64], sorted: &mut [u64], log: &Log) {
    if numbers.len() <= PIECE {
        return log.piece(cx, Kind::Sort, numbers.len(), || {
            sorted.copy_from_slice(numbers);
            sorted.sort();
        });
    }
    let middle = numbers.len() / 2;
    let (left, right) = numbers.split_at_mut(middle);
    let (left_scratch, right_scratch) = sorted.split_at_mut(middle);
    cx.join(|cx| sort(cx, left, left_scratch, log), |cx| sort(cx, right, right_scratch, log));
    merge(cx, left, right, sorted, log);
}

/// Merges two sorted slices. The larger one is halved, and the other where its numbers cross that half.
fn merge(cx: Context<'_>, left: &[u64], right: &[u64], into: &mut [u64], log: &Log) {
    if into.len() <= PIECE {
        return log.piece(cx, Kind::Merge, into.len(), || merge_here(left, right, into));
    }
    // Of equal numbers, those of the left slice come first.
    let (from_left, from_right) = if left.len() >= right.len() {
        let half = left.len() / 2;
        (half, right.partition_point(|number| *number < left[half]))
    } else {
        let half = right.len() / 2;
        (left.partition_point(|number| *number <= right[half]), half)
    };
    let (low_left, high_left) = left.split_at(from_left);
    let (low_right, high_right) = right.split_at(from_right);
    let (low, high) = into.split_at_mut(from_left + from_right);
    cx.join(
        |cx| merge(cx, low_left, low_right, low, log),
        |cx| merge(cx, high_left, high_right, high, log),
    );
}

fn merge_here(left: &[u64], right: &[u64], into: &mut [u64]) {
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        // No branch on what a random number is.
        let from_right = right[r] < left[l];
        into[l + r] = if from_right { right[r] } else { left[l] };
        (l, r) = (l + usize::from(!from_right), r + usize::from(from_right));
    }
    // One of the two is used up.
    let (rest, middle) = (&mut into[l + r..], left.len() - l);
    rest[..middle].copy_from_slice(&left[l..]);
    rest[middle..].copy_from_slice(&right[r..]);
}
