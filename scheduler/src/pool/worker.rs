//! A worker: its local deque, where it looks for work, and the one loop in which it runs and
//! waits.
//!
//! The life of a worker's thread, the wait in a `join` and the wait at the end of a scope are
//! the same function, [`Worker::run_until`]: run jobs until a latch is set. Nothing else in the
//! crate takes work.

mod injected;
mod search;

use self::injected::Batches;
pub(crate) use self::search::Watch;
use super::bundle;
use super::carried::put_away;
use super::registry::Registry;
use super::seat::{Seat, Seated};
use super::stamina::Stamina;
use crate::job::{Header, JobRef, hand, slab};
use crate::latch::Latch;
use crate::observe::Counters;
use crate::queue::{Head, Steal, Tail};
use crate::rng::XorShift32;
use crate::sleep::{Woken, Word};
use crate::span;
use crate::sync::asymmetric::heavy;
use crate::sync::fault::{self, Fault};
use crate::sync::{
    Arc, BUNDLE_SIZE, FAIR_INTERVAL, FIRST_LOOKS, HEAD_CAPACITY, INJECTED_STREAK, Instant,
    LINGER_ROUNDS, LOOKS_FOR_STRANDED, Moment, SEARCH_ROUNDS, SPINS_PER_ROUND, spin_loop, start,
    yield_now,
};
use std::cell::Cell;
use std::ptr::NonNull;

/// What only the worker's own thread uses. Lives on that thread's stack.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Of this worker, in the registry.
    seat: NonNull<Seat>,
    tail: Tail,
    index: usize,
    registry: Arc<Registry>,
    rng: XorShift32,
    picks: Cell<u32>,
    /// So many more injected jobs may be taken without a look at the other workers' queues.
    streak: Cell<u32>,
    batches: Batches,
    /// When the root was taken that is about to run, if it was taken along with others.
    along: Cell<Option<Moment>>,
    /// Whose head the last forced job came from: behind one stuck owner lie many small jobs.
    forced_from: Cell<Option<usize>>,
    /// Whose deque the job came from that was stolen last, for `bring_another`.
    robbed: Cell<Option<usize>>,
    stamina: Stamina,
    /// For `last_look`: the `top` of every head, and of every batch.
    tops: Box<[Cell<[u64; 2]>]>,
}

/// What a worker waits for while it runs jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The end of the pool: the loop of its thread.
    Main,
    /// Something that a job of its own needs: injected work comes last.
    Waiting,
}

/// How the wait for a job ended that had left the head.
#[derive(Debug)]
#[must_use]
pub(crate) enum Waited {
    /// It was still in the tail: the caller has it again, unrun.
    GotBack,
    /// Somebody has run it.
    Done,
}

impl Worker {
    pub(crate) fn new(registry: Arc<Registry>, index: usize, tail: Tail) -> Self {
        let seat = registry.seat(index);
        // SAFETY: (1) each worker is made once, by the thread that is going to be it; (2) here; (3) nothing
        // is pushed here.
        let seated = unsafe { Seated::new(seat) };
        seated.furnish(registry.sleep().word(), &registry.slot(index).counters);
        Self {
            seat: NonNull::from(seat),
            tail,
            index,
            rng: XorShift32::new(index),
            picks: Cell::new(start::PICKS),
            streak: Cell::new(0),
            batches: Batches::new(),
            along: Cell::new(None),
            forced_from: Cell::new(None),
            robbed: Cell::new(None),
            stamina: Stamina::new(),
            tops: (0..registry.len()).map(|_| Cell::default()).collect(),
            registry,
        }
    }

    /// The worker whose thread this is. The reference must not leave the thread, and `Worker`
    /// is not `Sync`, so it cannot.
    #[inline(always)]
    pub(crate) fn current<'a>() -> Option<&'a Self> {
        Seated::current().map(Seated::worker)
    }

