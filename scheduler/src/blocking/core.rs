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
use crate::sync::{Arc, Instant, Mutex, thread};
use std::collections::{BTreeMap, VecDeque};
use std::panic::Location;
use std::time::Duration;
use std::{io, mem};

/// When a pool spawns a further thread, and when it queues.
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

/// How long a thread whose time is over stays at least for those who have been granted room, which
/// are about to come. Shorter, and it looks again and again; longer, it leaves later than it should.
const GRANT: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Core<J> {
    limits: Limits,
    state: Mutex<State<J>>,
}

#[derive(Debug)]
struct State<J> {
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
    running: Option<&'static Location<'static>>,
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
struct Tell {
    threads: Vec<Arc<Parker>>,
    latches: Vec<Arc<Latch>>,
}

impl Tell {
    fn now(self) {
        for thread in self.threads {
            thread.unpark();
        }
        for latch in self.latches {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *latch) };
        }
    }
}

enum Step {
    Queue,
    Grow,
    Refuse,
}

impl<J> State<J> {
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

    fn admit<P: Package<Job = J>>(
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
                Err(_) => Err(Refused::Full(package, self.queue.len())),
            },
            Step::Refuse => Err(Refused::Full(package, self.queue.len())),
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

    fn redeem<P: Package<Job = J>>(
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

    fn has_ended(&self) -> bool {
        self.closed && self.threads.is_empty() && self.cancelling == 0
    }

    /// Who has to be told of the end, if this is it.
    fn take_waiters_of_exit(&mut self) -> Vec<Arc<Latch>> {
        if self.has_ended() { mem::take(&mut self.on_exit) } else { Vec::new() }
    }

    /// Whether the time of an idle thread runs.
    fn is_surplus(&self, limits: &Limits) -> bool {
        limits.core_times_out || self.active > limits.core
    }

    /// Whether an idle thread may leave now: nobody with a grant counts on it.
    fn may_leave(&self, limits: &Limits) -> bool {
        let is_counted_on = self.pending() >= self.ready() && !fault::is(Fault::ExpiryIgnoresGrant);
        self.is_surplus(limits) && !is_counted_on
    }
}

impl<J> Core<J> {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
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
        };
        Self { limits, state: Mutex::new(state) }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs `f` under the lock, and tells whom it says after that.
    fn with<R>(&self, f: impl FnOnce(&mut State<J>, &Limits, &mut Tell) -> R) -> R {
        let mut tell = Tell::default();
        let result = f(&mut self.state.lock().unwrap(), &self.limits, &mut tell);
        tell.now();
        result
    }

