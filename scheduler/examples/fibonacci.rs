//! What a fork costs: the naive Fibonacci recursion, plain, with `join` at every call, and with the
//! `join` of a `Context`. Far too many forks for so little work, and that is the point. Exit code 1
//! if results differ.
//!
//! ```text
//! cargo run --release --example fibonacci -- [--threads W] [--quick | N]
//! ```

mod args;

use scheduler::{Context, ThreadPool, join};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "fibonacci",
        about: "Computes the Nth Fibonacci number by naive recursion, plain and forking.",
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
    println!("plain                {plain:>9.4} s");
    let mut equal = true;
    for pool in [&one_worker, &pool] {
        let by_join = timed(|| pool.install(|| fib_by_join(n)));
        let by_context = timed(|| pool.with_context(|cx| fib_by_context(cx, n)));
        let workers = pool.current_num_threads();
        for (form, (value, seconds)) in [("join", by_join), ("context", by_context)] {
            equal &= value == expected;
            let of_plain = seconds / plain;
            print!("{form:7} workers: {workers:<3} {seconds:>9.4} s, {of_plain:.2} of plain");
            if workers == 1 {
                // Each call that is not fib(0) or fib(1) forks: fib(n + 1) - 1 of them.
                let forks = (fib_by_loop(n + 1) - 1).max(1);
                print!(", {:.2} ns more per fork", (seconds - plain) * 1e9 / forks as f64);
            }
            println!();
        }
    }
    equal &= expected == fib_by_loop(n);
    println!("equal                {:>9}", if equal { "yes" } else { "NO" });
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

fn fib_by_context(cx: Context<'_>, n: u32) -> u64 {
    let n = black_box(n);
    if n < 2 {
        return u64::from(n);
    }
    let (a, b) = cx.join(|cx| fib_by_context(cx, n - 1), |cx| fib_by_context(cx, n - 2));
    a + b
}

/// The same number without recursion, as a check on both.
fn fib_by_loop(n: u32) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}
