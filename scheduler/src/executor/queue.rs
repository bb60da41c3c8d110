//! What waits to start: a bounded queue, who waits for room in it, and who comes to take.
//!
//! # Protocol
//!
//! All of it is behind one lock, but for the begin of [leased](super::lease) entries. The queue knows nothing
//! of the pool: what is to be done outside comes back as a value, and is done without the lock.
//!
//! **Room.** What waits and what is granted are never more than the capacity. A closure goes in where there is
//! room and nobody stands in line with a claim. Otherwise its submitter stands in line, and whoever frees room
//! gives it to the first in line:
//!
//! ```text
//!   in line --room is given--> told --push, or give up--> gone
//!   in line --give up, or close--> gone
//! ```
//!
//! - A place *with a claim* is told that room is kept for it (`granted`): nobody overtakes it. If it
//!   gives up it hands the room on.
//! - A place *without* is only told to try again; nothing is kept for it. Workers stand so: a worker
//!   runs other jobs meanwhile, one of which may have to wait for room on top of it, and that one would
//!   never get what is kept for the worker below.
//! - A thread that blocks *looks* for itself, now and then, whether it has been given room. So the wake,
//!   which costs the worker more than a small task, can wait until the queue is half empty, where it is
//!   worth many pushes: *untold* are those who have been given room, and will be told by then.
//!
//! **Tickets.** A ticket is a job in the pool that takes the oldest entry, whichever that is by then.
//! `tickets` counts those that have not started. Invariant: there are at least as many as entries that wait, up
//! to one for each worker, whenever the lock is free, so an entry never waits while a worker has nothing to do. A
//! ticket that starts takes one entry; if more are left than tickets, it is put back, before the entry runs.
//!
//! **Leases.** A worker that redeems a ticket may go on with further entries without one, as long as there are
//! more entries than tickets. It takes several under one lock, those behind the ticket's entry or the
//! [`next`](Queue::next), and begins them one by one without it; until then they wait as the others do. Whoever needs to know how many have been
//! begun looks (`settle`), and whoever needs an entry takes all of them back (`revoke`): who finds no other,
//! or sees that a lease has not gone on for as many looks as there are workers; who stands in line, so that
//! from then on room is given as soon as there is some; who removes one, displaces the oldest, or empties the
//! queue. Between looks `leased` can be too high, never too low.
//!
//! **Roots.** While there are closures that have not ended, or tickets, the queue counts as one root of the
//! pool, so that the workers do not end. When the pool [closes](Queue::pool_closes), each closure becomes a root
//! of its own, for the pool's report; the last of them stays while there are tickets.
//!
//! **The keeper.** Each closure keeps the queue's owner alive from its push until it is *given back*: when it
//! has run, by its runner, several at a time; else by whoever drops it unrun. For all of them there is one
//! reference, the keeper, here in the queue: made with the first, handed out with the last.

use super::lease::MOST;
use super::leases::Leases;
pub(crate) use super::line::{Place, Stance, Told};
pub(crate) use super::state::Locked;
use super::state::{EXACT, State};
pub(crate) use super::steps::{After, Figures, Next, Pushed, Redeemed};
use crate::job::cell::Fate;
use crate::sync::brief::Brief;
use crate::sync::fault::{self, Fault};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::mem;

/// Entries of the type `E`, oldest first, and a reference `K` to the queue's owner.
#[derive(Debug)]
pub(crate) struct Queue<E, K> {
    capacity: usize,
    state: CachePadded<Brief<State<E, K>>>,
    /// Of each worker. There are no more tickets than these.
    leases: Leases<E>,
}

