//! Threads that come and go, and the queue between them and those who submit.
//!
//! # Protocol
//!
//! All state is under one lock. Four parties change it: who submits, who waits for room, the
//! threads, and who closes.
//!
//! ```text
//!   a thread:   (spawned) called --looks--> running --looks--> idle --> called --> …
//!                                              idle --its time is over--> leaving --> gone
//!                                              called, running --closed, nothing queued--> leaving
//!   a waiter:   waiting --room--> granted --redeems--> queued        waiting --gives up--> refused
//! ```
//!
//! - A thread is *called* when somebody counts on it to look at the queue: it was spawned for a job,
//!   or taken out of the idle list by whoever queued one. Who is called looks before it does anything
//!   else, also if its time is over by then. A thread that is busy may take the job before it.
//! - A thread that leaves is no longer *active* from the moment, under the lock, in which it decides so:
//!   nobody counts on it.
//! - Room is granted to who has waited longest, in the step in which it comes about, and is kept for
//!   it: a thread whose time is over stays as long as a grant counts on it. Who gives up looks whether
//!   it has been granted meanwhile, and uses it then.
//! - Threads are spawned under the lock. So nobody can count on a thread that is not spawned in the
//!   end. Where there is one already and no further one can be spawned, there is no growth.
//!
//! Invariant: while a job is queued, there are as many called threads as queued jobs, or no thread is
//! idle; and there is a called or running thread. While somebody waits, there is no room.
//!
//! Nothing of the user's runs under the lock.

use crate::latch::Latch;
use crate::park::Parker;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Instant, thread};
use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::time::Duration;
use std::{io, mem};

/// When a pool spawns a further thread, and when it queues.
///
/// # Examples
///
/// ```
/// use scheduler::{Elastic, Growth};
/// use std::sync::{Arc, Barrier};
///
/// // Three closures that run for a while: how many threads are there?
/// let threads = |growth| -> Result<usize, Box<dyn std::error::Error>> {
///     let pool = Elastic::builder().core_threads(1).max_threads(4).growth(growth).build()?;
///     let gate = Arc::new(Barrier::new(2));
///     let first = Arc::clone(&gate);
///     drop(pool.submit(move || first.wait())?);
///     (0..2).try_for_each(|_| pool.submit(|| ()).map(drop))?;
///     let threads = pool.metrics().largest;
///     gate.wait();
///     Ok(threads)
/// };
/// assert_eq!(threads(Growth::CoreQueueMax)?, 1);
/// assert!(threads(Growth::GrowFirst)? > 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Growth {
    /// An idle thread if there is one; else a new one, up to the maximum; else the queue.
    #[default]
    GrowFirst,
    /// As Java's `ThreadPoolExecutor`: below the core number a new thread, even if others are idle;
    /// else the queue; only if that is full a new thread, up to the maximum. With an unbounded queue
    /// there are never more threads than the core number (but always one, where that is 0).
    CoreQueueMax,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) core: usize,
    pub(crate) max: usize,
    pub(crate) capacity: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) core_times_out: bool,
    pub(crate) growth: Growth,
}

/// What becomes a job only when it is taken.
pub(crate) trait Package {
    type Job;
    /// What the submitter gets for it.
    type Receipt;
    fn site(&self) -> &'static Location<'static>;
    /// Runs under the lock.
    fn pack(self) -> (Self::Job, Self::Receipt);
}

/// Why a package was not taken.
#[derive(Debug)]
pub(crate) enum Refused<P> {
    /// There is no room; so many are queued.
    Full(P, usize),
    TimedOut(P),
    Closed(P),
    /// There is no thread, and none can be spawned.
    Spawn(P, io::Error),
}

/// What became of a package that may wait for room.
pub(crate) enum Admission<P: Package> {
    Taken(P::Receipt),
    Waits(P, Ticket),
    Refused(Refused<P>),
}

