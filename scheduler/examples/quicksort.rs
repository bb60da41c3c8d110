//! Sorts random numbers in place by quicksort, its two halves forked by `join`, and compares
//! the result with that of `sort_unstable` on a copy. Exit code 1 if they differ.
//!
//! ```text
//! cargo run --release --example quicksort -- [--threads W] [--quick | N]
//! ```

mod args;
mod random;

use scheduler::join;
use std::process::ExitCode;
use std::time::Instant;

/// Below this, `sort_unstable` is faster than more recursion, and a piece is still small enough
/// (some 20 µs) to share the work evenly.
const CUT_OFF: usize = 2048;

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "quicksort",
        about: "Sorts N random numbers in place, by quicksort with join.",
        range: 0..=1 << 30,
        default: 10_000_000,
        quick: 100_000,
    });
    let mut numbers = random::numbers(n);
    let mut expected = numbers.clone();

    let begin = Instant::now();
    pool.install(|| quicksort(&mut numbers));
    let parallel = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    expected.sort_unstable();
    let sequential = begin.elapsed().as_secs_f64();

    println!("{n} numbers");
    println!("quicksort      {parallel:>9.3} s, workers: {}", pool.current_num_threads());
    println!("sort_unstable  {sequential:>9.3} s, {:.2} times as long", sequential / parallel);
    // Equal to a sorted copy of the input: so it is sorted, and nothing was lost or doubled.
    let equal = numbers == expected;
    println!("equal          {:>9}", if equal { "yes" } else { "NO" });
    ExitCode::from(u8::from(!equal))
}

fn quicksort(numbers: &mut [u64]) {
    if numbers.len() <= CUT_OFF {
        return numbers.sort_unstable();
    }
    let pivot = median(numbers);
    let middle = partition(numbers, |number| number < pivot);
    if middle == 0 {
        // The pivot is the least number. All that equal it are in place once they are in front.
        let others = partition(numbers, |number| number == pivot);
        return quicksort(&mut numbers[others..]);
    }
    let (left, right) = numbers.split_at_mut(middle);
    join(|| quicksort(left), || quicksort(right));
}

/// Moves the numbers that go left to the front, and returns how many they are. Swaps every
/// number rather than branch on what a random one does.
fn partition(numbers: &mut [u64], goes_left: impl Fn(u64) -> bool) -> usize {
    let mut left = 0;
    for index in 0..numbers.len() {
        let number = numbers[index];
        numbers.swap(index, left);
        left += usize::from(goes_left(number));
    }
    left
}

/// The median of the first, the middle and the last number.
fn median(numbers: &[u64]) -> u64 {
    let (a, b, c) = (numbers[0], numbers[numbers.len() / 2], numbers[numbers.len() - 1]);
    a.max(b).min(a.min(b).max(c))
}
