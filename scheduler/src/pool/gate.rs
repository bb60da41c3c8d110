//! Who is inside a pool, and whether more may come in.
//!
//! # Protocol
//!
//! A *root* is a job that no running frame depends on: a `spawn`, or the closure of an `install`.
//! What a root forks is not counted; the root waits for it.
//!
//! While the gate is open the count is spread over *stripes*, one for each worker and a few for all
//! other threads, so that those who submit and those who run do not take one line from each other
//! twice for each root. A root comes in on the stripe of the thread that submits it and leaves on
//! that of the thread that is done with it: a single stripe's number means nothing and may be
//! below zero, the sum is the number of roots inside. Closing takes the sum, and from then on one
//! word, the *rest*, counts down, as well as how many have left unrun.
//!
//! ```text
//!   a stripe:  open, n --enter or leave, by anyone--> open, n ± 1
//!              open, n --close, once--> closed         final; what it counts from now on is ignored
//!   the rest:  0 --leave on a closed stripe--> -1, ... -k
//!              -k --close, once, with the sum n of all stripes--> n - k
//!              m  --leave--> m - 1, ... 0                       final
//! ```
//!
//! - [`enter`](Gate::enter) counts first and looks after, in one read-modify-write of its stripe: a
//!   root that came in before its stripe was closed is in the sum, one that came after is refused.
//! - [`leave`](Gate::leave) does the same. Before the close, the sum is without the root; after it,
//!   the sum is with it, and it counts itself out of the rest.
//! - The stripes are not closed at one moment. So that the sum is what was inside when the first
//!   root was refused, a flag is raised before, and who sees it leaves by the rest, whether its stripe
//!   is closed yet or not. Who leaves after it has learnt of a refusal does see it: the flag comes
//!   before the bit that was the reason, and a refused root acquires that. Executors refuse a little
//!   earlier, under locks of their own: the close is [announced](Gate::announce) before they are told.
//! - A root that was cancelled is counted as such in the same step in which it leaves the rest: of
//!   two readings of it, the difference says exactly what became of the roots.
//! - Whoever brings the rest to 0, by closing or by leaving, ends the workers. Who leaves while the
//!   stripes are being closed brings it below 0, and is not the one.
//!
//! Invariant: the rest comes to 0 once, when all stripes are closed and every root that came in has
//! left.
//!
//! Rejected: one word for all. It is the same without the stripes, but every root takes its line
//! from a submitter to a worker and back, which costs more than its queue.

use crate::job::cell::Fate;
use crate::sync::fault::{self, Fault};
use crate::sync::{AtomicBool, AtomicU64, Mutex, OUTSIDE_STRIPES, Ordering, fence, outside_stripe};
use crossbeam_utils::CachePadded;

/// Of a stripe: closed.
const CLOSED: u64 = 1;
/// Of a stripe: a root. The sum is taken modulo 2^32, and so are the counts.
const ROOT: u64 = 1 << 32;

/// Of the rest: the roots inside.
const ROOTS: u64 = CANCELLED - 1;
/// Of the rest: a cancelled root. The count wraps at 2^31.
const CANCELLED: u64 = 1 << 33;

/// See the module's protocol.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Those of the threads that are no workers, then one for each worker.
    stripes: Box<[CachePadded<AtomicU64>]>,
    rest: CachePadded<AtomicU64>,
    /// Raised before the first stripe is closed, and before anybody else refuses because of it.
    closing: AtomicBool,
    /// Whether the stripes are closed. Held by the one who closes them.
    closed: Mutex<bool>,
}

/// Where a thread counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stripe(usize);

impl Stripe {
    /// Of a worker of the gate's pool.
    pub(crate) fn of_worker(index: usize) -> Self {
        Self(OUTSIDE_STRIPES + index)
    }

    /// Of the calling thread, if it is none.
    pub(crate) fn outside() -> Self {
        Self(outside_stripe())
    }
}

