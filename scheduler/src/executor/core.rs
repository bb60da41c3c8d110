//! What the clones of an executor share, and how its closures get into the pool and out of it.
//!
//! The closures wait in the [queue](super::queue). What the pool's own queues hold are *tickets*: a
//! ticket is the header of the core itself, and stands for a counted reference to it; so it costs no
//! memory, and many can be under way at a time.
//!
//! A queued closure is a root of the pool: it is counted in before it is pushed, and out when it has
//! ended. The executor has a [`Lifecycle`] of its own as well, as if it were a pool with one worker:
//! that *worker* exits when the executor is closed and empty.
//!
//! The core lives as long as an executor, a ticket, or a closure that was queued and has neither run nor been
//! dropped: for these the queue has a reference, its keeper.

use super::closure::Origin;
use super::metrics::{Counts, Timings};
use super::queue::{Next, Place, Pushed, Queue, Redeemed};
use crate::admission::RejectionPolicy;
use crate::job::cell::{Fate, Reason};
use crate::job::party::{Entry, Orphan};
use crate::job::{Header, JobRef};
use crate::pool::gate::{Passage, Stripe};
use crate::pool::lifecycle::Lifecycle;
use crate::pool::registry::Registry;
use crate::pool::running::Running;
use crate::pool::worker::Worker;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Counter, Instant, Mutex};
use crate::unwind;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

/// So many closures a worker runs one after the other, at most, before it looks at the pool's other work.
const RUN_AT_ONCE: usize = 16;

/// The shared part of an executor.
#[repr(C)]
pub(crate) struct Core {
    /// Of every ticket.
    ticket: Header,
    pub(super) queue: Queue<Entry, Arc<Core>>,
    pub(super) life: Lifecycle,
    pub(super) registry: Arc<Registry>,
    pub(super) name: String,
    pub(super) policy: RejectionPolicy,
    pub(super) slots: Box<[CachePadded<Slot>]>,
    counts: Mutex<Counts>,
    pub(super) built: Instant,
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
    /// Closures that it has run there, and not given back yet.
    has_run: Counter,
}

