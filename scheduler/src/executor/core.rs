//! What the clones of an executor share, and how its closures get into the pool and out of it.
//!
//! The closures wait in the [queue](super::queue). What the pool's own queues hold are *tickets*: a
//! ticket is the header of the core itself, and stands for a counted reference to it; so it costs no
//! memory, and many can be under way at a time.
//!
//! While it has closures, or tickets, an executor counts as one root of the pool; when the pool closes, each
//! closure does ([`Front::pool_closes`]). The executor has a [`Lifecycle`] of its own as well, as if it were a
//! pool with one worker: that *worker* exits when the executor is closed and empty.
//!
//! A worker that has redeemed a ticket runs several entries, of which it takes more at a time the shorter they
//! are. It tells the queue of those that have run when it comes for the next, so that they cost no count of
//! their own.
//!
//! The core lives as long as an executor, a ticket, or a closure that was queued and has neither run nor been
//! dropped: for these the queue has a reference, its keeper.

use super::closure::{Origin, Source};
use super::metrics::{Counts, Timings};
use super::pace::{Pace, RUN_AT_ONCE};
use super::queue::{After, Figures, Locked, Place, Pushed, Queue, Redeemed};
use crate::admission::RejectionPolicy;
use crate::job::cell::Reason;
use crate::job::party::{Entry, Orphan};
use crate::job::{Header, JobRef, hand};
use crate::pool::fronts::Front;
use crate::pool::lifecycle::Lifecycle;
use crate::pool::registry::Registry;
use crate::pool::running::Running;
use crate::pool::worker::Worker;
use crate::pool::{carried, held};
use crate::span::Submission;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Counter, Instant, Mutex};
use crate::unwind::{self, Payload};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

/// The shared part of an executor.
#[repr(C)]
pub(crate) struct Core {
    /// Of every ticket.
    ticket: Header,
    pub(super) queue: Queue<Entry, Arc<Core>>,
    pub(super) life: Lifecycle,
    pub(super) registry: Arc<Registry>,
    /// Whether closures are timed. Here, as each worker writes its slot's lines for each closure.
    timings: bool,
    pub(super) name: String,
    pub(super) policy: RejectionPolicy,
    pub(super) slots: Box<[CachePadded<Slot>]>,
    counts: CachePadded<Mutex<Counts>>,
    pub(super) built: Instant,
    /// While one thread drops the core, another that closes the pool may still lock the queue: the `&mut` of the
    /// drop must not say that it is alone.
    _shared: PhantomPinned,
}

/// What one worker of the pool does for this executor.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) running: Running,
    pub(super) completed: Counter,
    pub(super) panicked: Counter,
    pub(super) timings: Option<Box<Timings>>,
    /// How many calls of [`Core::redeem`] the worker is in.
    redeeming: Counter,
    /// Closures that it has run there, and not told the queue of yet.
    has_run: Counter,
    /// How many entries it takes at a time.
    pub(super) stride: Counter,
}

impl Core {
    pub(super) fn new(
        registry: Arc<Registry>,
        capacity: usize,
        name: String,
        policy: RejectionPolicy,
        timings: bool,
    ) -> Arc<Self> {
        let slot = || Slot { timings: timings.then(Box::default), ..Slot::default() };
        let core = Arc::new(Self {
            ticket: Header::new(redeem),
            queue: Queue::new(capacity, registry.len()),
            life: Lifecycle::in_pool(1, 0),
            slots: registry.slots().map(|_| CachePadded::new(slot())).collect(),
            registry,
            name,
            policy,
            timings,
            counts: CachePadded::default(),
            built: Instant::now(),
            _shared: PhantomPinned,
        });
        let front: NonNull<Self> = NonNull::from(&*core);
        // SAFETY: it is removed when it is dropped.
        if !unsafe { core.registry.fronts().add(front) } {
            core.pool_closes();
        }
        core
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map(|slot| &**slot)
    }

    /// Counts something that does not happen on every submission.
    pub(super) fn count(&self, f: impl FnOnce(&mut Counts)) {
        f(&mut self.counts.lock().unwrap());
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap()
    }

    /// Whether the calling thread is inside one of the executor's closures, as a worker, or drops one, or its value, or
    /// drops one of the pool: it cannot wait for the executor to end. (The pool's may be what the executor's ticket is
    /// queued behind.)
    pub(super) fn is_inside(&self) -> bool {
        let inside = |slot: &Slot| slot.running.any() || slot.redeeming.get() != 0;
        let worker = self.registry.own_worker();
        worker.is_some_and(|worker| inside(&self.slots[worker.index()]))
            || held::contains(self)
            || self.registry.lifecycle().is_cancelling() && held::contains(&*self.registry)
    }

