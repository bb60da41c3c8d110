//! When a worker sleeps, and who wakes it. The argument that no wake is lost is in
//! `sleep/README.md`.
//!
//! # Protocol
//!
//! Each worker is *busy*, *searching* or *sleeping*; [`Word`] counts the last two. A slot per
//! worker says who may end its sleep:
//!
//! ```text
//!   AWAKE --prepare, by the worker--> SLEEPING --wake_one, by anyone--> CLAIMED --> WOKEN
//!     ^                                  |                                            |
//!     +-----cancel, by the worker--------+                                            |
//!     +---------------------------- the worker, once it has seen it ------------------+
//! ```
//!
//! Invariants:
//! - a worker is counted as sleeping from before its last look (the state comes first, then the
//!   count, then the look) until the one who ends its sleep, itself or a claimer, has counted it
//!   out: exactly one of them does;
//! - a claimer counts it as searching and then unparks it, so `WOKEN` means that the worker
//!   *is* a searcher, and owes what a searcher owes: to look at everything, or to pass the
//!   wake on (`leave`). `WOKEN_TO_SERVE` and `WOKEN_NEAR` mean the same, and say for whom.
//!
//! No argument rests on which of several sleepers is woken. It is the first of them, or, for a caller that
//! [blocks at once](Sleep::announce_and_block), or is [likely to](Sleep::announce_near), rather one that is bound
//! to the core that the caller is on: that core is about to be free, and awake, while another may have to come out
//! of idle first.
//!
//! [`wake_slot`](Sleep::wake_slot) is the only function here that unparks for work. A latch
//! unparks its waiter by the parker alone; that worker is then still `SLEEPING` and ends its
//! sleep itself.

mod word;

use crate::latch::{Latch, Watch};
use crate::park::Parker;
use crate::sync::asymmetric::{self, Barrier, light};
use crate::sync::fault::{self, Fault};
use crate::sync::{
    Arc, AtomicU8, AtomicUsize, Instant, OnceLock, Ordering, fence, prefetch, spin_loop,
};
use crossbeam_utils::CachePadded;
use word::Idle;
pub(crate) use word::Word;

const AWAKE: u8 = 0;
const SLEEPING: u8 = 1;
const CLAIMED: u8 = 2;
const WOKEN: u8 = 3;
/// As [`WOKEN`], by a caller that has nothing to do but to wait for the core to which the worker is bound.
const WOKEN_TO_SERVE: u8 = 4;
/// The same, by a caller that is likely to leave that core soon.
const WOKEN_NEAR: u8 = 5;

fn is_woken(state: u8) -> bool {
    matches!(state, WOKEN | WOKEN_TO_SERVE | WOKEN_NEAR)
}

/// The idle side of one pool.
#[derive(Debug)]
pub(crate) struct Sleep {
    word: Word,
    /// Beside the word: whoever reads there that somebody sleeps goes on to these.
    slots: Box<[CachePadded<Slot>]>,
    /// The core to which each worker is to be bound; empty if they are not. Never written again, unlike the
    /// slots: it stays in everybody's cache.
    cores: Box<[usize]>,
    search_limit: u64,
    /// One more than the index of the worker that was [woken near](WOKEN_NEAR) last, unless another has been woken for it.
    /// Of no protocol: it says where to look.
    near: AtomicUsize,
}

/// Says on which core the calling thread is, or that it does not matter. Asked only where a worker is to be woken, and the
/// workers are bound.
pub(crate) type Here = fn() -> Option<usize>;

/// Who made work public.
#[derive(Clone, Copy)]
struct Caller {
    here: Here,
    /// How a worker of its core is woken.
    near: u8,
}

impl Caller {
    /// One that goes on.
    const GOES_ON: Self = Self { here: || None, near: WOKEN };
}

#[derive(Debug)]
struct Slot {
    state: AtomicU8,
    /// Set by the worker when it starts, so before it can be found sleeping.
    parker: OnceLock<Arc<Parker>>,
}