/// A place among those who wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// A moment's figures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) threads: usize,
    pub(crate) idle: usize,
    pub(crate) largest: usize,
    pub(crate) queued: usize,
    pub(crate) running: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct State<J> {
    queue: VecDeque<(J, &'static Location<'static>)>,
    /// By number; those that leave as well.
    threads: BTreeMap<usize, Seat>,
    /// Threads that do not leave.
    active: usize,
    largest: usize,
    /// The number of the next thread.
    next: usize,
    /// The newest last.
    idle: Vec<Idle>,
    called: usize,
    /// The oldest first.
    waiting: VecDeque<Waiting>,
    granted: usize,
    tickets: u64,
    closed: bool,
    /// Parties that are just dropping what they have taken out of the queue.
    cancelling: usize,
    /// The thread that has left last. It has joined the one before.
    last: Option<thread::JoinHandle<()>>,
    on_exit: Vec<Arc<Latch>>,
}

#[derive(Debug)]
struct Seat {
    thread: thread::JoinHandle<()>,
    called: bool,
    /// Where what it runs was submitted, and when it began.
    running: Option<(&'static Location<'static>, Instant)>,
}

#[derive(Debug)]
struct Idle {
    number: usize,
    parker: Arc<Parker>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    latch: Arc<Latch>,
}

/// Who has to be told when the lock is released.
#[derive(Default)]
#[must_use]
pub(super) struct Tell {
    threads: Vec<Arc<Parker>>,
    latches: Vec<Arc<Latch>>,
}

impl Tell {
    fn latches(latches: Vec<Arc<Latch>>) -> Self {
        Self { threads: Vec::new(), latches }
    }

    pub(super) fn now(self) {
        for thread in self.threads {
            thread.unpark();
        }
        for latch in self.latches {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *latch) };
        }
    }
}

/// Why a thread woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Woken {
    Called,
    /// Its time is over, and it is not active any more.
    Leaves,
    /// For nothing.
    Stays,
}

enum Step {
    Queue,
    Grow,
    Refuse,
}