impl<E, K> Queue<E, K> {
    /// A queue for `capacity` entries, and so many workers. Neither is 0.
    pub(crate) fn new(capacity: usize, workers: usize) -> Self {
        let state = State::new(workers);
        let leases = Leases::new(workers);
        Self { capacity, state: CachePadded::new(Brief::new(state)), leases }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, E, K> {
        Locked::new(self.state.lock(), self.capacity, self.leases.len())
    }

    /// Puts one entry in, if there is nothing else to be done for it. Else the lock, to [`push`](Self::push).
    #[inline]
    pub(crate) fn push_quickly(&self, make: impl FnOnce(u64) -> E) -> Result<(), Locked<'_, E, K>> {
        let mut state = self.state.lock();
        if state.quick == 0 {
            return Err(Locked::new(state, self.capacity, self.leases.len()));
        }
        state.quick -= 1;
        state.put(make);
        Ok(())
    }

    /// Puts in as many entries as `rooms` says, all or none; `make` makes each, with its number, under
    /// the lock, `state`.
    ///
    /// `place`: its holder has been told. `displaces`: the oldest entries may leave if there is no
    /// room otherwise. `keeper`: a reference to the owner. `enter` counts the queue into the pool, which is
    /// open.
    #[allow(clippy::too_many_arguments, reason = "each says something else")]
    pub(crate) fn push(
        &self,
        mut state: Locked<'_, E, K>,
        rooms: usize,
        place: Option<&Place>,
        displaces: bool,
        keeper: impl FnOnce() -> K,
        enter: impl FnOnce(),
        mut make: impl FnMut(u64) -> E,
    ) -> Pushed<E> {
        let pool_closes = state.each_is_root && !fault::is(Fault::AdmitIgnoresPool);
        if state.closed && !fault::is(Fault::AdmitIgnoresClose) || pool_closes {
            return Pushed::Closed;
        }
        let kept = place.is_some_and(Place::has_claim);
        let mut displaced = Vec::new();
        if kept {
            state.line.use_up(rooms);
        } else if !state.has_room(self.capacity, rooms) {
            if displaces {
                self.revoke(&mut state)
            } else {
                self.settle(&mut state)
            }
            if !state.has_room(self.capacity, rooms) {
                // Whoever stands in line is not overtaken: then one leaves for each.
                let free = if state.line.has_claims() { 0 } else { state.free(self.capacity) };
                let leave = rooms.saturating_sub(free);
                if !displaces || leave > state.len() {
                    return Pushed::Full { len: state.len() };
                }
                displaced.extend(state.entries.drain(..leave).map(|(_, entry)| entry));
            }
        }
        if state.roots == 0 {
            enter();
            state.roots = 1;
        }
        (0..rooms).for_each(|_| state.put(&mut make));
        debug_assert!(state.len() + state.line.granted() <= self.capacity);
        self.raise_high_water(&mut state);
        state.keeper.get_or_insert_with(keeper);
        let wanted = state.len().min(self.leases.len());
        let tickets = wanted.saturating_sub(state.tickets);
        state.tickets += tickets;
        Pushed::In { tickets, displaced }
    }

