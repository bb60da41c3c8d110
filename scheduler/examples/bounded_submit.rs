//! Reads files faster than they can be hashed, N times each: a bounded executor slows the reader down,
//! so that only a few files are in memory at a time. Exit code 1 if there were more, or if the hashes are
//! not those of a plain loop.
//!
//! ```text
//! cargo run --release --example bounded_submit -- [--threads W] [--quick | N]
//! ```
//!
//! In Python one adds a semaphore to a pool, as its queue has no bound:
//!
//! ```python
//! class BoundedPool:
//!     def __init__(self, max_workers, queue_size):
//!         self.pool = ThreadPoolExecutor(max_workers=max_workers)
//!         self.semaphore = threading.Semaphore(queue_size + max_workers)
//!
//!     def submit(self, fn, *args, **kwargs):
//!         self.semaphore.acquire()  # blocks if too many pending
//!         future = self.pool.submit(fn, *args, **kwargs)
//!         future.add_done_callback(lambda _: self.semaphore.release())
//!         return future
//! ```

mod args;
mod gauge;
mod outcome;
mod walk;

use gauge::{Gauge, Held};
use scheduler::{Executor, RejectionPolicy, Shutdown, ThreadPool};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

const QUEUE: usize = 4;
/// A file is hashed so many times over, to make it worth a task.
const PASSES: usize = 20;

fn main() -> ExitCode {
    let (times, pool) = args::parse(&args::Spec {
        name: "bounded_submit",
        about: "Hashes this project's sources, N times each, with few of them in memory.",
        range: 1..=10_000,
        default: 50,
        quick: 3,
    });
    outcome::exit_code("bounded_submit", run(times, &pool))
}

fn run(times: usize, pool: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = walk::files(&sources).collect::<Result<_, _>>()?;
    let expected =
        files.iter().map(|file| Ok(hash(&fs::read(file)?))).collect::<io::Result<Vec<u64>>>()?;

    // The whole of the class above.
    let executor = Executor::builder(pool)
        .queue_capacity(QUEUE)
        .on_full(RejectionPolicy::Block)
        .timings(true)
        .build()?;

    let in_memory = Gauge::default();
    let mut hashes = Vec::new();
    for _ in 0..times {
        for file in &files {
            let contents = Loaded { bytes: fs::read(file)?, _held: in_memory.hold() };
            // Waits while the queue is full.
            hashes.push(executor.submit(move || contents.hash())?);
        }
    }
    let mut all_equal = true;
    for (hash, expected) in hashes.into_iter().zip(expected.iter().cycle()) {
        all_equal &= hash.join()? == *expected;
    }
    let report = executor.shutdown(Shutdown::Drain);
    let (most, metrics) = (in_memory.most(), executor.metrics());

    // Those in the queue, those that are being hashed, and the one that has just been read.
    let limit = QUEUE + pool.current_num_threads() + 1;
    println!("files               {:>9}", files.len() * times);
    println!("in memory, at most  {most:>9} of {limit} that may be");
    println!("queued, at most     {:>9} of {QUEUE}", metrics.high_water);
    println!("{metrics}");
    let right = all_equal && most <= limit && metrics.high_water <= QUEUE && report.cancelled == 0;
    println!("right               {:>9}", if right { "yes" } else { "NO" });
    Ok(right)
}

/// The contents of a file, counted as long as they are in memory.
struct Loaded {
    bytes: Vec<u8>,
    _held: Held,
}

impl Loaded {
    fn hash(&self) -> u64 {
        hash(&self.bytes)
    }
}

/// FNV-1a, over and over.
fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    (0..PASSES).fold(0xcbf2_9ce4_8422_2325, |hash, _| bytes.iter().fold(hash, mix))
}