    /// Takes a package if there is room now. `spawn` gets a number, and spawns a thread that
    /// [serves](Self::next) under it.
    pub(crate) fn admit<P: Package<Job = J>>(
        &self,
        package: P,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<P::Receipt, Refused<P>> {
        self.with(|state, limits, tell| state.admit(limits, package, spawn, tell))
    }

    /// As [`admit`](Self::admit); without room the caller is now among those who wait for it, and
    /// its latch will be set. It has to come back to [`redeem`](Self::redeem).
    pub(crate) fn admit_or_wait<P: Package<Job = J>>(
        &self,
        package: P,
        latch: &Arc<Latch>,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<P::Receipt, Result<(P, Ticket), Refused<P>>> {
        self.with(|state, limits, tell| match state.admit(limits, package, spawn, tell) {
            Ok(receipt) => Ok(receipt),
            Err(Refused::Full(package, _)) => {
                let ticket = Ticket(state.tickets);
                state.tickets += 1;
                state.waiting.push_back(Waiting { ticket, latch: Arc::clone(latch) });
                Err(Ok((package, ticket)))
            }
            Err(refused) => Err(Err(refused)),
        })
    }

    /// The caller's latch is set, or its time is over.
    pub(crate) fn redeem<P: Package<Job = J>>(
        &self,
        package: P,
        ticket: Ticket,
    ) -> Result<P::Receipt, Refused<P>> {
        self.with(|state, _, tell| state.redeem(package, ticket, tell))
    }

    /// As [`admit`](Self::admit); without room the oldest job that is queued makes some. It comes
    /// back. Without a queue there is none.
    pub(crate) fn displace<P: Package<Job = J>>(
        &self,
        package: P,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<(P::Receipt, Option<J>), Refused<P>> {
        self.with(|state, limits, tell| match state.admit(limits, package, spawn, tell) {
            Ok(receipt) => Ok((receipt, None)),
            Err(Refused::Full(package, queued)) => {
                let oldest = if limits.capacity == 0 { None } else { state.queue.pop_front() };
                match oldest {
                    Some((oldest, _)) => Ok((state.queue(package, tell), Some(oldest))),
                    None => Err(Refused::Full(package, queued)),
                }
            }
            Err(refused) => Err(refused),
        })
    }

    /// What the thread of that number is to run next; it waits until there is something. `None`: it
    /// has to [leave](Self::leave).
    pub(crate) fn next(&self, number: usize, parker: &Arc<Parker>) -> Option<J> {
        let mut state = self.state.lock().unwrap();
        state.seat(number).running = None;
        state.answer(number);
        let mut patience = self.limits.keep_alive;
        loop {
            let mut tell = Tell::default();
            if let Some((job, site)) = state.queue.pop_front() {
                state.seat(number).running = Some(site);
                state.grant(&self.limits, &mut tell);
                drop(state);
                tell.now();
                return Some(job);
            }
            if state.closed {
                state.active -= 1;
                return None;
            }
            state.idle.push(Idle { number, parker: Arc::clone(parker) });
            state.grant(&self.limits, &mut tell);
            let surplus = state.is_surplus(&self.limits);
            drop(state);
            tell.now();

            let deadline = Instant::now().checked_add(patience);
            let is_over = match deadline.filter(|_| surplus) {
                Some(deadline) => !parker.park_until(deadline),
                None => {
                    parker.park();
                    false
                }
            };
            state = self.state.lock().unwrap();
            let ignores_call = is_over && fault::is(Fault::ExpiryIgnoresCall);
            if state.answer(number) && !ignores_call {
                patience = self.limits.keep_alive;
                continue;
            }
            // Its time is over, or an old token woke it.
            let leaves = is_over && state.may_leave(&self.limits) || ignores_call;
            state.idle.retain(|idle| idle.number != number);
            if leaves {
                state.active -= usize::from(!fault::is(Fault::ExpiryStaysCounted));
                return None;
            }
            patience = self.limits.keep_alive.max(GRANT);
        }
    }

    /// The last call of a thread whose [`next`](Self::next) gave nothing.
    pub(crate) fn leave(&self, number: usize) {
        let (before, latches) = {
            let mut state = self.state.lock().unwrap();
            let seat = state.threads.remove(&number).expect("a thread leaves once");
            let before = state.last.replace(seat.thread);
            (before, state.take_waiters_of_exit())
        };
        if let Some(before) = before {
            // It has caught what it ran.
            let _ = before.join();
        }
        Tell { threads: Vec::new(), latches }.now();
    }

    /// Refuses packages from now on; threads leave when nothing is queued.
    pub(crate) fn close(&self) {
        self.with(|state, _, tell| {
            state.closed = true;
            for idle in mem::take(&mut state.idle) {
                state.call(&idle);
                if !fault::is(Fault::CloseForgetsIdle) {
                    tell.threads.push(idle.parker);
                }
            }
            if !fault::is(Fault::CloseForgetsWaiting) {
                // They find themselves still waiting, and take themselves out.
                let latches = state.waiting.iter().map(|waiting| Arc::clone(&waiting.latch));
                tell.latches.extend(latches);
            }
        });
    }

    /// Takes out what is queued, and has it cancelled or taken elsewhere.
    pub(crate) fn cancel_queued(&self, cancel: impl FnMut(J)) {
        let jobs: Vec<J> = {
            let mut state = self.state.lock().unwrap();
            state.cancelling += 1;
            state.queue.drain(..).map(|(job, _)| job).collect()
        };
        jobs.into_iter().for_each(cancel);
        let latches = {
            let mut state = self.state.lock().unwrap();
            state.cancelling -= 1;
            state.take_waiters_of_exit()
        };
        Tell { threads: Vec::new(), latches }.now();
    }

    /// A latch of the caller's own that is set when the pool is closed, its last thread leaves, and
    /// nothing of it is just being cancelled.
    pub(crate) fn on_exit(&self) -> Arc<Latch> {
        let latch = Arc::new(Latch::new());
        let mut state = self.state.lock().unwrap();
        if state.has_ended() {
            // SAFETY: `latch` is alive.
            unsafe { Latch::set(&raw const *latch) };
        } else {
            state.on_exit.push(Arc::clone(&latch));
        }
        latch
    }

    /// Waits until all threads that have left have ended.
    pub(crate) fn join_last(&self) {
        let last = self.state.lock().unwrap().last.take();
        if let Some(last) = last {
            let _ = last.join();
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let state = self.state.lock().unwrap();
        Figures {
            threads: state.active,
            idle: state.idle.len(),
            largest: state.largest,
            queued: state.queue.len().saturating_sub(state.called),
            running: state.threads.values().filter(|seat| seat.running.is_some()).count(),
        }
    }

    /// What runs now, by the threads' numbers.
    pub(crate) fn running(&self) -> Vec<(usize, &'static Location<'static>)> {
        let state = self.state.lock().unwrap();
        let running = |(number, seat): (&usize, &Seat)| Some((*number, seat.running?));
        state.threads.iter().filter_map(running).collect()
    }
}