/// How a sleep ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Woken {
    /// For work: the worker is a searcher now.
    ToSearch,
    /// The same, by a caller that blocks meanwhile, or mostly does, and goes on when it has the worker's core.
    ToServe,
    /// By the latch that it watched: it is busy again.
    ByLatch,
    /// By its deadline: it is busy again.
    ByClock,
}

impl Sleep {
    /// `cores` has one for each worker, or none.
    pub(crate) fn new(workers: usize, cores: Box<[usize]>) -> Self {
        debug_assert!(cores.is_empty() || cores.len() == workers);
        let eager = asymmetric::barrier() == Barrier::Fence;
        let slot = || Slot { state: AtomicU8::new(AWAKE), parker: OnceLock::new() };
        Self {
            word: Word::new(eager),
            slots: (0..workers).map(|_| CachePadded::new(slot())).collect(),
            cores,
            // At most half of the workers search at once: more would only take the cores and
            // the cache lines of those that work.
            search_limit: (workers as u64).div_ceil(2),
            near: AtomicUsize::new(0),
        }
    }

    /// What a busy worker reads after each push.
    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    /// The worker of `index` says how to unpark it. Called on its thread, once.
    pub(crate) fn enlist(&self, index: usize) {
        let set = self.slots[index].parker.set(Parker::for_current_thread());
        debug_assert!(set.is_ok(), "a slot has one worker");
    }

    /// Work became public: wakes a worker if none would find it otherwise.
    #[inline]
    pub(crate) fn announce(&self) {
        self.announce_by(Caller::GOES_ON);
    }

    /// The same, by a thread that blocks as soon as it is back: it wakes rather a worker of its core, which is
    /// free then.
    pub(crate) fn announce_and_block(&self, here: Here) {
        self.announce_by(Caller { here, near: WOKEN_TO_SERVE });
    }

    /// The same, by a thread that is likely to block soon if `here` says a core.
    #[inline]
    pub(crate) fn announce_near(&self, here: Here) {
        self.announce_by(Caller { here, near: WOKEN_NEAR });
    }

    #[inline]
    fn announce_by(&self, caller: Caller) {
        if !fault::is(Fault::AnnounceNoLight) {
            // Pairs with the `heavy` of `Prepared`'s last look: either this sees the sleeper,
            // or the sleeper's look sees the work.
            light();
        }
        let idle = self.word.peek();
        if idle.sleeping() != 0 {
            self.announce_to_idle(idle, caller);
        }
    }

    /// Somebody sleeps.
    #[cold]
    fn announce_to_idle(&self, mut idle: Idle, caller: Caller) {
        if idle.searching() != 0 && !fault::is(Fault::AnnounceNoFence) {
            // Pairs with the one in `pass_on`: what is left to a searcher it sees when it leaves, or
            // here it has left.
            fence(Ordering::SeqCst);
            idle = self.word.peek();
        }
        if idle.wants_wake() {
            self.wake_one(caller);
        } else if self.waits_for_its_core() {
            self.wake_one(Caller::GOES_ON);
        }
    }

    /// Whether a worker that was woken near counts as a searcher and has not begun, for its caller went on after all. True
    /// once: another is woken for it.
    fn waits_for_its_core(&self) -> bool {
        if self.cores.is_empty() {
            return false;
        }
        // Relaxed: nothing is read through it, and nobody relies on the answer.
        let near = self.near.load(Ordering::Relaxed);
        let Some(slot) = near.checked_sub(1).map(|index| &self.slots[index]) else { return false };
        slot.state.load(Ordering::Relaxed) == WOKEN_NEAR
            && self.near.swap(0, Ordering::Relaxed) == near
    }

    /// The worker of `index` got a job of its own (a broadcast), which nobody else will run.
    pub(crate) fn announce_to(&self, index: usize) {
        // As in `announce`; the slot is what the sleeper wrote before its `heavy`.
        if !fault::is(Fault::AnnounceToNoLight) {
            light();
        }
        self.wake_slot(index, WOKEN);
    }