    /// Makes this the thread's worker while `f` runs.
    pub(crate) fn enter(&self, f: impl FnOnce()) {
        let f = || {
            slab::enlist();
            f();
        };
        self.seated().enter(self, f, slab::retire);
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Whether a root is running on it, and so waiting for whoever asks.
    pub(crate) fn is_inside_a_root(&self) -> bool {
        self.registry.slot(self.index).running().any()
    }

    /// The root that is about to run was taken then, if that is told, along with others that are soon done.
    #[inline]
    pub(crate) fn takes_along(&self, taken: Option<Moment>) {
        self.along.set(taken);
    }

    /// When the root begins that is about to run.
    #[inline]
    pub(crate) fn root_begins(&self) -> Moment {
        self.along.take().unwrap_or_else(Moment::now)
    }

    /// Its seat. The reference must not leave the thread, and `Seated` cannot.
    #[inline(always)]
    pub(crate) fn seated(&self) -> Seated<'_> {
        // SAFETY: in the registry, which this worker keeps alive.
        let seat = unsafe { self.seat.as_ref() };
        // SAFETY: (1) a worker does not leave its thread; (2) see `Worker::new`; (3) its jobs run, and push,
        // inside `enter`.
        unsafe { Seated::new(seat) }
    }

    #[inline(always)]
    fn head(&self) -> &Head {
        self.seated().head()
    }

    #[inline(always)]
    fn word(&self) -> &Word {
        self.seated().word()
    }

    #[inline]
    fn counters(&self) -> &Counters {
        self.seated().counters()
    }

    /// Puts a job at the newest end of the local deque.
    #[inline(always)]
    pub(crate) fn push(&self, job: JobRef) {
        self.seated().push(job);
    }

    /// After a push: somebody may be hungry.
    pub(crate) fn answer(&self) {
        if fault::is(Fault::PushIgnoresDemand) {
            return;
        }
        if self.word().peek().eager() {
            // No barrier to force with: nothing may stay private.
            while self.publish_one() {}
            self.registry.sleep().announce();
        } else {
            self.publish_on_demand();
        }
    }

    /// If somebody is idle and finds nothing in the tail, the oldest private work goes there.
    fn publish_on_demand(&self) {
        let idle = self.word().peek();
        if idle.sleeping() + idle.searching() == 0 || !self.tail.is_empty() {
            return;
        }
        // In a recursion the oldest job is the largest, and one will do. Behind a wide scope
        // lie many small ones.
        let len = self.head().len();
        let published =
            if len > BUNDLE_SIZE as u64 { self.publish_bundle() } else { self.publish_one() };
        if published && !fault::is(Fault::PublishTellsNobody) {
            self.registry.sleep().announce();
        }
    }

    /// Moves the oldest private job to the tail. False if there was none.
    fn publish_one(&self) -> bool {
        let Some(job) = self.head().take_oldest() else { return false };
        self.tail.push(job);
        self.counters().publishes.add(1);
        true
    }

    /// Moves as many of the oldest to the tail as a bundle holds. False if thieves have taken all of
    /// them.
    fn publish_bundle(&self) -> bool {
        let jobs = self.head().take_oldest_n(BUNDLE_SIZE as u64);
        let Some((bundle, len)) = bundle::pack(jobs) else { return false };
        self.counters().publishes.add(len as u64);
        self.tail.push(bundle);
        true
    }

    /// Makes room: the older half goes to the tail.
    pub(crate) fn spill(&self) {
        self.spill_these(self.head().take_oldest_n(HEAD_CAPACITY as u64 / 2));
    }

    /// Moves jobs out of the head to the tail, in bundles, the oldest first.
    fn spill_these(&self, mut jobs: impl Iterator<Item = JobRef>) {
        while let Some((bundle, len)) = bundle::pack(jobs.by_ref()) {
            self.counters().spilled.add(len as u64);
            self.tail.push(bundle);
        }
        if !fault::is(Fault::SpillTellsNobody) {
            self.registry.sleep().announce();
        }
    }