impl<J> State<J> {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            threads: BTreeMap::new(),
            active: 0,
            largest: 0,
            next: 0,
            idle: Vec::new(),
            called: 0,
            waiting: VecDeque::new(),
            granted: 0,
            tickets: 0,
            closed: false,
            cancelling: 0,
            last: None,
            on_exit: Vec::new(),
        }
    }

    /// What is queued, or will be.
    fn pending(&self) -> usize {
        self.queue.len() + self.granted
    }

    /// Threads that look at the queue, or would if they were called.
    fn ready(&self) -> usize {
        self.idle.len() + self.called
    }

    fn has_room(&self, limits: &Limits) -> bool {
        let ready = self.ready();
        self.pending() < ready || self.pending() - ready < limits.capacity
    }

    fn step(&self, limits: &Limits) -> Step {
        let is_ready = self.pending() < self.ready();
        let grows = self.active < limits.max;
        match limits.growth {
            _ if self.active == 0 => Step::Grow,
            Growth::CoreQueueMax if self.active < limits.core => Step::Grow,
            _ if is_ready => Step::Queue,
            Growth::GrowFirst if grows => Step::Grow,
            _ if self.has_room(limits) => Step::Queue,
            _ if grows => Step::Grow,
            _ => Step::Refuse,
        }
    }

    /// Takes a package if there is room now.
    pub(super) fn admit<P: Package<Job = J>>(
        &mut self,
        limits: &Limits,
        package: P,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
        tell: &mut Tell,
    ) -> Result<P::Receipt, Refused<P>> {
        if self.closed {
            return Err(Refused::Closed(package));
        }
        match self.step(limits) {
            Step::Queue => Ok(self.queue(package, tell)),
            Step::Grow => match self.grow(spawn) {
                Ok(()) => Ok(self.queue(package, tell)),
                Err(error) if self.active == 0 => Err(Refused::Spawn(package, error)),
                Err(_) if self.has_room(limits) => Ok(self.queue(package, tell)),
                Err(_) => Err(Refused::Full(package, self.queued())),
            },
            Step::Refuse => Err(Refused::Full(package, self.queued())),
        }
    }

    /// A new thread, which is called.
    fn grow(
        &mut self,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> io::Result<()> {
        let thread = spawn(self.next)?;
        self.threads.insert(self.next, Seat { thread, called: true, running: None });
        self.next += 1;
        self.called += 1;
        self.active += 1;
        self.largest = self.largest.max(self.active);
        Ok(())
    }

    fn queue<P: Package<Job = J>>(&mut self, package: P, tell: &mut Tell) -> P::Receipt {
        let site = package.site();
        let (job, receipt) = package.pack();
        self.queue.push_back((job, site));
        if self.queue.len() > self.called
            && let Some(idle) = self.idle.pop()
        {
            self.call(&idle);
            tell.threads.push(idle.parker);
        }
        receipt
    }

    fn call(&mut self, idle: &Idle) {
        self.called += 1;
        self.seat(idle.number).called = true;
    }

    /// Whether the thread has been called. It looks now.
    fn answer(&mut self, number: usize) -> bool {
        let called = mem::take(&mut self.seat(number).called);
        self.called -= usize::from(called);
        called
    }

    fn seat(&mut self, number: usize) -> &mut Seat {
        self.threads.get_mut(&number).expect("a thread has its seat until it leaves")
    }

    /// Gives room to those who wait for it.
    fn grant(&mut self, limits: &Limits, tell: &mut Tell) {
        while self.has_room(limits)
            && let Some(waiting) = self.waiting.pop_front()
        {
            self.granted += usize::from(!fault::is(Fault::GrantUncounted));
            if !fault::is(Fault::GrantTellsNobody) {
                tell.latches.push(waiting.latch);
            }
        }
    }

    /// A waiter's latch is set, or its time is over.
    pub(super) fn redeem<P: Package<Job = J>>(
        &mut self,
        package: P,
        ticket: Ticket,
        tell: &mut Tell,
    ) -> Result<P::Receipt, Refused<P>> {
        let place = self.waiting.iter().position(|waiting| waiting.ticket == ticket);
        match place {
            Some(place) => _ = self.waiting.remove(place),
            None => self.granted = self.granted.saturating_sub(1),
        }
        if self.closed {
            return Err(Refused::Closed(package));
        }
        if place.is_some() {
            return Err(Refused::TimedOut(package));
        }
        Ok(self.queue(package, tell))
    }

    /// A waiter for whom there is no room.
    pub(super) fn enlist(&mut self, latch: &Arc<Latch>) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.push_back(Waiting { ticket, latch: Arc::clone(latch) });
        ticket
    }

    /// Takes a package for which there is no room in place of the oldest job that is queued.
    pub(super) fn displace<P: Package<Job = J>>(
        &mut self,
        package: P,
        tell: &mut Tell,
    ) -> Result<(P::Receipt, J), P> {
        match self.queue.pop_front() {
            Some((oldest, _)) => Ok((self.queue(package, tell), oldest)),
            None => Err(package),
        }
    }

    /// A thread has run what it had, or begins.
    pub(super) fn arrive(&mut self, number: usize) {
        self.seat(number).running = None;
        self.answer(number);
    }

    /// The next job for a thread.
    pub(super) fn take(&mut self, number: usize, limits: &Limits, tell: &mut Tell) -> Option<J> {
        let (job, site) = self.queue.pop_front()?;
        self.seat(number).running = Some((site, Instant::now()));
        self.grant(limits, tell);
        Some(job)
    }

    /// There is nothing for a thread. False: it is to leave, and is not active any more.
    pub(super) fn rest(
        &mut self,
        number: usize,
        parker: &Arc<Parker>,
        limits: &Limits,
        tell: &mut Tell,
    ) -> bool {
        if self.closed {
            self.active -= 1;
            return false;
        }
        self.idle.push(Idle { number, parker: Arc::clone(parker) });
        self.grant(limits, tell);
        true
    }

    /// A thread looks again, since its time is over or since something woke it.
    pub(super) fn wake(&mut self, number: usize, is_over: bool, limits: &Limits) -> Woken {
        let ignores_call = is_over && fault::is(Fault::ExpiryIgnoresCall);
        if self.answer(number) && !ignores_call {
            return Woken::Called;
        }
        let leaves = is_over && self.may_leave(limits) || ignores_call;
        self.idle.retain(|idle| idle.number != number);
        if leaves {
            self.active -= usize::from(!fault::is(Fault::ExpiryStaysCounted));
            return Woken::Leaves;
        }
        Woken::Stays
    }

    /// Whether the time of an idle thread runs.
    pub(super) fn is_surplus(&self, limits: &Limits) -> bool {
        limits.core_times_out || self.active > limits.core
    }

    /// Whether an idle thread may leave now: nobody with a grant counts on it.
    fn may_leave(&self, limits: &Limits) -> bool {
        let is_counted_on = self.pending() >= self.ready() && !fault::is(Fault::ExpiryIgnoresGrant);
        self.is_surplus(limits) && !is_counted_on
    }

    /// A thread is gone, but for the end of its function. The thread before it comes back, to be joined
    /// before anybody is told.
    pub(super) fn leave(&mut self, number: usize) -> (Option<thread::JoinHandle<()>>, Tell) {
        let seat = self.threads.remove(&number).expect("a thread leaves once");
        (self.last.replace(seat.thread), self.tell_of_end())
    }

    pub(super) fn close(&mut self, tell: &mut Tell) {
        self.closed = true;
        for idle in mem::take(&mut self.idle) {
            self.call(&idle);
            if !fault::is(Fault::CloseForgetsIdle) {
                tell.threads.push(idle.parker);
            }
        }
        if !fault::is(Fault::CloseForgetsWaiting) {
            // They find themselves still waiting, and take themselves out.
            tell.latches.extend(self.waiting.iter().map(|waiting| Arc::clone(&waiting.latch)));
        }
    }

    /// What is queued, for the caller, who comes back to [`cancelled`](Self::cancelled).
    pub(super) fn cancel(&mut self) -> Vec<J> {
        self.cancelling += 1;
        self.queue.drain(..).map(|(job, _)| job).collect()
    }

    /// What was taken out is gone.
    pub(super) fn cancelled(&mut self) -> Tell {
        self.cancelling -= 1;
        self.tell_of_end()
    }

    /// Has `latch` set at the end. False: it has come already.
    pub(super) fn watch_end(&mut self, latch: &Arc<Latch>) -> bool {
        if self.has_ended() {
            return false;
        }
        self.on_exit.push(Arc::clone(latch));
        true
    }

    /// Closed, without threads, and nothing is just being cancelled.
    fn has_ended(&self) -> bool {
        self.closed && self.threads.is_empty() && self.cancelling == 0
    }

    fn tell_of_end(&mut self) -> Tell {
        Tell::latches(if self.has_ended() { mem::take(&mut self.on_exit) } else { Vec::new() })
    }

    /// The thread that has left last, to be joined.
    pub(super) fn take_last(&mut self) -> Option<thread::JoinHandle<()>> {
        self.last.take()
    }

    /// Without what has been handed to a thread that is just waking up.
    fn queued(&self) -> usize {
        self.queue.len().saturating_sub(self.called)
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            threads: self.active,
            idle: self.idle.len(),
            largest: self.largest,
            queued: self.queued(),
            running: self.running().count(),
        }
    }

    /// What runs now, by the threads' numbers, and since when.
    pub(super) fn running(
        &self,
    ) -> impl Iterator<Item = (usize, &'static Location<'static>, Instant)> {
        self.threads.iter().filter_map(|(number, seat)| {
            let (site, begun) = seat.running?;
            Some((*number, site, begun))
        })
    }
}