    /// So many jobs were seen where somebody has just found one, who may have woken a worker for them
    /// already. Wakes one more if they are more than the searchers. Nobody relies on that, and several who come here
    /// at once may wake more than one each search would have.
    #[cold]
    pub(crate) fn announce_more(&self, jobs: u64) {
        if self.word.peek().searching() < jobs.min(self.search_limit) {
            self.wake_one(Caller::GOES_ON);
        }
    }

    /// Wakes one sleeper, if there is any; rather one that is bound to the core that the caller is on.
    #[cold]
    fn wake_one(&self, caller: Caller) {
        // A sleeper that may be relied on is seen as SLEEPING: by the caller's own change of the
        // word, which is an Acquire of the sleeper's, or by the `light` before the announcement
        // where the sleeper's `heavy` came first. (Where it comes later, the sleeper looks.)
        if self.word.peek().sleeping() == 0 {
            return;
        }
        if self.wake_near(caller) || fault::is(Fault::WakeNearOnly) && (caller.here)().is_some() {
            return;
        }
        // Always from the front: the same few workers stay warm.
        let _ = (0..self.slots.len()).any(|index| self.wake_slot(index, WOKEN));
    }

    /// Wakes a sleeper that is bound to the caller's core. False if there is none, or the core is not known.
    fn wake_near(&self, caller: Caller) -> bool {
        if self.cores.is_empty() {
            return false;
        }
        let Some(here) = (caller.here)() else { return false };
        let mut cores = self.cores.iter().enumerate();
        let woken =
            cores.position(|(index, &core)| core == here && self.wake_slot(index, caller.near));
        if let Some(index) = woken.filter(|_| caller.near == WOKEN_NEAR) {
            self.near.store(index + 1, Ordering::Relaxed);
        }
        woken.is_some()
    }

    /// Ends the sleep of one worker from outside, and says by `woken` how. False if it does not sleep.
    fn wake_slot(&self, index: usize, woken: u8) -> bool {
        let slot = &self.slots[index];
        // A look first: an exchange would take the line from a busy worker.
        if slot.state.load(Ordering::Relaxed) != SLEEPING {
            return false;
        }
        // Ordering: Acquire, with the Release that made it SLEEPING.
        let order = fault::unless(Fault::ClaimRelaxed, Ordering::Acquire);
        let claim = slot.state.compare_exchange(SLEEPING, CLAIMED, order, Ordering::Relaxed);
        if claim.is_err() && !fault::is(Fault::ClaimIgnored) {
            return false;
        }
        if !fault::is(Fault::ClaimUncounted) {
            self.word.sleep_to_search();
        }
        // Relaxed: the worker has been counted over, and its own change of the word, which follows
        // its load of this, cannot come before that one: both are AcqRel, so this store would then
        // happen after the load that reads it.
        slot.state.store(woken, Ordering::Relaxed);
        self.parker(index).unpark();
        true
    }

    fn parker(&self, index: usize) -> &Arc<Parker> {
        self.slots[index].parker.get().expect("a worker enlists before it sleeps")
    }

    /// The worker of `index` is about to end its sleep.
    pub(crate) fn prefetch(&self, index: usize) {
        prefetch(&self.word);
        prefetch(&self.slots[index].state);
    }

    /// A busy worker found nothing of its own. `None`: enough others search already.
    pub(crate) fn try_search(&self) -> bool {
        self.word.try_search(self.search_limit)
    }

    /// A searcher becomes busy, with a job or because its latch is set. The last one wakes
    /// another: whoever relied on a searcher to find its work relies on that one now. `queued` says
    /// whether the global queue holds a job. How many were asleep before.
    pub(crate) fn leave_search(&self, queued: impl FnOnce() -> bool) -> u64 {
        let before = self.word.end_search();
        let last = before.searching() == 1;
        if last && before.sleeping() != 0 && !fault::is(Fault::LeaveWakesNobody) {
            self.pass_on(before.sleeping(), queued);
        }
        before.sleeping()
    }