    /// The fork that was the newest job of the head is about to run, inside a wait of its own frame's
    /// first branch. The frame will look for it by its index, so no other job may have that.
    #[cold]
    fn use_up_index(&self) {
        if !fault::is(Fault::ForkIndexReused) {
            self.spill_these(self.head().take_all_and_skip());
        }
    }

    /// The job at `header` is not the newest in the head. Looks for it in the own deque, running
    /// what is newer; if somebody has it, runs other jobs until `latch` is set.
    ///
    /// A job that left by force may leave *older* ones in the tail: those are found here
    /// first, and run.
    #[cold]
    #[inline(never)]
    pub(crate) fn wait_for(&self, header: NonNull<Header>, latch: &Latch) -> Waited {
        let _put_away = put_away(self.seated());
        hand::let_go();
        while !latch.is_set() {
            match self.take_newest(|fork| !fork.is(header)) {
                // The caller has its right back, and uses it.
                Some(job) if job.is(header) => return Waited::GotBack,
                Some(job) => self.run(job),
                None => self.run_until(latch, Role::Waiting),
            }
        }
        Waited::Done
    }

    /// The newest job of the own deque, to be run.
    #[inline]
    pub(crate) fn take_local(&self) -> Option<JobRef> {
        self.take_newest(|_| true)
    }

    /// The newest job of the own deque. `is_anothers`: of a fork, whether the frame that waits for it is
    /// not the caller's.
    #[inline]
    fn take_newest(&self, is_anothers: impl FnOnce(&JobRef) -> bool) -> Option<JobRef> {
        self.take_popped(self.head().pop_newest(), is_anothers)
    }

    /// The same, once the head has been asked.
    #[inline]
    fn take_popped(
        &self,
        popped: Option<JobRef>,
        is_anothers: impl FnOnce(&JobRef) -> bool,
    ) -> Option<JobRef> {
        let Some(job) = popped else { return self.tail.pop() };
        if job.is_fork() && is_anothers(&job) {
            self.use_up_index();
        }
        // As after a push: a worker that only takes must answer to demand as well.
        if !self.word().is_quiet() {
            self.publish_on_demand();
        }
        Some(job)
    }

    /// Runs the newest job of the own deque, after `popped` came out of the head. False if there is
    /// none.
    pub(super) fn run_popped(&self, popped: Option<JobRef>) -> bool {
        let job = self.take_popped(popped, |_| true);
        job.map(|job| self.run(job)).is_some()
    }

    #[inline]
    pub(crate) fn run(&self, job: JobRef) {
        if job.is_special() { self.run_special(job) } else { self.seated().run(job) }
    }

    #[inline(never)]
    fn run_special(&self, job: JobRef) {
        if job.is_bundle() { job.run() } else { self.seated().run(job) }
    }

    /// Runs jobs until `latch` is set: its own, newest first; then stolen ones; and when there
    /// are none, sleeps.
    pub(crate) fn run_until(&self, latch: &Latch, role: Role) {
        let _put_away = put_away(self.seated());
        if role == Role::Waiting {
            hand::let_go_for(latch);
        }
        while !latch.is_set() {
            let job = self.take_fair(role).or_else(|| self.take_local());
            let job = job.or_else(|| self.take_next_injected(role));
            let Some(job) = job.or_else(|| self.find(latch, role, None)) else { return };
            self.run_found(job);
        }
    }

    /// As [`run_until`](Self::run_until) in a wait, but begins no job after `deadline`. True if the
    /// latch is set.
    pub(crate) fn run_until_deadline(&self, latch: &Latch, deadline: Instant) -> bool {
        let _put_away = put_away(self.seated());
        hand::let_go_for(latch);
        while !latch.is_set() && Instant::now() < deadline {
            let job = self.take_local();
            let job = job.or_else(|| self.find(latch, Role::Waiting, Some(deadline)));
            if let Some(job) = job {
                self.run_found(job);
            }
        }
        latch.is_set()
    }

