//! What the clones of an executor share, and how its closures get into the pool and out of it.
//!
//! The closures wait in the [queue](super::queue). What the pool's own queues hold are *tickets*: a
//! ticket is the header of the core itself, and stands for a counted reference to it; so it costs no
//! memory, and many can be under way at a time.
//!
//! A queued closure is a root of the pool: it is counted in before it is pushed, and out when it has
//! ended. The executor has a [`Lifecycle`] of its own as well, as if it were a pool with one worker:
//! that *worker* exits when the executor is closed and empty.

use super::metrics::{Counts, Timings};
use super::queue::{All, Place, Pushed, Queue, Redeemed};
use crate::admission::RejectionPolicy;
use crate::job::cell::{self, Fate, Owner, Reason, Unclaimed};
use crate::job::party::{Entry, Handle};
use crate::job::{Header, JobRef};
use crate::pool::lifecycle::{Lifecycle, Passage};
use crate::pool::registry::{Registry, Running};
use crate::sync::{Arc, AtomicBool, Counter, Instant, Mutex, Ordering};
use crate::unwind::{self, Payload};
use crossbeam_utils::CachePadded;
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;

/// The shared part of an executor.
#[repr(C)]
pub(crate) struct Core {
    /// Of every ticket.
    ticket: Header,
    queue: Queue<Entry>,
    life: Lifecycle,
    registry: Arc<Registry>,
    pub(super) name: String,
    pub(super) policy: RejectionPolicy,
    slots: Box<[CachePadded<Slot>]>,
    counts: Mutex<Counts>,
    pub(super) built: Instant,
    /// The numbers of the closures that `shutdown_now` has handed out, and that still exist.
    handed_out: Mutex<HashSet<u64>>,
    any_handed_out: AtomicBool,
}

/// What one worker of the pool does for this executor.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) running: Running,
    pub(super) completed: Counter,
    pub(super) panicked: Counter,
    pub(super) timings: Option<Box<Timings>>,
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
            life: Lifecycle::new(1),
            slots: registry.slots().map(|_| CachePadded::new(slot())).collect(),
            registry,
            name,
            policy,
            counts: Mutex::default(),
            built: Instant::now(),
            handed_out: Mutex::default(),
            any_handed_out: AtomicBool::new(false),
        }
    }

    pub(super) fn queue(&self) -> &Queue<Entry> {
        &self.queue
    }

    pub(super) fn life(&self) -> &Lifecycle {
        &self.life
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
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
        let entered = this.enter(rooms);
        if entered != rooms {
            this.leave_pool(entered, Fate::Ran);
            return Pushed::Closed;
        }
        let at = this.slots[0].timings.is_some().then(Instant::now);
        let pushed = this.queue.push(rooms, place, displaces, |number| {
            let entered = this.life.enter();
            debug_assert!(entered.is_ok(), "who closes the gate has closed the queue before");
            make(Origin { core: this, number, site, at })
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

    /// Counts roots in. Fewer than asked for: the pool is shutting down.
    fn enter(&self, roots: usize) -> usize {
        for entered in 0..roots {
            if let Err(passage) = self.registry.lifecycle().enter() {
                self.registry.pass(passage);
                return entered;
            }
        }
        roots
    }

    /// Counts roots out of the pool.
    pub(super) fn leave_pool(&self, roots: usize, fate: Fate) {
        for _ in 0..roots {
            self.registry.leave(fate);
        }
    }

    /// One of the executor's own has ended.
    pub(super) fn leave(&self, fate: Fate) {
        self.pass(self.life.leave(fate));
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
            this.cancel_queued(All::ByTicket);
            return;
        }
        let Redeemed { entry, again, roots, told } = this.queue.redeem();
        if again {
            Self::submit_ticket(this);
        }
        drop(told);
        this.leave_pool(roots, Fate::Cancelled);
        if let Some(entry) = entry {
            entry.into_job().run();
        }
    }

    /// Drops everything that is queued.
    pub(super) fn cancel_queued(&self, what: All) {
        let emptied = self.queue.take_all(what);
        drop(emptied.told);
        self.leave_pool(emptied.roots, Fate::Cancelled);
        for (_, entry) in emptied.entries {
            entry.cancel(Reason::ShutDown);
        }
    }

    /// That closure is dropped by its handle: it leaves the queue at once.
    fn withdraw(&self, number: u64) {
        let (entry, told) = self.queue.remove(number);
        drop(told);
        if let Some(entry) = entry {
            // Finds the closure claimed.
            entry.into_job().run();
        }
    }

    /// Takes what is queued out of the executor and the pool, to be handed out.
    pub(super) fn hand_out(&self) -> Vec<Entry> {
        // Before the entries can end.
        // Relaxed: whoever gets one of them gets it from here, in order.
        self.any_handed_out.store(true, Ordering::Relaxed);
        let emptied = {
            // Over both, since an abort could end one between them.
            let mut handed_out = self.handed_out.lock().unwrap();
            let emptied = self.queue.take_all(All::ToKeep);
            handed_out.extend(emptied.entries.iter().map(|(number, _)| *number));
            emptied
        };
        drop(emptied.told);
        let len = emptied.entries.len();
        self.count(|counts| counts.cancelled += len as u64);
        self.leave_pool(emptied.roots, Fate::Cancelled);
        (0..len).for_each(|_| self.leave(Fate::Cancelled));
        emptied.entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Whether that closure has been handed out.
    fn is_handed_out(&self, number: u64) -> bool {
        self.any_handed_out.load(Ordering::Relaxed)
            && self.handed_out.lock().unwrap().contains(&number)
    }
}

/// [`Header::run`] of a ticket.
unsafe fn redeem(header: NonNull<Header>) {
    let core = header.cast::<Core>().as_ptr().cast_const();
    // SAFETY: `submit_ticket` gave this reference up, and the caller has the one right to it.
    let core = unsafe { Arc::from_raw(core) };
    // Here to the end: what runs may be the last that needs it.
    Core::redeem(&core);
}

/// Whence a closure comes.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    core: &'a Arc<Core>,
    number: u64,
    site: &'static Location<'static>,
    at: Option<Instant>,
}

/// The number of all closures that were never queued.
const NEVER_QUEUED: u64 = u64::MAX;

impl<'a> Origin<'a> {
    /// Of a closure that its submitter runs.
    pub(super) fn of_caller(core: &'a Arc<Core>, site: &'static Location<'static>) -> Self {
        Self { core, number: NEVER_QUEUED, site, at: None }
    }

    /// The closure's cell.
    pub(super) fn cell<F, T>(self, f: F) -> (Entry, Handle<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let Self { core, number, site, at } = self;
        let queued = (number != NEVER_QUEUED).then(|| Arc::clone(core));
        let stay = Stay { core: queued, number };
        let owner = Admission { core: NonNull::from(&**core), number, site, at };
        let closure = move || {
            stay.end();
            f()
        };
        // SAFETY: closure and value own what they use; for the owner see there.
        unsafe { cell::new(closure, owner) }
    }
}

/// A queued closure's own sign that it is queued, dropped with it if it does not run.
struct Stay {
    core: Option<Arc<Core>>,
    number: u64,
}

impl Stay {
    /// The closure runs: it has left the queue already.
    fn end(mut self) {
        self.core = None;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            core.withdraw(self.number);
        }
    }
}

