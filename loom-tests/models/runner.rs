//! Runs a model through every execution that its bound allows.
//!
//! Three things that loom does not see to:
//! - a search that a limit cuts short returns from loom like a complete one. Here it is
//!   [`Verdict::Cut`], and a test fails on it;
//! - the library catches what jobs throw, so a failed assertion inside a job could vanish. Here
//!   the panic hook notes the first panic, and the search ends with it. A model that means to
//!   panic uses `resume_unwind`, which does not call the hook, or says what it [`expects`];
//! - a search may have run so few executions that it shows nothing. They are counted.

use super::{Model, ledger};
use crate::sync::asymmetric::set_absent;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Branches of one execution. A model that needs more has a loop without an end.
const MAX_BRANCHES: usize = 20_000;
/// How many executions pass between two looks at the clock.
const CLOCK_INTERVAL: usize = 500;

std::thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    static FIRST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static EXECUTIONS: Cell<u64> = const { Cell::new(0) };
    static EXPECTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The model that runs means the library to panic with this message.
pub(super) fn expects(message: &'static str) {
    EXPECTED.set(Some(message));
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every execution that the bound allows has passed.
    Complete,
    /// The time limit came first: nothing is shown.
    Cut,
    /// An execution failed, with this message.
    Failed(String),
}

/// A search and how far it went.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it came to.
    pub verdict: Verdict,
    /// Executions run, the failing one included.
    pub executions: u64,
    /// How long it took.
    pub time: Duration,
}

/// Searches `model` with at most `bound` preemptions (`None`: any number), for at most `limit`.
pub fn explore(model: &Model, bound: Option<usize>, limit: Duration) -> Report {
    static HOOK: Once = Once::new();
    HOOK.call_once(note_panics);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = MAX_BRANCHES;
    builder.max_permutations = None;
    builder.max_duration = Some(limit);
    builder.checkpoint_interval = CLOCK_INTERVAL;
    builder.checkpoint_file = None;
    builder.expect_explicit_explore = false;

    FIRST_PANIC.take();
    EXECUTIONS.set(0);
    RUNNING.set(true);
    let body = model.body;
    let start = Instant::now();
    let search = panic::catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            give_up_after_a_panic();
            EXECUTIONS.set(EXECUTIONS.get() + 1);
            ledger::open();
            set_absent(false);
            EXPECTED.set(None);
            body();
        });
    }));
    let time = start.elapsed();
    RUNNING.set(false);
    let executions = EXECUTIONS.get();
    let cut = time >= limit && executions % CLOCK_INTERVAL as u64 == CLOCK_INTERVAL as u64 - 1;
    let verdict = match (FIRST_PANIC.take(), search) {
        (Some(message), _) => Verdict::Failed(message),
        (None, Err(_)) => Verdict::Failed("a panic that called no hook".to_owned()),
        (None, Ok(())) if cut => Verdict::Cut,
        (None, Ok(())) => Verdict::Complete,
    };
    Report { verdict, executions, time }
}

fn give_up_after_a_panic() {
    let first = FIRST_PANIC.with_borrow(Option::is_some);
    if first {
        panic::resume_unwind(Box::new("an execution before this one failed"));
    }
}

/// A model's threads all run on the thread that calls `explore`, so its hook's notes are its own.
fn note_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !RUNNING.get() {
            return before(info);
        }
        let text = info.payload_as_str().unwrap_or("a panic without a text");
        let text = text.lines().next().unwrap_or_default();
        if EXPECTED.get() == Some(text) {
            return;
        }
        // Which threads are blocked says little: loom does not name them.
        let text = text.split("; threads = ").next().unwrap_or_default();
        let file = info.location().map_or("", |at| at.file());
        let message = match file.rsplit(['/', '\\']).next() {
            Some(name) if !file.contains("loom-0") => format!("{text} ({name})"),
            _ => text.to_owned(),
        };
        // At once: the process may not live to see the end of the search.
        eprintln!("execution {}: {message}", EXECUTIONS.get());
        let _ = FIRST_PANIC.try_with(|first| {
            if let Ok(mut first) = first.try_borrow_mut() {
                first.get_or_insert(message);
            }
        });
    }));
}
