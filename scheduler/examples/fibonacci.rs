//! What a fork costs: the naive Fibonacci recursion, plain and with `join` at every call. Far
//! too many forks for so little work, and that is the point. Exit code 1 if results differ.
//!
//! ```text
//! cargo run --release --example fibonacci -- [--threads W] [--quick | N]
//! ```

mod args;

use scheduler::{ThreadPool, join};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "fibonacci",
        about: "Computes the Nth Fibonacci number by naive recursion, plain and with join.",
        range: 0..=50,
        default: 32,
        quick: 20,
    });
    let n = n as u32;
    let one_worker = match ThreadPool::new(1) {
        Ok(pool) => pool,
        Err(error) => {
            eprintln!("fibonacci: {error}");
            return ExitCode::from(2);
        }
    };

    let (expected, plain) = timed(|| fib(n));
    println!("fib({n}) = {expected}");
    println!("plain              {plain:>9.4} s");
    let mut equal = true;
    for pool in [&one_worker, &pool] {
        let (value, seconds) = timed(|| pool.install(|| fib_by_join(n)));
        equal &= value == expected;
        let workers = pool.current_num_threads();
        print!("join, workers: {workers:<3} {seconds:>9.4} s, {:.2} of plain", seconds / plain);
        if workers == 1 {
            // Each call that is not fib(0) or fib(1) forks: fib(n + 1) - 1 of them.
            let forks = (fib_by_loop(n + 1) - 1).max(1);
            print!(", {:.2} ns more per fork", (seconds - plain) * 1e9 / forks as f64);
        }
        println!();
    }
    equal &= expected == fib_by_loop(n);
    println!("equal              {:>9}", if equal { "yes" } else { "NO" });
    ExitCode::from(u8::from(!equal))
}

fn timed(f: impl FnOnce() -> u64) -> (u64, f64) {
    let begin = Instant::now();
    let value = f();
    (value, begin.elapsed().as_secs_f64())
}

fn fib(n: u32) -> u64 {
    // Opaque, or the compiler would unroll the recursion and skip most of its calls.
    let n = black_box(n);
    if n < 2 { u64::from(n) } else { fib(n - 1) + fib(n - 2) }
}

fn fib_by_join(n: u32) -> u64 {
    let n = black_box(n);
    if n < 2 {
        return u64::from(n);
    }
    let (a, b) = join(|| fib_by_join(n - 1), || fib_by_join(n - 2));
    a + b
}

/// The same number without recursion, as a check on both.
fn fib_by_loop(n: u32) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}
