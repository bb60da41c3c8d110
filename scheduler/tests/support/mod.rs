//! What the tests share.
#![allow(dead_code, reason = "each test file uses its own part of it")]

pub(crate) mod future;
#[cfg(scheduler_tsan)]
pub(crate) mod runner;
pub(crate) mod stress;
pub(crate) mod sync;
#[cfg(scheduler_tsan)]
mod tsan;

use scheduler::{JoinHandle, ThreadPool};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, Output};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use sync::{Arc, mpsc, thread};

/// One worker, two, more than this machine may have, and many more.
pub(crate) const SIZES: [usize; 4] = [1, 2, 3, 8];

/// Long enough for a loaded machine: it ends a hang, and measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `body` on a thread of its own, and ends the process if it hangs: a hung thread cannot
/// be ended, and the test harness would wait for ever.
pub(crate) fn watchdog<R: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    watchdog_for(PATIENCE, name, body)
}

/// [`watchdog`] with more patience, for what is long in a debug build.
pub(crate) fn watchdog_for<R: Send + 'static>(
    patience: Duration,
    name: &str,
    body: impl FnOnce() -> R + Send + 'static,
) -> R {
    let (done, is_done) = mpsc::channel();
    let runner = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let result = panic::catch_unwind(AssertUnwindSafe(body));
            // The receiver is gone only if this was too late.
            let _ = done.send(());
            result
        })
        .expect("a thread for the test's body");
    if is_done.recv_timeout(patience).is_err() {
        eprintln!("`{name}` hangs: not done after {} s", patience.as_secs());
        std::process::abort();
    }
    match runner.join().expect("the body's panic is caught") {
        Ok(value) => value,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Runs `body` under a watchdog once for each of [`SIZES`].
pub(crate) fn each_size(name: &str, body: impl Fn(usize) + Send + Sync + 'static) {
    let body = Arc::new(body);
    for workers in SIZES {
        let body = Arc::clone(&body);
        watchdog(&format!("{name}, {workers} workers"), move || body(workers));
    }
}

/// [`each_size`], for what needs a second worker.
pub(crate) fn each_size_from_two(name: &str, body: impl Fn(usize) + Send + Sync + 'static) {
    each_size(name, move |workers| {
        if workers >= 2 {
            body(workers);
        }
    });
}

/// Runs `body` from outside pools of [`SIZES`], and from within them: there the one worker has to run what it waits for.
pub(crate) fn inside_and_outside(name: &str, body: impl Fn(&ThreadPool) + Send + Sync + 'static) {
    each_size(name, move |workers| {
        let pool = pool(workers);
        body(&pool);
        pool.install(|| body(&pool));
    });
}

pub(crate) fn pool(workers: usize) -> ThreadPool {
    ThreadPool::new(workers).expect("a pool")
}

/// Spins until `condition`; the watchdog ends it if that never comes.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// The naive recursion: many forks, most of them tiny.
pub(crate) fn fib(n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = scheduler::join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// The pool still does all that a pool does.
#[track_caller]
pub(crate) fn usable(pool: &ThreadPool) {
    assert_eq!(pool.install(|| fib(15)), 610);
    let spawned = pool.spawn(|| 7);
    assert_eq!(spawned.join().expect("it did not panic"), 7);
    let indices = pool.broadcast(|worker| worker.index());
    assert!(indices.into_iter().eq(0..pool.current_num_threads()));
}

/// Workers that do nothing but wait for [`release`](Self::release).
pub(crate) struct Stuck {
    released: Arc<AtomicBool>,
    running: Vec<JoinHandle<()>>,
}

impl Stuck {
    /// Takes `workers` of the pool's idle workers away; returns once it has them.
    pub(crate) fn new(pool: &ThreadPool, workers: usize) -> Self {
        let released = Arc::new(AtomicBool::new(false));
        let started = Arc::new(AtomicUsize::new(0));
        let spawn = |_| {
            let (released, started) = (Arc::clone(&released), Arc::clone(&started));
            pool.spawn(move || {
                started.fetch_add(1, Ordering::SeqCst);
                wait_until(|| released.load(Ordering::SeqCst));
            })
        };
        let running = (0..workers).map(spawn).collect();
        wait_until(|| started.load(Ordering::SeqCst) == workers);
        Self { released, running }
    }

    /// Lets them go, without waiting for it.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }

    pub(crate) fn handles(self) -> Vec<JoinHandle<()>> {
        self.running
    }
}

/// Counts how often values are dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn token(&self) -> Token {
        Token(Arc::clone(&self.0))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Takes back the count of a drop that is not part of the test.
    pub(crate) fn uncount(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A value whose drop is counted.
#[derive(Debug)]
pub(crate) struct Token(Arc<AtomicUsize>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the tests panic with. The panic hook does not print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thrown(pub(crate) &'static str);

/// Panics with a [`Thrown`].
pub(crate) fn throw(what: &'static str) -> ! {
    silence_thrown();
    panic::panic_any(Thrown(what))
}

/// A value that panics when it is dropped.
#[derive(Debug)]
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        throw(self.0);
    }
}

/// Keeps the panic hook from printing what tests throw on purpose; all else it prints.
pub(crate) fn silence_thrown() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            if !payload.is::<Thrown>() && !payload.is::<Bomb>() {
                print(info);
            }
        }));
    });
}

/// The panic of `f`.
#[track_caller]
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Box<dyn Any + Send> {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it should have panicked"),
        Err(payload) => payload,
    }
}

/// What `f` throws.
#[track_caller]
pub(crate) fn thrown<R>(f: impl FnOnce() -> R) -> &'static str {
    what(caught(f))
}

/// What a payload says that [`throw`] made.
#[track_caller]
pub(crate) fn what(payload: Box<dyn Any + Send>) -> &'static str {
    match payload.downcast::<Thrown>() {
        Ok(thrown) => thrown.0,
        Err(other) => panic!("a foreign panic: {:?}", text(&*other)),
    }
}

/// The text of a `panic!`.
pub(crate) fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

const CASE: &str = "SCHEDULER_TEST_CASE";

/// Which case this process is to play, if it was started by [`child`].
pub(crate) fn case() -> Option<String> {
    std::env::var(CASE).ok()
}

/// To run the test `name` of this file again, in a process of its own; it finds the case by
/// [`case`].
pub(crate) fn child_command(name: &str, case: &str) -> Command {
    let this = std::env::current_exe().expect("the path of this test");
    let mut command = Command::new(this);
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CASE, case);
    command
}

/// Runs a [`child_command`] with these variables, and without those that change the defaults.
pub(crate) fn child(name: &str, case: &str, variables: &[(&str, &str)]) -> Output {
    child_command(name, case)
        .env_remove("SCHEDULER_NUM_THREADS")
        .env_remove("SCHEDULER_BARRIER")
        .envs(variables.iter().copied())
        .output()
        .expect("this test as a child")
}

/// [`child`], which has to succeed, and to have run the one test.
#[track_caller]
pub(crate) fn child_passes(name: &str, case: &str, variables: &[(&str, &str)]) {
    let output = child(name, case, variables);
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    let ran = out.contains("test result: ok. 1 passed");
    assert!(
        output.status.success() && ran,
        "case {case} with {variables:?}: {}\n{out}\n{err}",
        output.status
    );
}