/// What a closed gate had counted at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally(u64);

impl Tally {
    /// Roots inside.
    pub(crate) fn roots(self) -> usize {
        (self.0 & ROOTS) as usize
    }

    /// Roots that were cancelled between the two moments.
    pub(crate) fn cancelled_since(self, earlier: Self) -> usize {
        ((self.0 / CANCELLED).wrapping_sub(earlier.0 / CANCELLED) % (1 << 31)) as usize
    }
}

/// The gate is closed: the root must not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// What a change of the gate has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Passage {
    /// Nothing more to do.
    Done,
    /// The gate is closed and nobody is inside: end the workers.
    LastOut,
}

/// What [`Gate::close`] found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) passage: Passage,
    /// Just before.
    pub(crate) before: Tally,
}

impl Gate {
    pub(crate) fn new(workers: usize) -> Self {
        let stripe = |_| CachePadded::new(AtomicU64::new(0));
        Self {
            stripes: (0..OUTSIDE_STRIPES + workers).map(stripe).collect(),
            rest: CachePadded::new(AtomicU64::new(0)),
            closing: AtomicBool::new(false),
            closed: Mutex::new(false),
        }
    }

    /// Counts a root in, unless the gate is closed.
    #[inline]
    pub(crate) fn enter(&self, stripe: Stripe) -> Result<(), Closed> {
        let stripe = &self.stripes[stripe.0];
        if fault::is(Fault::GateChecksThenEnters) {
            if stripe.load(Ordering::Relaxed) & CLOSED != 0 {
                return Err(Closed);
            }
            stripe.fetch_add(ROOT, Ordering::Relaxed);
            return Ok(());
        }
        // Relaxed: it hands nothing on; as a read-modify-write it stays in the release sequence of
        // those that left.
        let before = stripe.fetch_add(ROOT, Ordering::Relaxed);
        if before & CLOSED == 0 {
            return Ok(());
        }
        if !fault::is(Fault::GateRefusesRelaxed) {
            // Acquire, of what was read above, with the Release in `close`: who learns of this refusal
            // sees the flag.
            fence(Ordering::Acquire);
        }
        Err(Closed)
    }

    /// Counts in so many roots, by somebody who knows that the gate is open.
    pub(crate) fn enter_more(&self, stripe: Stripe, roots: usize) {
        // Relaxed: as in `enter`.
        let before =
            self.stripes[stripe.0].fetch_add(ROOT.wrapping_mul(roots as u64), Ordering::Relaxed);
        debug_assert!(before & CLOSED == 0, "the gate is closed");
    }

    /// Counts a root out.
    #[inline]
    pub(crate) fn leave(&self, stripe: Stripe, fate: Fate) -> Passage {
        // Ordering: Release, with the Acquire in `close`, so that what a root did is visible to whoever
        // ends the pool. Where the stripe turns out to be closed, the rest hands it on.
        let order = fault::unless(Fault::GateStripeRelaxed, Ordering::Release);
        // Relaxed: who has to see it has an order with the closer already, see the module.
        if self.closing.load(Ordering::Relaxed) && !fault::is(Fault::GateLeaveLooksNot) {
            return self.leave_the_rest(fate);
        }
        let before = self.stripes[stripe.0].fetch_sub(ROOT, order);
        if before & CLOSED == 0 { Passage::Done } else { self.leave_the_rest(fate) }
    }

    #[cold]
    fn leave_the_rest(&self, fate: Fate) -> Passage {
        let cancelled = match fate {
            Fate::Ran => 0,
            Fate::Cancelled => CANCELLED,
        };
        // Ordering: Release, as above; Acquire, so that the last one hands on what all others did,
        // with the latches.
        let order = fault::half(Fault::GateLeaveNoAcquire, Fault::GateLeaveNoRelease);
        let before = self.rest.fetch_add(cancelled.wrapping_sub(1), order);
        if before & ROOTS == 1 && !fault::is(Fault::GateLeaveForgets) {
            Passage::LastOut
        } else {
            Passage::Done
        }
    }