/// The executor of a cell.
///
/// The pointer stays valid until [`Owner::ended`]: whoever uses an entry up holds a reference to the
/// core meanwhile, as a ticket, an executor, a `Task` or a [`Stay`].
#[derive(Clone, Copy)]
struct Admission {
    core: NonNull<Core>,
    number: u64,
    site: &'static Location<'static>,
    /// When it was submitted, if that is to be known.
    at: Option<Instant>,
}

// SAFETY: `Core` is `Sync`.
unsafe impl Send for Admission {}

impl Admission {
    fn core(&self) -> &Core {
        // SAFETY: see the type.
        unsafe { self.core.as_ref() }
    }

    /// Whether the executor counts it.
    fn counts(&self) -> bool {
        self.number != NEVER_QUEUED && !self.core().is_handed_out(self.number)
    }
}

impl Owner for Admission {
    /// A handle can be kept when the executor is gone.
    const OUTLIVES_HANDLE: bool = false;

    fn cancels(self) -> bool {
        let core = self.core();
        let cancelling = core.registry.lifecycle().is_cancelling() || core.life.is_cancelling();
        cancelling && self.counts()
    }

    fn run<T>(self, closure: impl FnOnce() -> T) -> Result<T, Payload> {
        struct End<'a>(&'a Running);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let core = self.core();
        // Else the caller runs it, or somebody to whom it was handed out.
        let Some(worker) = core.registry.own_worker() else { return unwind::catch(closure) };
        if !self.counts() {
            return unwind::catch(|| core.registry.run_root(self.site, closure));
        }
        let slot = &core.slots[worker.index()];
        let begun = self.at.map(|at| {
            let now = Instant::now();
            (now, now - at)
        });
        let result = unwind::catch(|| {
            slot.running.begin(self.site);
            let _end = End(&slot.running);
            core.registry.run_root(self.site, closure)
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

    fn unclaimed(self) -> Unclaimed {
        self.core().registry.unclaimed()
    }

    fn ended(self, fate: Fate) {
        let core = self.core();
        if self.number == NEVER_QUEUED {
            return;
        }
        // Taken off the list, as it ends here.
        let any = core.any_handed_out.load(Ordering::Relaxed);
        if any && core.handed_out.lock().unwrap().remove(&self.number) {
            return;
        }
        match fate {
            Fate::Ran => core.registry.leave(Fate::Ran),
            Fate::Cancelled => {
                core.count(|counts| counts.cancelled += 1);
                let roots = core.queue.cancelled();
                core.leave_pool(roots, Fate::Cancelled);
            }
        }
        core.leave(fate);
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("name", &self.name).finish_non_exhaustive()
    }
}