    /// The caller has just become busy, which left nobody searching and `sleeping` others asleep.
    /// Wakes one, unless there is nothing that it could find: where all others sleep, their
    /// deques are empty, so is the caller's, and only the global queue can hold a job.
    fn pass_on(&self, sleeping: u64, queued: impl FnOnce() -> bool) {
        if sleeping + 1 == self.slots.len() as u64 {
            // Pairs with the one in `announce_to_idle`: either this sees the job that a poster left to the
            // caller, or the poster sees that the caller does not search any more.
            if !fault::is(Fault::LeaveNoFence) {
                fence(Ordering::SeqCst);
            }
            if !queued() {
                return;
            }
        }
        self.wake_one(Caller::GOES_ON);
    }

    /// The worker of `index` intends to sleep. It must now issue a `heavy` and look at every
    /// source, and then either [`cancel`](Prepared::cancel) or [`sleep`](Prepared::sleep).
    pub(crate) fn prepare(&self, index: usize, searching: bool) -> Prepared<'_> {
        // Ordering: Release, with the claim in `wake_slot`; the count below comes after it,
        // so whoever sees the count sees the state. A claimer that comes between the two counts
        // over what is not counted yet: until the next line the fields of the word are off by
        // one. A poster then wakes one too many or finds nobody; this worker's look is still to
        // come, and so is its second one, as the searcher that it was made.
        let order = fault::unless(Fault::PrepareRelaxed, Ordering::Release);
        self.slots[index].state.store(SLEEPING, order);
        let _ = if searching { self.word.search_to_sleep() } else { self.word.begin_sleep() };
        Prepared { sleep: self, index }
    }
}

/// The proof that a worker is counted as sleeping and not yet parked.
#[derive(Debug)]
#[must_use]
pub(crate) struct Prepared<'a> {
    sleep: &'a Sleep,
    index: usize,
}

impl Prepared<'_> {
    /// The last look found work, or the latch was set before it was complete: busy again.
    /// `queued` is that of [`Sleep::leave_search`]. How many others were asleep.
    pub(crate) fn cancel(self, queued: impl FnOnce() -> bool) -> u64 {
        let before = match self.end_sleep() {
            None => self.sleep.word.end_sleep(),
            // Claimed meanwhile: this worker was made a searcher, and leaves as one.
            Some(_) => return self.sleep.leave_search(queued),
        };
        // The look has not shown that there is no *more* work, and a poster may have relied
        // on this worker while it searched.
        let nobody_looks = before.sleeping() > 1 && before.searching() == 0;
        if nobody_looks && !fault::is(Fault::CancelWakesNobody) {
            self.sleep.pass_on(before.sleeping() - 1, queued);
        }
        before.sleeping().saturating_sub(1)
    }

    /// Parks until somebody wakes this worker for work, or `latch` is set, or the deadline has passed.
    /// `awake` is called each time that it is unparked.
    pub(crate) fn sleep(self, latch: &Latch, deadline: Option<Instant>, awake: impl Fn()) -> Woken {
        let parker = self.sleep.parker(self.index);
        let slot = &self.sleep.slots[self.index];
        let mut late = false;
        if latch.watch(parker) == Watch::Watching {
            // Relaxed, see `wake_slot`.
            while !is_woken(slot.state.load(Ordering::Relaxed)) && !latch.is_set() && !late {
                match deadline {
                    None => parker.park(),
                    Some(deadline) => late = !parker.park_until(deadline),
                }
                awake();
                if fault::is(Fault::SleepTrustsToken) {
                    break;
                }
            }
            latch.unwatch();
        }
        if let Some(woken) = self.end_sleep() {
            return woken;
        }
        let _ = self.sleep.word.end_sleep();
        if late { Woken::ByClock } else { Woken::ByLatch }
    }

    /// Ends the sleep from inside, unless a claimer was quicker; this worker is then a searcher, and counted as one.
    fn end_sleep(&self) -> Option<Woken> {
        let slot = &self.sleep.slots[self.index];
        // Relaxed: the worker takes back what it wrote itself.
        let mine =
            slot.state.compare_exchange(SLEEPING, AWAKE, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() || fault::is(Fault::SleepEndsTwice) {
            return None;
        }
        let woken = loop {
            // Relaxed, as in `sleep`. Between CLAIMED and WOKEN the claimer has only its count to change.
            match slot.state.load(Ordering::Relaxed) {
                WOKEN => break Woken::ToSearch,
                WOKEN_TO_SERVE | WOKEN_NEAR => break Woken::ToServe,
                _ => spin_loop(),
            }
        };
        slot.state.store(AWAKE, Ordering::Relaxed);
        Some(woken)
    }
}