    /// Runs a job that may have been taken along.
    #[inline]
    fn run_found(&self, job: JobRef) {
        self.run(job);
        // It may have been of a root that was dropped unrun: what it was told is not for the next one.
        self.along.set(None);
    }

    /// Runs what is left in the own deque. That is nothing when a pool ends, unless an exit handler
    /// forks: then a worker may have taken a part of that, which forked on, just before it saw that
    /// it should end.
    pub(crate) fn run_dry(&self) {
        while let Some(job) = self.take_local() {
            self.run(job);
        }
    }

    /// In the main loop, now and then, what has waited longest.
    fn take_fair(&self, role: Role) -> Option<JobRef> {
        if role == Role::Waiting {
            return None;
        }
        let picks = self.picks.get().wrapping_add(1);
        self.picks.set(picks);
        if !picks.is_multiple_of(FAIR_INTERVAL) {
            return None;
        }
        let injected = || self.take_batched().or_else(|| self.take_injected());
        let stranded = || if LOOKS_FOR_STRANDED { self.take_stranded() } else { None };
        let job = self.take_inbox().or_else(stranded);
        job.or_else(injected).or_else(|| self.take_own_oldest())
    }

    /// Whether the job that runs may go on with what could be a job of its own. That counts as a pick, so
    /// that what has waited longest does not wait for more of them.
    pub(crate) fn goes_on(&self) -> bool {
        let picks = self.picks.get().wrapping_add(1);
        let goes_on = !picks.is_multiple_of(FAIR_INTERVAL);
        if goes_on {
            self.picks.set(picks);
        }
        goes_on
    }

    /// How often [`goes_on`](Self::goes_on) will be true in a row, if nothing else is picked meanwhile.
    pub(crate) fn goes_on_for(&self) -> usize {
        (FAIR_INTERVAL - 1 - self.picks.get() % FAIR_INTERVAL) as usize
    }

    /// The oldest job of the own deque, which newer ones could keep from running for ever.
    fn take_own_oldest(&self) -> Option<JobRef> {
        match self.registry.slot(self.index).stealer.steal() {
            Steal::Success(job) => Some(job),
            Steal::Retry => None,
            Steal::Empty => self.head().take_oldest(),
        }
    }

    /// One public job from anywhere, or of the own batch, without counting as a searcher.
    pub(crate) fn steal_public(&self, role: Role) -> Option<JobRef> {
        if let Some(job) = self.take_inbox().or_else(|| self.steal_tails().ok()) {
            return Some(job);
        }
        if let Some(job) = self.take_batched() {
            return Some(job);
        }
        if role == Role::Waiting {
            return self.take_injected();
        }
        self.take_some_injected(INJECTED_STREAK)
    }

    /// Of what a worker may have been woken for, what only it can run, and what it mostly is.
    fn take_when_woken(&self) -> Option<JobRef> {
        self.take_inbox().or_else(|| self.take_some_injected(INJECTED_STREAK))
    }