    /// It is about to close: who leaves from now on counts as inside when it did.
    pub(crate) fn announce(&self) {
        if !fault::is(Fault::GateAnnouncesNot) {
            // Relaxed: handed on by the locks of those who are told next, and refuse.
            self.closing.store(true, Ordering::Relaxed);
        }
    }

    /// Refuses new roots from now on.
    pub(crate) fn close(&self) -> Closing {
        let mut closed = self.closed.lock().unwrap();
        if *closed && !fault::is(Fault::GateClosesTwice) {
            return Closing { passage: Passage::Done, before: self.tally() };
        }
        *closed = true;
        // Relaxed: handed on by each of the next steps.
        self.closing.store(true, Ordering::Relaxed);
        // Ordering: Acquire, with the Release in `leave`: the closer may be the one who ends the pool,
        // or hand what the roots of the stripes did on to that one. Release, with the Acquire of who is
        // refused: the flag.
        let order = fault::half(Fault::GateCloseNoAcquire, Fault::GateCloseNoRelease);
        let counts = self.stripes.iter().map(|stripe| stripe.fetch_or(CLOSED, order) / ROOT);
        let sum = counts.fold(0, u64::wrapping_add) % ROOT;
        // Ordering: AcqRel, as in `leave_the_rest`.
        let order = fault::half(Fault::GateSumNoAcquire, Fault::GateSumNoRelease);
        let inside = self.rest.fetch_add(sum, order).wrapping_add(sum) & ROOTS;
        let last = inside == 0 && !fault::is(Fault::GateCloseForgets);
        let passage = if last { Passage::LastOut } else { Passage::Done };
        // Those that have left meanwhile, cancelled or not, are in the sum.
        Closing { passage, before: Tally(sum) }
    }

    /// Whether it is about to close, or is closed. As of a moment ago.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Of a gate that has been closed.
    pub(crate) fn tally(&self) -> Tally {
        // Ordering: Acquire, with the Release in `leave_the_rest`: a root that is not counted as inside is
        // not named as running either.
        Tally(self.rest.load(fault::unless(Fault::GateTallyRelaxed, Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Closed, Gate, Passage, Stripe};
    use crate::job::cell::Fate;

    #[test]
    fn what_comes_in_on_one_stripe_leaves_on_another() {
        let gate = Gate::new(2);
        let worker = Stripe::of_worker;
        for (comes, goes) in [(Stripe::outside(), worker(0)), (worker(0), worker(1))] {
            for _ in 0..3 {
                assert_eq!(gate.enter(comes), Ok(()));
                assert_eq!(gate.leave(goes, Fate::Ran), Passage::Done);
            }
        }
        assert_eq!(gate.enter(worker(1)), Ok(()));
        assert_eq!(gate.enter(Stripe::outside()), Ok(()));
        let closing = gate.close();
        assert_eq!((closing.passage, closing.before.roots()), (Passage::Done, 2));
        assert_eq!(gate.enter(worker(0)), Err(Closed));
        assert_eq!(gate.leave(worker(0), Fate::Cancelled), Passage::Done);
        let again = gate.close();
        assert_eq!((again.passage, again.before.roots()), (Passage::Done, 1));
        assert_eq!(gate.leave(worker(0), Fate::Ran), Passage::LastOut);
        assert_eq!(gate.tally().roots(), 0);
        assert_eq!(gate.tally().cancelled_since(closing.before), 1);
        assert_eq!(gate.tally().cancelled_since(again.before), 0);
    }

    #[test]
    fn an_empty_gate_ends_as_it_closes() {
        let gate = Gate::new(1);
        assert_eq!(gate.close().passage, Passage::LastOut);
        assert_eq!(gate.close().passage, Passage::Done);
    }
}