#[cfg(test)]
mod tests {
    use super::{Here, Prepared, SLEEPING, Sleep, WOKEN, WOKEN_NEAR, WOKEN_TO_SERVE};
    use crate::sync::Ordering;

    /// Four workers, so at most two searchers; those of `asleep` are on their way to sleep.
    fn sleep(asleep: &[usize]) -> (&'static Sleep, Vec<Prepared<'static>>) {
        // In pairs on the cores 7 and 5.
        let sleep: &'static Sleep = Box::leak(Box::new(Sleep::new(4, Box::new([7, 7, 5, 5]))));
        let prepare = |&index: &usize| {
            sleep.enlist(index);
            sleep.prepare(index, false)
        };
        (sleep, asleep.iter().map(prepare).collect())
    }

    #[track_caller]
    fn counts(sleep: &Sleep, sleeping: u64, searching: u64) {
        let idle = sleep.word().peek();
        assert_eq!((idle.sleeping(), idle.searching()), (sleeping, searching));
    }

    /// A wake that nobody needs would be no error, only slow: no model could tell.
    #[test]
    fn only_the_last_searcher_passes_the_wake_on() {
        let (sleep, _asleep) = sleep(&[2]);
        assert!(sleep.try_search() && sleep.try_search() && !sleep.try_search());
        sleep.leave_search(|| true);
        counts(sleep, 1, 1);
        sleep.leave_search(|| true);
        counts(sleep, 0, 1);
        sleep.leave_search(|| true);
        counts(sleep, 0, 0);
    }

    #[test]
    fn a_worker_that_breaks_off_wakes_another_only_if_nobody_searches() {
        let (sleep, mut asleep) = sleep(&[0, 1, 2]);
        assert!(sleep.try_search());
        asleep.remove(0).cancel(|| true);
        counts(sleep, 2, 1);
        assert_eq!(sleep.word.end_search().searching(), 1);
        asleep.remove(0).cancel(|| true);
        counts(sleep, 0, 1);
    }

    /// Where all others sleep, only the global queue can hold what they could find.
    #[test]
    fn the_wake_is_passed_on_only_if_there_may_be_work() {
        let (sleep, _asleep) = sleep(&[1, 2, 3]);
        assert!(sleep.try_search());
        sleep.leave_search(|| false);
        counts(sleep, 3, 0);
        assert!(sleep.try_search());
        sleep.leave_search(|| true);
        counts(sleep, 2, 1);
        // One is busy, and may hold jobs of its own.
        sleep.leave_search(|| false);
        counts(sleep, 1, 1);
        sleep.leave_search(|| false);
        counts(sleep, 0, 1);
    }

    #[test]
    fn for_more_jobs_more_are_woken_up_to_the_limit() {
        let (sleep, _asleep) = sleep(&[0, 1, 2, 3]);
        sleep.announce_more(0);
        counts(sleep, 4, 0);
        for _ in 0..2 {
            sleep.announce_more(1);
            counts(sleep, 3, 1);
        }
        for _ in 0..2 {
            sleep.announce_more(9);
            counts(sleep, 2, 2);
        }
    }