impl Core {
    pub(super) fn new(
        registry: Arc<Registry>,
        capacity: usize,
        name: String,
        policy: RejectionPolicy,
        timings: bool,
    ) -> Self {
        let slot = || Slot { timings: timings.then(Box::default), ..Slot::default() };
        Self {
            ticket: Header::new(redeem),
            queue: Queue::new(capacity, registry.len()),
            life: Lifecycle::in_pool(1, registry.len()),
            slots: registry.slots().map(|_| CachePadded::new(slot())).collect(),
            registry,
            name,
            policy,
            counts: Mutex::new(Counts::default()),
            built: Instant::now(),
        }
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

    /// Whether the calling thread is inside one of the executor's closures, as a worker.
    pub(super) fn is_inside(&self) -> bool {
        let worker = self.registry.own_worker();
        worker.is_some_and(|worker| self.slots[worker.index()].running.any())
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
        let stripe = this.stripe();
        let entered = (0..rooms).take_while(|_| this.registry.enter_on(stripe).is_ok()).count();
        if entered != rooms {
            this.leave_pool(entered, Fate::Ran);
            return Pushed::Closed;
        }
        let at = this.slots[0].timings.is_some().then(Instant::now);
        let keeper = || Arc::clone(this);
        let pushed = this.queue.push(rooms, place, displaces, keeper, |number| {
            let entered = this.life.enter(stripe);
            debug_assert!(entered.is_ok(), "who closes the gate has closed the queue before");
            make(Origin::of_queue(this, number, site, at))
        });
        match &pushed {
            Pushed::In { tickets, roots, .. } => {
                for _ in 0..*tickets {
                    Self::submit_ticket(this);
                }
                this.leave_pool(*roots, Fate::Cancelled);
            }
            Pushed::Full { .. } | Pushed::Closed => this.leave_pool(rooms, Fate::Ran),
        }
        pushed
    }

    /// Counts roots out of the pool.
    #[inline]
    pub(super) fn leave_pool(&self, roots: usize, fate: Fate) {
        for _ in 0..roots {
            self.registry.leave(fate);
        }
    }

    /// Where the calling thread counts, in the pool's gate and in the executor's.
    fn stripe(&self) -> Stripe {
        self.registry.stripe(self.registry.own_worker())
    }

    /// Counts a closure out of the pool and of the executor.
    pub(super) fn leave(&self, worker: Option<&Worker>, fate: Fate) {
        let stripe = self.registry.stripe(worker);
        match fate {
            Fate::Ran => self.registry.leave_on(stripe, Fate::Ran),
            Fate::Cancelled => {
                self.count(|counts| counts.cancelled += 1);
                self.leave_pool(self.queue.cancelled(), Fate::Cancelled);
            }
        }
        self.pass(self.life.leave(stripe, fate));
    }

    /// Does what a change of the executor's gate calls for.
    pub(super) fn pass(&self, passage: Passage) {
        if passage == Passage::LastOut {
            self.life.worker_exits();
        }
    }

    fn submit_ticket(this: &Arc<Self>) {
        let core = Arc::into_raw(Arc::clone(this)).cast_mut();
        // SAFETY: an `Arc` is not null.
        let header = unsafe { NonNull::new_unchecked(core) }.cast();
        // SAFETY: the reference that was just given up keeps the core alive until the ticket has run; a
        // core is `Sync`; the header's function is called once for each reference.
        let ticket = unsafe { JobRef::new(header) };
        this.registry.submit_root(ticket);
    }

    /// A ticket runs, on a worker; or on any thread if the pool is being cancelled.
    fn redeem(this: &Arc<Self>) {
        if this.registry.lifecycle().is_cancelling() {
            this.empty(true).for_each(|entry| entry.cancel(Reason::ShutDown));
            return;
        }
        let worker = this.registry.own_worker();
        let mut more = match worker {
            // On top of something that waits: it wants to go on.
            Some(worker) if worker.is_inside_a_root() => 0,
            Some(_) => RUN_AT_ONCE - 1,
            None => 0,
        };
        let Redeemed { entry, again, roots, told } = this.queue.redeem();
        if again {
            Self::submit_ticket(this);
        }
        drop(told);
        this.leave_pool(roots, Fate::Cancelled);
        let Some(entry) = entry else { return };
        let Some(worker) = worker else { return entry.into_job().run() };
        let slot = &*this.slots[worker.index()];
        slot.redeeming.add(1);
        entry.into_job().run();
        while more != 0 && worker.goes_on() {
            more -= 1;
            let Next { entry, roots, told, keeper } = this.queue.next(slot.take_has_run());
            drop((told, keeper));
            this.leave_pool(roots, Fate::Cancelled);
            let Some(entry) = entry else { break };
            worker.run(entry.into_job());
        }
        slot.redeeming.set(slot.redeeming.get() - 1);
        let has_run = slot.take_has_run();
        if has_run != 0 && !fault::is(Fault::RedeemKeeps) {
            drop(this.queue.give_back(has_run));
        }
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
            if slot.redeeming.get() != 0 {
                // `redeem` does it, which holds a reference of its own.
                return slot.has_run.add(1);
            }
        }
        // SAFETY: (1).
        let core = unsafe { Self::reference(this) };
        let keeper = core.queue.give_back(1);
        // One of them may be the last, and then takes the user's policy along.
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

    /// Takes everything out that is queued.
    fn empty(&self, by_ticket: bool) -> impl Iterator<Item = Entry> {
        let emptied = self.queue.take_all(by_ticket);
        drop(emptied.told);
        self.leave_pool(emptied.roots, Fate::Cancelled);
        emptied.entries.into_iter().map(|(_, entry)| entry)
    }

    /// Drops everything that is queued.
    pub(super) fn cancel_queued(&self) {
        self.empty(false).for_each(|entry| entry.cancel(Reason::ShutDown));
    }

    /// Takes back everything that is queued, oldest first.
    pub(super) fn take_back(&self) -> Vec<Orphan> {
        let orphan = |entry: Entry| entry.orphan().expect("it was queued, so it can leave");
        self.empty(false).map(orphan).collect()
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
        let keeper = core.queue.give_back(1);
        unwind::drop_quietly((keeper, core));
    }
}

impl Slot {
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
