//! For the stress tests (`tests/stress_*.rs`): how much they do, and a watchdog that knows how
//! far they came.
//!
//! `SCHEDULER_STRESS` is unset (a few seconds each, also in a debug build), `ci`, or `soak`:
//!
//! ```text
//! SCHEDULER_STRESS=soak cargo test --release -p scheduler --test 'stress_*' -- --nocapture
//! ```
//!
//! They print to stderr: to ThreadSanitizer the buffer of stdout is shared without a lock.

use super::sync::{Arc, Mutex, Weak, mpsc, thread};
use scheduler::ThreadPool;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Few, as many as there are cores, one more, and many more than there are cores: a worker that
/// is stopped in the middle of something is what finds lost wakes.
pub(crate) const SIZES: [usize; 5] = [1, 2, 3, 8, 32];

/// One round takes milliseconds. This long without one is a hang, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Short,
    Ci,
    Soak,
}

fn scale() -> Scale {
    match std::env::var("SCHEDULER_STRESS") {
        Err(std::env::VarError::NotPresent) => Scale::Short,
        Ok(value) if value == "ci" => Scale::Ci,
        Ok(value) if value == "soak" => Scale::Soak,
        other => panic!("SCHEDULER_STRESS is `ci`, `soak` or unset, and not {other:?}"),
    }
}

/// How much to do: by default, with `ci`, and with `soak`.
pub(crate) fn amount<N>(short: N, ci: N, soak: N) -> N {
    match scale() {
        Scale::Short => short,
        Scale::Ci => ci,
        Scale::Soak => soak,
    }
}

/// How far a test has come, for the watchdog.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    round: AtomicU64,
    pool: Mutex<Weak<ThreadPool>>,
}

impl Progress {
    /// A round is over.
    pub(crate) fn round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// Whose counters to show if it hangs.
    pub(crate) fn watch(&self, pool: &Arc<ThreadPool>) {
        *self.pool.lock().unwrap() = Arc::downgrade(pool);
    }

    /// A new pool, watched.
    pub(crate) fn pool(&self, workers: usize) -> Arc<ThreadPool> {
        let pool = Arc::new(super::pool(workers));
        self.watch(&pool);
        pool
    }

    fn show(&self) {
        eprintln!("rounds done: {}", self.round.load(Ordering::Relaxed));
        if let Some(pool) = self.pool.lock().unwrap().upgrade() {
            eprintln!("{pool:?}\n{}", pool.metrics());
            // Its drop would wait for the hung work.
            std::mem::forget(pool);
        }
    }
}

/// Runs `body` on a thread of its own, and ends the process if no round ends for a minute.
pub(crate) fn guarded(name: &str, body: impl FnOnce(&Progress) + Send + 'static) {
    let progress = Arc::new(Progress::default());
    let (done, is_done) = mpsc::channel();
    let runner = thread::Builder::new()
        .name(name.to_owned())
        .spawn({
            let progress = Arc::clone(&progress);
            move || {
                let result = panic::catch_unwind(AssertUnwindSafe(|| body(&progress)));
                // The receiver is there until the process ends.
                let _ = done.send(());
                result
            }
        })
        .expect("a thread for the test's body");
    let mut seen = (0, Instant::now());
    while is_done.recv_timeout(Duration::from_millis(500)).is_err() {
        let round = progress.round.load(Ordering::Relaxed);
        if round != seen.0 {
            seen = (round, Instant::now());
        } else if seen.1.elapsed() > PATIENCE {
            eprintln!("`{name}` hangs: no round ended for {} s", PATIENCE.as_secs());
            progress.show();
            std::process::abort();
        }
    }
    if let Err(payload) = runner.join().expect("the body's panic is caught") {
        eprintln!("`{name}` failed");
        progress.show();
        panic::resume_unwind(payload);
    }
}

/// Runs `body` guarded, once for each of [`SIZES`], and prints how long each took.
pub(crate) fn each_size(name: &str, body: impl Fn(usize, &Progress) + Send + Sync + 'static) {
    let body = Arc::new(body);
    for workers in SIZES {
        let body = Arc::clone(&body);
        let begun = Instant::now();
        let name = format!("{name}, {workers} workers");
        guarded(&name, move |progress| body(workers, progress));
        eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
}

/// Numbers that look random, the same in every run.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % n
    }
}