    /// Submits one closure, which `make` makes under the queue's lock. Mostly that is all that there is to know of
    /// it; then nothing comes back.
    #[inline]
    pub(super) fn push_one(
        this: &Arc<Self>,
        mut make: impl FnMut(Origin) -> Entry,
        site: &'static Location<'static>,
    ) -> Result<(), Pushed<Entry>> {
        // Not under the lock: a subscriber may submit something, too.
        let source = Source::of_queue(this, site);
        let mut make = |number| make(Origin::new(&source, Some(number)));
        match this.queue.push_quickly(&mut make) {
            Ok(()) => Ok(()),
            Err(locked) => Err(Self::push_locked(this, locked, 1, None, false, make)),
        }
    }

    /// Submits as many closures as `rooms` says, all or none. `make` is called under the queue's lock.
    pub(super) fn push(
        this: &Arc<Self>,
        rooms: usize,
        place: Option<&Place>,
        displaces: bool,
        mut make: impl FnMut(Origin) -> Entry,
        site: &'static Location<'static>,
    ) -> Pushed<Entry> {
        let source = Source::of_queue(this, site);
        let make = |number| make(Origin::new(&source, Some(number)));
        Self::push_locked(this, this.queue.lock(), rooms, place, displaces, make)
    }

    #[inline(never)]
    fn push_locked(
        this: &Arc<Self>,
        locked: Locked<'_, Entry, Arc<Self>>,
        rooms: usize,
        place: Option<&Place>,
        displaces: bool,
        make: impl FnMut(u64) -> Entry,
    ) -> Pushed<Entry> {
        let keeper = || Arc::clone(this);
        let enter = || {
            let entered = this.registry.enter();
            debug_assert!(entered.is_ok(), "who closes the gate has told the queue before");
        };
        let pushed = this.queue.push(locked, rooms, place, displaces, keeper, enter, make);
        if let Pushed::In { tickets, .. } = &pushed {
            for _ in 0..*tickets {
                Self::submit_ticket(this);
            }
        }
        pushed
    }

    /// Whether it is to be known when closures come.
    #[inline]
    pub(super) fn is_timed(&self) -> bool {
        self.timings
    }

    /// When closures come that are submitted now, if that is to be known.
    #[inline]
    pub(super) fn now(&self) -> Option<Instant> {
        self.is_timed().then(Instant::now)
    }

    /// What closures that are submitted now note for their spans.
    #[inline]
    pub(super) fn span(&self, site: &'static Location<'static>) -> Submission {
        Submission::new("executor", Some(&self.name), site)
    }

    /// Does what a step of the queue calls for, and hands the keeper on. The caller keeps the core.
    #[inline]
    #[must_use]
    fn follow(&self, after: After<Arc<Self>>) -> Option<Arc<Self>> {
        drop(after.told);
        for _ in 0..after.roots {
            self.registry.leave(after.fate);
        }
        if after.ended {
            self.life.worker_exits();
        }
        after.keeper
    }

    /// Refuses what comes from now on. What there was just before, without what had ended.
    pub(super) fn close(&self) -> Figures {
        let (before, after) = self.queue.close(|| self.untold());
        drop(self.follow(after));
        before
    }

    /// Of this moment, without what has ended.
    pub(super) fn not_ended(&self) -> Figures {
        self.queue.figures_without(|| self.untold())
    }

    /// Closures that have run, and of which the queue has not been told. Under its lock.
    fn untold(&self) -> usize {
        self.slots().map(|slot| slot.has_run.get() as usize).sum()
    }

    /// A closure has ended that did not run.
    pub(super) fn cancelled(&self) {
        let keeper = self.follow(self.queue.cancelled());
        debug_assert!(keeper.is_none(), "it has not been given back");
    }

    fn submit_ticket(this: &Arc<Self>) {
        let core = Arc::into_raw(Arc::clone(this)).cast_mut();
        // SAFETY: an `Arc` is not null.
        let header = unsafe { NonNull::new_unchecked(core) }.cast();
        // SAFETY: the reference that was just given up keeps the core alive until the ticket has run; a
        // core is `Sync`; the header's function is called once for each reference; a core is no fork.
        let ticket = unsafe { JobRef::new(header) };
        this.registry.submit_root(ticket);
    }