    /// Stands in line for `rooms`, at most the capacity; told at once if there is room now. `None`: the
    /// queue is closed.
    pub(crate) fn stand(&self, rooms: usize, stance: Stance) -> Option<Place> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let place = state.line.join(rooms, stance);
        if !fault::is(Fault::AdmitStandsBlindly) {
            if !fault::is(Fault::AdmitStandsBesideLeases) {
                self.revoke(&mut state);
            }
            let mut told = state.give(self.capacity, true);
            told.add(state.line.take_untold(&place));
            drop(state);
            drop(told);
        }
        Some(place)
    }

    /// For who looks: whether its place has been told, or would be in the end.
    pub(crate) fn is_given(&self, place: &Place) -> bool {
        let mut state = self.lock();
        let given = state.line.has_left(place);
        let told = state.line.take_untold(place);
        drop(state);
        drop(told);
        given
    }

    /// Leaves the line. What was kept for the place goes to the next.
    pub(crate) fn give_up(&self, place: &Place) {
        let mut state = self.lock();
        let closed = state.closed;
        state.line.leave(place, closed);
        // Also if it stood in line: it may have been what was in the way of the next.
        let told = if fault::is(Fault::AdmitKeepsWake) {
            Told::default()
        } else {
            state.give(self.capacity, false)
        };
        drop(state);
        drop(told);
    }

    /// A ticket has started, on that worker: the oldest entry, and a lease of some of the next for which there is
    /// no ticket: together `most`, at least 1. `prefetch` is called for each that is leased.
    pub(crate) fn redeem(
        &self,
        worker: Option<usize>,
        most: usize,
        prefetch: impl Fn(&E),
    ) -> Redeemed<E, K> {
        let mut state = self.lock();
        state.tickets -= 1;
        if !state.leased.is_none() && !fault::is(Fault::AdmitRedeemsLoose) {
            // A worker with a lease is in one of its closures, or in a waker between two, and so waits for
            // somebody.
            let waits = worker.is_some_and(|worker| state.leased.is_some_of(worker));
            let none_else = state.entries.is_empty();
            if waits || none_else || self.leases.stands_still(&mut state.leased) {
                self.revoke(&mut state);
            }
        }
        let entry = state.entries.pop_front().map(|(_, entry)| entry);
        let again = state.len() > state.tickets && state.tickets < self.leases.len();
        let again = again && !fault::is(Fault::AdmitTicketEnds);
        if again {
            state.tickets += 1;
        }
        let fate = state.fate;
        let mut after = state.after(fate);
        if !fault::is(Fault::AdmitTakeTellsNobody) {
            after.told = state.give(self.capacity, true);
        }
        let loose = state.entries.len().saturating_sub(state.tickets);
        let share = loose.div_ceil(self.leases.len()).min(most - 1);
        let leased = match worker {
            Some(worker) => self.lease(&mut state, worker, share, prefetch),
            None => 0,
        };
        Redeemed { entry, again, leased, after }
    }

    /// After a ticket's entry, the next oldest, if there is one for which there is no ticket, and a lease
    /// of some of the next, as above. So many closures have run, as is asked under the lock.
    pub(crate) fn next(
        &self,
        worker: usize,
        has_run: impl FnOnce() -> usize,
        most: usize,
        prefetch: impl Fn(&E),
    ) -> Next<E, K> {
        let mut state = self.lock();
        self.end_lease(&mut state, worker);
        let mut after = state.has_run(has_run());
        if self.leases.stands_still(&mut state.leased) {
            self.revoke(&mut state);
        }
        let loose = state.entries.len().saturating_sub(state.tickets);
        if loose == 0 {
            return Next { entry: None, leased: 0, after };
        }
        let entry = state.entries.pop_front().map(|(_, entry)| entry);
        after.told = state.give(self.capacity, true);
        let share = loose.div_ceil(self.leases.len()).min(most) - 1;
        let leased = self.lease(&mut state, worker, share, prefetch);
        Next { entry, leased, after }
    }

    /// Leases the oldest entries to that worker: its share, so that the others get theirs. Not if somebody waits
    /// for room, who is given it by each who takes.
    fn lease(
        &self,
        state: &mut Locked<E, K>,
        worker: usize,
        share: usize,
        prefetch: impl Fn(&E),
    ) -> usize {
        let leased = if state.line.is_empty() { share.min(MOST) } else { 0 };
        if leased != 0 {
            let State { entries, leased: known, .. } = &mut **state;
            let granted = entries.drain(..leased).inspect(|(_, entry)| prefetch(entry));
            self.leases.grant(known, worker, granted);
        }
        leased
    }

    /// The next entry of what that worker has been leased, which calls. `None`: it has been taken back.
    #[inline]
    pub(crate) fn begin(&self, worker: usize) -> Option<E> {
        self.leases.begin(worker)
    }

    /// That worker goes on with other work: so many closures have run, as is asked under the lock.
    pub(crate) fn pause(&self, worker: usize, has_run: impl FnOnce() -> usize) -> After<K> {
        let mut state = self.lock();
        self.end_lease(&mut state, worker);
        state.has_run(has_run())
    }

    /// That many closures have run, elsewhere.
    pub(crate) fn has_run(&self, closures: usize) -> After<K> {
        self.lock().has_run(closures)
    }

    /// A closure that had ended has been dropped, or has run all the same.
    pub(crate) fn give_back(&self) -> Option<K> {
        self.lock().give_back(1)
    }

    /// A closure has ended that did not run.
    pub(crate) fn cancelled(&self) -> After<K> {
        let mut state = self.lock();
        state.ended += 1;
        state.cancelled += 1;
        state.after(Fate::Cancelled)
    }

    /// Takes that entry out, if it is still in.
    pub(crate) fn remove(&self, number: u64) -> (Option<E>, Told) {
        let mut state = self.lock();
        let is_older = state.entries.front().is_none_or(|(first, _)| number < *first);
        if is_older && state.leased.may_have(number) {
            self.revoke(&mut state);
        }
        let found = state.entries.binary_search_by_key(&number, |(number, _)| *number);
        let removed = found.ok().and_then(|index| state.entries.remove(index));
        let tells = removed.is_some() && !fault::is(Fault::AdmitRemoveTellsNobody);
        let told = if tells { state.give(self.capacity, false) } else { Told::default() };
        (removed.map(|(_, entry)| entry), told)
    }

    /// Nothing goes in from now on; all who stand in line are told. The figures are those of just before,
    /// [without](Self::figures_without) so many.
    pub(crate) fn close(&self, untold: impl FnOnce() -> usize) -> (Figures, After<K>) {
        let mut state = self.lock();
        let before = state.figures().without(untold());
        state.closed = true;
        let fate = state.fate;
        let mut after = state.after(fate);
        if !fault::is(Fault::AdmitCloseTellsNobody) {
            after.told = state.line.close();
        }
        (before, after)
    }

    /// The pool is about to close: nothing goes in from now on, and each closure is a root. `enter` counts so
    /// many more in.
    pub(crate) fn pool_closes(&self, enter: impl FnOnce(usize)) {
        let mut state = self.lock();
        state.each_is_root = true;
        let more = state.inside().saturating_sub(state.roots);
        state.roots += more;
        if more != 0 {
            enter(more);
        }
    }

    /// Takes everything out that is queued. `by_ticket`: one has started, for that.
    pub(crate) fn take_all(&self, by_ticket: bool) -> (VecDeque<(u64, E)>, After<K>) {
        let mut state = self.lock();
        self.revoke(&mut state);
        let entries = mem::take(&mut state.entries);
        state.tickets -= usize::from(by_ticket);
        let fate = state.fate;
        let mut after = state.after(fate);
        after.told = state.give(self.capacity, false);
        (entries, after)
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut state = self.lock();
        self.settle(&mut state);
        state.high_water = state.high_water.max(state.len());
        state.figures()
    }

    /// The figures, but for so many closures inside that have run, as is asked under the lock.
    pub(crate) fn figures_without(&self, untold: impl FnOnce() -> usize) -> Figures {
        let state = self.lock();
        state.figures().without(untold())
    }

    /// The figures, without waiting for the lock.
    pub(crate) fn try_look(&self) -> Option<Figures> {
        let mut state = Locked::new(self.state.try_lock()?, self.capacity, self.leases.len());
        self.settle(&mut state);
        Some(state.figures())
    }

    /// After a push.
    fn raise_high_water(&self, state: &mut Locked<E, K>) {
        let surely = if state.high_water < EXACT {
            self.settle(state);
            state.len()
        } else {
            state.entries.len()
        };
        state.high_water = state.high_water.max(surely);
    }

    /// Learns how many of those that are leased have not been begun.
    fn settle(&self, state: &mut Locked<E, K>) {
        self.leases.settle(&mut state.leased);
    }

    /// Takes all leases back.
    fn revoke(&self, state: &mut Locked<E, K>) {
        let State { entries, leased, .. } = &mut **state;
        self.leases.revoke(leased, entries);
    }

    /// That worker has begun all of its lease, or stops early: then all leases come back.
    fn end_lease(&self, state: &mut Locked<E, K>, worker: usize) {
        if !self.leases.end(&mut state.leased, worker) {
            self.revoke(state);
        }
    }
}
