//! How many threads the formulas of `sizing` give, for this machine and for the numbers of a
//! textbook; and Little's law, seen on a pool that is kept busy. Exit code 1 if a formula gives
//! something else than its textbook, or the pool more than its threads can do.
//!
//! ```text
//! cargo run --release --example sizing -- [--threads W] [--quick | N]
//! ```
//!
//! In Python one writes them out:
//!
//! ```python
//! max_workers = os.cpu_count()                     # work that computes
//! max_workers = cores * (1 + wait / compute)       # work that waits
//! max_workers = rate * latency                     # Little's law
//! max_workers = min(32, os.cpu_count() + 4)        # the default
//! ```

mod args;

use scheduler::{Elastic, sizing};
use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 20;

fn main() -> ExitCode {
    let (tasks, pool) = args::parse(&args::Spec {
        name: "sizing",
        about: "Shows sizes of pools, and Little's law on N tasks that wait 10 ms each.",
        range: 1..=1_000_000,
        default: 2_000,
        quick: 200,
    });
    let ms = Duration::from_millis;
    let cores = pool.current_num_threads();
    println!("cores                            {cores:>5}");
    println!("cpu_bound()                      {:>5}", sizing::cpu_bound());
    println!("python_default()                 {:>5}", sizing::python_default());
    for (wait, compute) in [(0, 10), (10, 10), (90, 10), (990, 10)] {
        let threads = sizing::io_bound(cores, ms(wait), ms(compute));
        println!("io_bound({cores}, {wait:>3} ms, {compute:>2} ms)      {threads:>5}");
    }
    let textbook = sizing::io_bound(4, ms(90), ms(10));
    println!("io_bound(4, 90 ms, 10 ms)        {textbook:>5}");
    let law = sizing::littles_law(100.0, ms(200));
    println!("littles_law(100/s, 200 ms)       {law:>5}");

    let under_way = match under_way(tasks) {
        Ok(under_way) => under_way,
        Err(error) => {
            eprintln!("sizing: {error}");
            return ExitCode::FAILURE;
        }
    };
    let right = textbook == 40 && law == 20 && (1..=THREADS).contains(&under_way);
    println!("right                            {:>5}", if right { "yes" } else { "NO" });
    ExitCode::from(u8::from(!right))
}

/// Keeps a pool busy, and takes its rate and latency for Little's law: that gives the number of its
/// busy threads.
fn under_way(tasks: usize) -> Result<usize, Box<dyn Error>> {
    let pool = Elastic::builder().max_threads(THREADS).build()?;
    let begin = Instant::now();
    let task = |_| {
        pool.submit(|| {
            let begin = Instant::now();
            thread::sleep(Duration::from_millis(10));
            begin.elapsed()
        })
    };
    let handles: Vec<_> = (0..tasks).map(task).collect::<Result<_, _>>()?;
    let mut sum = Duration::ZERO;
    for handle in handles {
        sum += handle.join()?;
    }
    let rate = tasks as f64 / begin.elapsed().as_secs_f64();
    let latency = sum.div_f64(tasks as f64);
    let under_way = sizing::littles_law(rate, latency);
    println!(
        "{tasks} tasks on {THREADS} threads: {rate:.0}/s at {latency:.1?}, so {under_way} are under way"
    );
    Ok(under_way)
}