    fn take_inbox(&self) -> Option<JobRef> {
        let inbox = &self.registry.slot(self.index).inbox;
        // A look before the fence of a steal: it is empty unless there is a broadcast.
        if inbox.is_empty() {
            return None;
        }
        loop {
            match inbox.steal() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => spin_loop(),
            }
        }
    }

    /// One job from somebody's tail, or whether it is worth to look again.
    fn steal_tails(&self) -> Result<JobRef, Again> {
        let mut again = Again(false);
        for victim in self.victims() {
            let steal = self.registry.slot(victim).stealer.steal();
            self.count_failed(&steal);
            match steal {
                Steal::Success(job) => {
                    self.counters().steals_tail.add(1);
                    self.robbed.set(Some(victim));
                    span::steals("tail");
                    return Ok(job);
                }
                Steal::Empty => {}
                // Somebody else is at it: go on to the next victim.
                Steal::Retry => again = Again(true),
            }
        }
        Err(again)
    }

    /// All other workers, from a random one on.
    fn victims(&self) -> impl Iterator<Item = usize> {
        let (me, n) = (self.index, self.registry.len());
        let first = self.rng.below(n);
        (first..n).chain(0..first).filter(move |&victim| victim != me)
    }

    /// A job from elsewhere; sleeps while there is none. `None`: the latch is set, or the deadline has
    /// passed.
    #[cold]
    fn find(&self, latch: &Latch, role: Role, deadline: Option<Instant>) -> Option<JobRef> {
        // A new worker, and before it counts as a searcher.
        let looks = if self.stamina.begins() { FIRST_LOOKS } else { 0 };
        for _ in 0..looks {
            yield_now();
            let job = self.steal_public(role);
            if job.is_some() || latch.is_set() {
                return job;
            }
        }
        if let Some(job) = self.force_again().or_else(|| self.steal_public(role)) {
            return Some(job);
        }
        if role == Role::Waiting {
            for _ in 0..LINGER_ROUNDS {
                spin();
                let job = self.steal_public(role);
                if job.is_some() || latch.is_set() {
                    return job;
                }
            }
        }
        let sleep = self.registry.sleep();
        let queued = || !self.registry.injector().is_empty();
        let mut rounds = if looks != 0 { 0 } else { self.search_rounds(role) };
        let mut searching = rounds != 0 && sleep.try_search();
        // Mostly for a job from outside: so the global queue is where it looks first, after its inbox, and what else
        // there is it does not touch on its way there.
        let mut woken = false;
        self.robbed.set(None);
        loop {
            if searching {
                let mut watch = Watch::default();
                for round in 0..rounds {
                    let first = if woken { self.take_when_woken() } else { None };
                    woken = false;
                    let job = first.or_else(|| self.steal_public(role));
                    // Not for somebody whose wait is over: what is taken would have to be run first.
                    let still =
                        || if latch.is_set() { None } else { self.take_still(&mut watch, round) };
                    let job = job.or_else(still);
                    if job.is_some() || latch.is_set() {
                        if round != 0 {
                            self.stamina.found();
                        }
                        self.bring_another(sleep.leave_search(queued));
                        return job;
                    }
                    spin();
                }
            }
            let prepared = sleep.prepare(self.index, searching);
            if let Some(job) = self.last_look() {
                // A search might not have seen what only force can take.
                if self.forced_from.get().is_none() {
                    self.stamina.found();
                }
                self.bring_another(prepared.cancel(queued));
                return Some(job);
            }
            if role == Role::Main && searching {
                self.stamina.in_vain();
            }
            let fell_asleep = if role == Role::Main { self.stamina.falls_asleep() } else { None };
            self.counters().parks.add(1);
            span::parks();
            match prepared.sleep(latch, deadline, || self.registry.prefetch_for_woken(self.index)) {
                Woken::ByLatch | Woken::ByClock => return None,
                by @ (Woken::ToSearch | Woken::ToServe) => {
                    self.counters().wakes.add(1);
                    span::wakes();
                    // A searcher looks at least once, before it counts as asleep again.
                    if by == Woken::ToServe && role == Role::Main {
                        rounds = 1;
                        self.stamina.serves();
                    } else {
                        if let Some(fell_asleep) = fell_asleep {
                            self.stamina.slept(Instant::now() - fell_asleep);
                        }
                        rounds = self.search_rounds(role).max(1);
                    }
                    searching = true;
                    woken = role == Role::Main;
                }
            }
        }
    }

    /// A worker that waits for its own thief always looks for long: that is mostly about to end.
    fn search_rounds(&self, role: Role) -> u32 {
        if role == Role::Waiting { SEARCH_ROUNDS } else { self.stamina.rounds() }
    }

    /// Looks at **every** source of work; `None` means that there was none after the `heavy`
    /// in here. Whatever can hold a job must be looked at here, or its wake can be lost. (But for the own
    /// batch: only this worker fills it, and has just found it empty.)
    fn last_look(&self) -> Option<JobRef> {
        if fault::is(Fault::SleepNoLook) {
            return None;
        }
        loop {
            // Before the `heavy`: see `queue/head.rs`.
            for (victim, top) in self.tops.iter().enumerate() {
                top.set(self.tops_of(victim));
            }
            if !fault::is(Fault::SleepNoHeavy) {
                heavy();
            }
            if !fault::is(Fault::LookSkipsInbox)
                && let Some(job) = self.take_inbox()
            {
                return Some(job);
            }
            let skips_tails = fault::is(Fault::LookSkipsTails);
            let tails = if skips_tails { Err(Again(false)) } else { self.steal_tails() };
            let mut again = match tails {
                Ok(job) => return Some(job),
                Err(again) => again,
            };
            if !fault::is(Fault::LookSkipsInjector)
                && let Some(job) = self.take_injected()
            {
                return Some(job);
            }
            if !self.word().peek().eager() && !fault::is(Fault::NoForcedSteal) {
                for victim in self.victims() {
                    match self.force(victim, self.tops[victim].get()) {
                        Ok(job) => return Some(job),
                        // Its owner or another thief took one; there may be more behind it.
                        Err(Again(true)) => again = Again(true),
                        Err(Again(false)) => {}
                    }
                }
            }
            if again == Again(false) || fault::is(Fault::LookIgnoresRetry) {
                return None;
            }
            spin_loop();
        }
    }

    /// Once more from where the last job was taken by force, if there seems to be more.
    fn force_again(&self) -> Option<JobRef> {
        let victim = self.forced_from.take()?;
        let (head, batch) = (self.registry.head(victim), self.registry.batch(victim));
        if head.len_for_thief() + batch.len_for_thief() == 0 {
            None
        } else {
            self.force_from(victim)
        }
    }

    /// One job by force from that worker.
    #[inline(always)]
    fn force_from(&self, victim: usize) -> Option<JobRef> {
        let tops = self.tops_of(victim);
        if !fault::is(Fault::ForceNoHeavy) {
            heavy();
        }
        self.force(victim, tops).ok()
    }

    /// What [`force`](Self::force) needs, to be read before the `heavy`.
    fn tops_of(&self, victim: usize) -> [u64; 2] {
        [self.registry.head(victim).top(), self.registry.batch(victim).top()]
    }

    /// One job by force out of a head, or else out of a batch; or whether it is worth to look again.
    fn force(&self, victim: usize, [head, batch]: [u64; 2]) -> Result<JobRef, Again> {
        let steal = self.registry.head(victim).force(head);
        self.count_failed(&steal);
        let mut again = match steal {
            Steal::Success(job) => return Ok(self.forced(job, victim)),
            Steal::Empty => Again(false),
            Steal::Retry => Again(true),
        };
        if !fault::is(Fault::ForceSkipsBatch) {
            match self.registry.batch(victim).force(batch) {
                Steal::Success(job) => return Ok(self.forced_of_batch(job, victim)),
                Steal::Empty => {}
                Steal::Retry => {
                    self.counters().steals_lost.add(1);
                    again = Again(true);
                }
            }
        }
        Err(again)
    }

    fn forced(&self, job: JobRef, victim: usize) -> JobRef {
        self.counters().steals_forced.add(1);
        span::steals("head");
        self.forced_from.set(Some(victim));
        self.robbed.set(Some(victim));
        job
    }

    /// Whoever took it along has counted it as injected.
    fn forced_of_batch(&self, job: JobRef, victim: usize) -> JobRef {
        self.forced_from.set(Some(victim));
        job
    }

    /// After a look at another worker's queue.
    fn count_failed(&self, steal: &Steal<JobRef>) {
        match steal {
            Steal::Success(_) => {}
            Steal::Empty => self.counters().steals_empty.add(1),
            Steal::Retry => self.counters().steals_lost.add(1),
        }
    }
}

/// Between two rounds of a search.
fn spin() {
    (0..SPINS_PER_ROUND).for_each(|_| spin_loop());
}

/// Whether somebody else's exchange was in the way, so that there may be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Again(bool);
