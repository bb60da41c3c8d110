//! A burst of N pieces of work comes faster than it can be done, to a queue of eight, once under each
//! policy: what becomes of it. The work is hashing a source file. Exit code 1 if a piece is lost that
//! the policy does not give up, or is done twice.
//!
//! ```text
//! cargo run --release --example rejection_policies -- [--threads W] [--quick | N]
//! ```
//!
//! Java has these as handlers of a pool, Python leaves them to its users:
//!
//! ```java
//! new ThreadPoolExecutor(4, 4, 0L, TimeUnit.MILLISECONDS, new ArrayBlockingQueue<>(8),
//!         new ThreadPoolExecutor.CallerRunsPolicy());   // or AbortPolicy, DiscardPolicy,
//!                                                       // DiscardOldestPolicy
//! ```

mod args;
mod outcome;

use scheduler::{
    Executor, JoinHandle, RejectedReason, RejectionPolicy, Shutdown, ThreadPool, Verdict,
};
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const QUEUE: usize = 8;

fn main() -> ExitCode {
    let (pieces, pool) = args::parse(&args::Spec {
        name: "rejection_policies",
        about: "Sends N pieces of work to a queue of eight, under each policy.",
        range: 1..=1_000_000,
        default: 5_000,
        quick: 200,
    });
    outcome::exit_code("rejection_policies", run(pieces, &pool))
}

/// What became of a burst.
#[derive(Default)]
struct Tally {
    done: usize,
    discarded: usize,
    handed_back: usize,
}

fn run(pieces: usize, pool: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let source: Arc<[u8]> = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs"))?.into();
    // Runs it where a wait would keep a worker from its work, and else waits a while.
    let custom = RejectionPolicy::custom(|overflow| {
        let patience = Duration::from_millis(1);
        if overflow.on_worker() { Verdict::CallerRuns } else { Verdict::BlockFor(patience) }
    });
    let policies = [
        // The producer slows down to the consumer.
        ("Block", RejectionPolicy::Block),
        ("BlockFor", RejectionPolicy::BlockFor(Duration::from_millis(1))),
        // The caller gets the closure back: it can retry, log or drop it.
        ("Abort", RejectionPolicy::Abort),
        // The submitting thread executes it, and is throttled by that.
        ("CallerRuns", RejectionPolicy::CallerRuns),
        ("Discard", RejectionPolicy::Discard),
        // Where stale data is worse than missing data.
        ("DiscardOldest", RejectionPolicy::DiscardOldest),
        ("Custom", custom),
    ];
    let mut right = true;
    println!("policy              done  discarded  handed back   waited  by the caller");
    for (name, policy) in policies {
        let executor =
            Executor::builder(pool).name(name).queue_capacity(QUEUE).on_full(policy).build()?;
        let (tally, newest_done) = burst(&executor, pieces, &source)?;
        let _ = executor.shutdown(Shutdown::Drain);
        let metrics = executor.metrics();
        println!(
            "{name:<13} {:>10} {:>10} {:>12} {:>8} {:>14}",
            tally.done, tally.discarded, tally.handed_back, metrics.blocked, metrics.caller_ran,
        );
        let Tally { done, discarded, handed_back } = tally;
        right &= done + discarded + handed_back == pieces && metrics.high_water <= QUEUE;
        right &= match name {
            "Block" | "CallerRuns" => done == pieces,
            "Discard" => handed_back == 0,
            "DiscardOldest" => handed_back == 0 && newest_done,
            _ => discarded == 0,
        };
    }
    println!("right          {:>9}", if right { "yes" } else { "NO" });
    Ok(right)
}

/// Submits them all at once; also whether the last one was done.
fn burst(
    executor: &Executor,
    pieces: usize,
    source: &Arc<[u8]>,
) -> Result<(Tally, bool), Box<dyn Error>> {
    let mut tally = Tally::default();
    let mut handles: Vec<JoinHandle<(usize, u64)>> = Vec::new();
    for piece in 0..pieces {
        let source = Arc::clone(source);
        match executor.submit(move || (piece, hash(piece, &source))) {
            Ok(handle) => handles.push(handle),
            Err(rejected) => {
                assert_ne!(rejected.reason(), RejectedReason::ShutDown);
                // The closure is `rejected.into_inner()`, to be tried again.
                tally.handed_back += 1;
            }
        }
    }
    let mut last = None;
    for handle in handles {
        match handle.join() {
            Ok((piece, value)) => {
                assert_eq!(value, hash(piece, source), "somebody else's result");
                tally.done += 1;
                last = Some(piece);
            }
            Err(error) if error.is_discarded() => tally.discarded += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((tally, last == Some(pieces - 1)))
}

/// FNV-1a, from another start for each piece.
fn hash(piece: usize, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ piece as u64;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