    #[test]
    fn who_breaks_off_its_sleep_looks_as_well() {
        let (sleep, mut asleep) = sleep(&[0, 1, 2, 3]);
        asleep.remove(0).cancel(|| false);
        counts(sleep, 3, 0);
        asleep.remove(0).cancel(|| false);
        counts(sleep, 1, 1);
    }

    /// Who has been woken, and who of them to serve.
    #[track_caller]
    fn woken(sleep: &Sleep, expected: [&[usize]; 2]) {
        let state = |index: usize| sleep.slots[index].state.load(Ordering::Relaxed);
        let are = |woken: u8| (0..4).filter(|&index| state(index) == woken).collect::<Vec<_>>();
        assert_eq!([are(WOKEN), are(WOKEN_TO_SERVE)], expected);
    }

    #[test]
    fn who_blocks_wakes_one_of_its_core() {
        let (sleep, _asleep) = sleep(&[0, 1, 2, 3]);
        sleep.announce_and_block(|| Some(5));
        woken(sleep, [&[], &[2]]);
        assert_eq!(sleep.word.end_search().searching(), 1);
        sleep.announce_and_block(|| Some(5));
        woken(sleep, [&[], &[2, 3]]);
        counts(sleep, 2, 1);
    }

    /// Nobody of that core sleeps, nobody is bound to it, or it is not known: as for anybody.
    #[test]
    fn who_blocks_wakes_another_if_its_core_has_none() {
        let here: [Here; 3] = [|| Some(5), || Some(6), || None];
        for here in here {
            let (sleep, _asleep) = sleep(&[0, 1]);
            sleep.announce_and_block(here);
            woken(sleep, [&[0], &[]]);
            counts(sleep, 1, 1);
        }
    }

    /// It was to begin when its caller blocks, who comes back instead.
    #[test]
    fn who_has_not_begun_is_relied_on_once() {
        let (sleep, _asleep) = sleep(&[0, 1, 2, 3]);
        sleep.announce_near(|| Some(5));
        counts(sleep, 3, 1);
        sleep.announce_near(|| Some(5));
        counts(sleep, 2, 2);
        sleep.announce();
        counts(sleep, 2, 2);
        let state = |index: usize| sleep.slots[index].state.load(Ordering::Relaxed);
        assert_eq!([0, 1, 2, 3].map(state), [WOKEN, SLEEPING, WOKEN_NEAR, SLEEPING]);
    }

    #[test]
    fn who_has_begun_is_relied_on() {
        let (sleep, mut asleep) = sleep(&[0, 2]);
        sleep.announce_near(|| Some(5));
        counts(sleep, 1, 1);
        // It is awake, and searches.
        assert!(asleep.pop().unwrap().end_sleep().is_some());
        sleep.announce_near(|| Some(5));
        counts(sleep, 1, 1);
    }

    #[test]
    fn the_core_is_asked_for_only_if_somebody_is_to_be_woken() {
        let here: Here = || panic!("nobody wants to know");
        let (sleep, _asleep) = sleep(&[0, 2]);
        sleep.announce();
        woken(sleep, [&[0], &[]]);
        sleep.announce_and_block(here);
        counts(sleep, 1, 1);
        let (sleep, _asleep) = self::sleep(&[]);
        sleep.announce_and_block(here);
        let unbound = Sleep::new(1, Box::default());
        unbound.enlist(0);
        let _asleep = unbound.prepare(0, false);
        unbound.announce_and_block(here);
        counts(&unbound, 0, 1);
    }

    #[test]
    fn an_announcement_wakes_one_and_only_if_nobody_searches() {
        let (sleep, _asleep) = sleep(&[1, 3]);
        sleep.announce();
        counts(sleep, 1, 1);
        sleep.announce();
        counts(sleep, 1, 1);
        sleep.announce_to(1);
        counts(sleep, 1, 1);
        sleep.announce_to(3);
        counts(sleep, 0, 2);
    }
}