    /// A ticket runs, on a worker; or on any thread if the pool is being cancelled.
    fn redeem(this: &Arc<Self>) {
        if this.registry.lifecycle().is_cancelling() {
            return this.cancel_all(true);
        }
        let worker = this.registry.own_worker();
        // On top of something that waits, one entry has to do: what waits wants to go on.
        let alone = worker.is_none_or(Worker::is_inside_a_root);
        let mut pace = worker.map(|worker| Pace::new(worker, &this.slots[worker.index()]));
        let most = match &pace {
            Some(pace) if !alone => pace.stride(RUN_AT_ONCE),
            _ => 1,
        };
        let Redeemed { entry, again, leased, after } =
            this.queue.redeem(worker.map(Worker::index), most, Entry::prefetch);
        if again {
            Self::submit_ticket(this);
        }
        let Some(entry) = entry else { return drop(this.follow(after)) };
        let Some(pace) = &mut pace else {
            this.dropping(|| drop(this.follow(after)));
            return entry.into_job().run();
        };
        let Pace { worker, slot, .. } = *pace;
        // Before those are told who wait for room: they may shut the executor down, with this one in it.
        slot.redeeming.add(1);
        drop(this.follow(after));
        if leased != 0 {
            pace.begin();
        }
        entry.into_job().run();
        let leaves = !alone && this.run_on(pace, leased);
        // It may have been of one that was dropped unrun.
        worker.takes_along(None);
        slot.redeeming.set(slot.redeeming.get() - 1);
        if fault::is(Fault::RedeemKeeps) {
            slot.take_has_run();
        } else if leaves || slot.has_run.get() != 0 {
            let has_run = || slot.take_has_run();
            drop(this.follow(this.queue.pause(worker.index(), has_run)));
        }
    }

    /// After a ticket's entry, runs others for which there is no ticket, first those that have been leased. Whether
    /// some are left in the lease.
    fn run_on(&self, pace: &mut Pace<'_>, mut leased: usize) -> bool {
        let Pace { worker, slot, .. } = *pace;
        let mut more = RUN_AT_ONCE - 1;
        while more != 0 && worker.goes_on() {
            let mut entry = None;
            if leased != 0 {
                leased -= 1;
                entry = self.queue.begin(worker.index());
            }
            if entry.is_none() {
                pace.have_run();
                let (stride, has_run) = (pace.stride(more), || slot.take_has_run());
                let next = self.queue.next(worker.index(), has_run, stride, Entry::prefetch);
                drop(self.follow(next.after));
                (entry, leased) = (next.entry, next.leased);
                if entry.is_some() {
                    pace.begin();
                }
            }
            let Some(entry) = entry else { return false };
            more -= 1;
            worker.takes_along(pace.along());
            worker.run(entry.into_job());
        }
        pace.have_run();
        leased != 0
    }

    /// A closure that was queued has run, on that worker of the pool or on another thread.
    ///
    /// # Safety
    ///
    /// 1. `this` is of an `Arc`, and the closure has not been given back yet.
    pub(super) unsafe fn has_run(this: NonNull<Self>, worker: Option<&Worker>) {
        // SAFETY: (1): the queue's keeper keeps the core alive.
        let core = unsafe { this.as_ref() };
        if let Some(worker) = worker {
            let slot = &core.slots[worker.index()];
            // Not on top of another one of the executor's, which may run any number of them before it ends.
            if slot.redeeming.get() != 0 && !slot.running.any() {
                // `redeem` tells the queue, and holds a reference of its own.
                return slot.has_run.add(1);
            }
        }
        // SAFETY: (1).
        let core = unsafe { Self::reference(this) };
        let keeper = core.follow(core.queue.has_run(1));
        // One of them may be the last, and then takes the user's policy along.
        unwind::drop_quietly((keeper, core));
    }

    /// A closure that was taken back has run.
    ///
    /// # Safety
    ///
    /// 1. As [`has_run`](Self::has_run).
    pub(super) unsafe fn give_back(this: NonNull<Self>) {
        // SAFETY: (1): the queue's keeper is such a reference.
        let core = unsafe { Self::reference(this) };
        let keeper = core.queue.give_back();
        unwind::drop_quietly((keeper, core));
    }

    /// # Safety
    ///
    /// 1. `this` is of an `Arc` of which there is a reference.
    unsafe fn reference(this: NonNull<Self>) -> Arc<Self> {
        // SAFETY: (1).
        let borrowed = unsafe { Arc::from_raw(this.as_ptr().cast_const()) };
        Arc::clone(&ManuallyDrop::new(borrowed))
    }

    /// Whether closures are dropped that have not begun.
    #[inline]
    pub(super) fn cancels(&self) -> bool {
        self.registry.lifecycle().is_cancelling() || self.life.is_cancelling()
    }

