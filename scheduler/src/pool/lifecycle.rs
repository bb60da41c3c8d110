//! From running to gone.
//!
//! # Protocol
//!
//! One word, the *gate*: a closed bit, the number of roots inside, and how many have left unrun. A
//! *root* is a job that no running frame depends on: a `spawn`, or the closure of an `install`.
//! What a root forks is not counted; the root waits for it.
//!
//! ```text
//!   Running (open)   --close, by a shutdown-->  Draining (closed, n roots)
//!   Draining         --the last root leaves-->  Stopped  (closed, 0 roots)   final
//! ```
//!
//! - [`enter`](Gate::enter) counts first and looks at the bit after, in one read-modify-write:
//!   a root that came in before the close is waited for, one that came after is refused.
//! - A root that was cancelled is counted as such in the same step in which it leaves: of two
//!   readings of the word, the difference says exactly what became of the roots.
//! - Whoever brings the word to *closed and empty*, by the close itself or by leaving, ends the
//!   workers.
//!
//! Invariant: the workers end when the gate is closed and empty, and then no queue holds a job:
//! a root leaves only after its queue entry is used up, and its forks end before it does. (Exit
//! handlers come after that, and may fork: each worker then runs its own deque dry.)
//! Counters of idle workers could not tell this: a thief that has just taken a job still
//! counts as idle.

use crate::job::cell::Fate;
use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};
use std::panic::Location;
use std::time::Duration;

/// The roots inside.
const ROOTS: u64 = CLOSED - 1;
const CLOSED: u64 = 1 << 32;
/// One cancelled root. The count wraps at 2^31.
const CANCELLED: u64 = 1 << 33;

/// How a pool ends. See [`ThreadPool::shutdown`](crate::ThreadPool::shutdown).
///
/// In every mode new work is refused from the moment of the call, closures that are running go
/// on to their end (a closure cannot be killed), and so do their forks: `join` and `scope` keep
/// working inside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shutdown {
    /// Run what is queued, then end. Waits as long as that takes.
    Drain,
    /// As `Drain`, up to this long. Then cancel what is still queued, tell running work
    /// through [`task::is_cancelled`](crate::task::is_cancelled), and return without waiting
    /// for it; the report names it.
    DrainFor(Duration),
    /// Cancel what is queued at once, and wait for what is running.
    CancelQueued,
    /// As `CancelQueued`, and tell running work through
    /// [`task::is_cancelled`](crate::task::is_cancelled).
    Abort,
}

/// What became of the work that a pool had when its shutdown began.
///
/// The figures of a first shutdown that has seen the pool stop are exact. Where others still run, one
/// closure that is being refused at that very moment may be counted too many or too few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShutdownReport {
    /// Spawned and installed closures, running or queued at the call, that have run to their
    /// end (or panic).
    pub ran: usize,
    /// Those that were dropped unrun. Their handles say so.
    pub cancelled: usize,
    /// Those that still run. Empty unless a deadline has passed, or the call came from one of
    /// the pool's own workers, which cannot wait for itself.
    pub stragglers: Vec<Straggler>,
}

/// A closure that was still running when a shutdown returned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Straggler {
    /// The worker that runs it.
    pub worker: usize,
    /// The line that spawned or installed it.
    pub spawned_at: &'static Location<'static>,
}

/// The roots of a pool and the end of its workers.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    gate: Gate,
    /// Queued roots are to be dropped instead of run.
    cancelling: AtomicBool,
    /// Running work is asked to stop.
    aborting: AtomicBool,
    /// A deadline has passed: nobody waits for the workers any more.
    given_up: AtomicBool,
    exit: Mutex<Exit>,
}

/// The workers whose threads have not ended, and who waits for that.
#[derive(Debug)]
struct Exit {
    workers: usize,
    waiters: Vec<Arc<Latch>>,
}

/// See the module's protocol.
#[derive(Debug)]
struct Gate(AtomicU64);

/// What the gate had counted at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally(u64);

impl Tally {
    /// Roots inside. One that is just being refused counts as well.
    pub(crate) fn roots(self) -> usize {
        (self.0 & ROOTS) as usize
    }

    /// Roots that were cancelled between the two moments.
    pub(crate) fn cancelled_since(self, earlier: Self) -> usize {
        ((self.0 / CANCELLED).wrapping_sub(earlier.0 / CANCELLED) % (1 << 31)) as usize
    }
}

/// What a change of the gate has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Passage {
    /// Nothing more to do.
    Done,
    /// The gate is closed and empty: end the workers.
    LastOut,
}

/// What [`Lifecycle::close`] found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) passage: Passage,
    /// Just before.
    pub(crate) before: Tally,
}