    /// Runs a closure that was queued, and counts it. `at`: when it was submitted, if that is to be known.
    pub(super) fn run<T>(
        &self,
        site: &'static Location<'static>,
        at: Option<Instant>,
        closure: impl FnOnce() -> T,
    ) -> Result<T, Payload> {
        struct End<'a>(&'a Running);
        impl Drop for End<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.end();
            }
        }
        // Run by somebody who is no worker, or of another pool.
        let Some(worker) = self.registry.own_worker() else { return unwind::catch(closure) };
        let slot = &*self.slots[worker.index()];
        let begun = at.map(|at| {
            let now = Instant::now();
            (now, now - at)
        });
        let result = unwind::catch(|| {
            let begun = worker.root_begins();
            slot.running.begin(site, begun);
            let _end = End(&slot.running);
            self.registry.run_root_since(site, worker, begun, closure)
        });
        if result.is_ok() {
            slot.completed.add(1)
        } else {
            slot.panicked.add(1)
        }
        if let (Some(timings), Some((begun, waited))) = (&slot.timings, begun) {
            timings.record(waited, Instant::now() - begun);
        }
        result
    }

    /// Takes everything out that is queued.
    fn empty(&self, by_ticket: bool) -> (impl Iterator<Item = Entry>, After<Arc<Self>>) {
        let (entries, after) = self.queue.take_all(by_ticket);
        (entries.into_iter().map(|(_, entry)| entry), after)
    }

    /// Drops everything that is queued.
    pub(super) fn cancel_queued(&self) {
        self.cancel_all(false);
    }

    fn cancel_all(&self, by_ticket: bool) {
        let (entries, after) = self.empty(by_ticket);
        // Who is told may wait for one of them.
        let first = || drop(self.follow(after));
        self.dropping(|| hand::cancel_each(entries, Reason::ShutDown, first));
    }

    /// Drops these, which have left the queue.
    pub(super) fn cancel(&self, entries: impl IntoIterator<Item = Entry>, reason: Reason) {
        self.dropping(|| hand::cancel_each(entries, reason, || ()));
    }

    /// Runs what had to leave the queue for the caller's own. It is no part of the caller's task.
    pub(super) fn run_all(&self, displaced: Vec<Entry>) {
        let run = |entry: Entry| carried::run_apart(|| entry.into_job().run());
        // What they return may be dropped here, before they count as ended.
        self.dropping(|| displaced.into_iter().for_each(run));
    }

    /// Runs `f`, which drops closures of the executor's unrun. Each is counted out when it has been dropped: its
    /// destructor cannot wait for the executor to end, nor for the pool, of which the executor is a root.
    pub(super) fn dropping<R>(&self, f: impl FnOnce() -> R) -> R {
        held::with(self, || held::with(&*self.registry, f))
    }

    /// Takes back everything that is queued, oldest first.
    pub(super) fn take_back(&self) -> Vec<Orphan> {
        let orphan = |entry: Entry| entry.orphan().expect("it was queued, so it can leave");
        let (entries, after) = self.empty(false);
        let orphans = entries.map(orphan).collect();
        drop(self.follow(after));
        orphans
    }

    /// That closure is dropped unrun: if it is still queued, it leaves at once.
    ///
    /// # Safety
    ///
    /// 1. As [`has_run`](Self::has_run).
    pub(super) unsafe fn withdraw(this: NonNull<Self>, number: u64) {
        // SAFETY: (1): the queue's keeper is such a reference.
        let core = unsafe { Self::reference(this) };
        let (entry, told) = core.queue.remove(number);
        drop(told);
        if let Some(entry) = entry {
            // Finds the closure claimed.
            entry.into_job().run();
        }
        if fault::is(Fault::StayKeeps) {
            return;
        }
        let keeper = core.queue.give_back();
        unwind::drop_quietly((keeper, core));
    }
}

impl Front for Core {
    fn pool_closes(&self) {
        self.queue.pool_closes(|more| self.registry.enter_more(more));
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.registry.fronts().remove(NonNull::from(&*self).cast());
    }
}

impl Slot {
    /// Under the queue's lock, so that who looks there counts no closure twice.
    fn take_has_run(&self) -> usize {
        let has_run = self.has_run.get();
        self.has_run.set(0);
        has_run as usize
    }
}

/// [`Header::run`] of a ticket.
unsafe fn redeem(header: NonNull<Header>) {
    let core = header.cast::<Core>().as_ptr().cast_const();
    // SAFETY: `submit_ticket` gave this reference up, and the caller has the one right to it.
    let core = unsafe { Arc::from_raw(core) };
    Core::redeem(&core);
    // It may be the last, and then takes the user's policy along.
    unwind::drop_quietly(core);
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("name", &self.name).finish_non_exhaustive()
    }
}