impl Gate {
    /// Counts a root, unless the gate is closed.
    fn enter(&self) -> Result<(), Passage> {
        if fault::is(Fault::GateChecksThenEnters) {
            if self.0.load(Ordering::Relaxed) & CLOSED != 0 {
                return Err(Passage::Done);
            }
            self.0.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        // Relaxed: it hands nothing on; as a read-modify-write it stays in the release sequence of
        // those that left.
        if self.0.fetch_add(1, Ordering::Relaxed) & CLOSED == 0 {
            return Ok(());
        }
        Err(self.leave(Fate::Ran))
    }

    fn leave(&self, fate: Fate) -> Passage {
        let cancelled = match fate {
            Fate::Ran => 0,
            Fate::Cancelled => CANCELLED,
        };
        // Ordering: Release, so that what a root did is visible to whoever ends the pool; Acquire,
        // so that the last one hands on what all others did, with the latches.
        let order = fault::half(Fault::GateLeaveNoAcquire, Fault::GateLeaveNoRelease);
        let before = self.0.fetch_add(cancelled.wrapping_sub(1), order);
        debug_assert_ne!(before & ROOTS, 0, "left without entering");
        if before & (CLOSED | ROOTS) == CLOSED | 1 && !fault::is(Fault::GateLeaveForgets) {
            Passage::LastOut
        } else {
            Passage::Done
        }
    }
}

impl Lifecycle {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            gate: Gate(AtomicU64::new(0)),
            cancelling: AtomicBool::new(false),
            aborting: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            exit: Mutex::new(Exit { workers, waiters: Vec::new() }),
        }
    }

    /// Counts a root in. On an error the pool is shutting down and the root must not run.
    pub(crate) fn enter(&self) -> Result<(), Passage> {
        self.gate.enter()
    }

    /// Counts a root out, whose queue entry is used up.
    pub(crate) fn leave(&self, fate: Fate) -> Passage {
        self.gate.leave(fate)
    }

    /// Refuses new roots from now on.
    pub(crate) fn close(&self) -> Closing {
        // Ordering: Acquire, with the Release in `leave`: the closer may be the one who ends it.
        let order = fault::unless(Fault::GateCloseRelaxed, Ordering::Acquire);
        let before = self.gate.0.fetch_or(CLOSED, order);
        let last = before & (CLOSED | ROOTS) == 0 && !fault::is(Fault::GateCloseForgets);
        let passage = if last { Passage::LastOut } else { Passage::Done };
        Closing { passage, before: Tally(before) }
    }

    /// A deadline has passed. Relaxed: read by the pool's drop, which comes after.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Workers whose threads have not ended.
    pub(crate) fn workers(&self) -> usize {
        self.exit.lock().unwrap().workers
    }

    pub(crate) fn tally(&self) -> Tally {
        // Ordering: Acquire, with the Release in `leave`: a root that is not counted as inside is not
        // named as running either.
        Tally(self.gate.0.load(fault::unless(Fault::GateTallyRelaxed, Ordering::Acquire)))
    }

    /// From now on queued roots are dropped; with `abort`, running ones are asked to stop.
    pub(crate) fn cancel(&self, abort: bool) {
        // Relaxed: a root that is picked at the same moment may run or be cancelled; nothing
        // is read through the flags.
        self.cancelling.store(true, Ordering::Relaxed);
        if abort {
            self.abort();
        }
    }

    /// From now on running roots are asked to stop.
    pub(crate) fn abort(&self) {
        // Relaxed: nothing is read through the flag.
        self.aborting.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Relaxed)
    }

    pub(crate) fn is_aborting(&self) -> bool {
        self.aborting.load(Ordering::Relaxed)
    }

    /// A worker's thread ends: its last act in this crate.
    pub(crate) fn worker_exits(&self) {
        let waiters = {
            let mut exit = self.exit.lock().unwrap();
            exit.workers -= 1;
            if exit.workers != 0 || fault::is(Fault::ExitTellsNobody) {
                return;
            }
            std::mem::take(&mut exit.waiters)
        };
        for waiter in waiters {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *waiter) };
        }
    }

    /// Whoever got that latch from [`on_exit`](Self::on_exit) waits no more.
    pub(crate) fn forget_waiter(&self, latch: &Arc<Latch>) {
        let mut exit = self.exit.lock().unwrap();
        exit.waiters.retain(|waiter| Arc::as_ptr(waiter) != Arc::as_ptr(latch));
    }

    /// A latch of the caller's own that is set when the last worker has ended.
    pub(crate) fn on_exit(&self) -> Arc<Latch> {
        let latch = Arc::new(Latch::new());
        let mut exit = self.exit.lock().unwrap();
        if exit.workers == 0 && !fault::is(Fault::ExitForgets) {
            // SAFETY: `latch` is alive.
            unsafe { Latch::set(&raw const *latch) };
        } else {
            exit.waiters.push(Arc::clone(&latch));
        }
        latch
    }
}

#[cfg(test)]
mod tests {
    use super::Lifecycle;

    #[test]
    fn the_last_exit_is_the_one_that_is_told() {
        let lifecycle = Lifecycle::new(2);
        let before = lifecycle.on_exit();
        lifecycle.worker_exits();
        assert!(!before.is_set(), "one worker is left");
        lifecycle.worker_exits();
        assert!(before.is_set());
        assert!(lifecycle.on_exit().is_set(), "also for who asks later");
    }
}
