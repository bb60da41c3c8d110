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
//! **Leases.** A worker that has redeemed a ticket may go on with the [`next`](Queue::next) entries without
//! one, as long as there are more entries than tickets. It takes several under one lock, and begins them
//! one by one without it; until then they wait as the others do. Whoever needs to know how many have been
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
use super::leases::{Leased, Leases};
use super::line::Line;
pub(crate) use super::line::{Place, Stance, Told};
pub(crate) use super::steps::{After, Figures, Next, Pushed, Redeemed};
use crate::job::cell::Fate;
use crate::sync::fault::{self, Fault};
use crate::sync::{Mutex, lock_patiently};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::mem;

/// Up to so many the high-water mark is exact; beyond, what is leased is left out of it, as submitters
/// that looked at each lease would take its line from the worker each time.
const EXACT: usize = 64;

/// Entries of the type `E`, oldest first, and a reference `K` to the queue's owner.
#[derive(Debug)]
pub(crate) struct Queue<E, K> {
    capacity: usize,
    state: CachePadded<Mutex<State<E, K>>>,
    /// Of each worker. There are no more tickets than these.
    leases: Leases<E>,
}

#[derive(Debug)]
struct State<E, K> {
    /// With their numbers, which rise.
    entries: VecDeque<(u64, E)>,
    leased: Leased,
    /// The number of the next entry: so many have been pushed.
    next: u64,
    high_water: usize,
    tickets: usize,
    /// Closures that have not ended, or have run and not been given back.
    inside: usize,
    /// Closures that have ended without having run.
    cancelled: u64,
    /// Roots of the pool that are held.
    roots: usize,
    /// Whether the pool closes, so that each closure is a root.
    each_is_root: bool,
    /// Of the closure whose root stays for a ticket.
    fate: Fate,
    /// Closures that have not been given back.
    kept_for: usize,
    /// While there are any.
    keeper: Option<K>,
    line: Line,
    closed: bool,
    /// Whether somebody has been told that it is closed and nothing is inside.
    ended: bool,
}

impl<E, K> Queue<E, K> {
    /// A queue for `capacity` entries, and so many workers. Neither is 0.
    pub(crate) fn new(capacity: usize, workers: usize) -> Self {
        let state = State {
            entries: VecDeque::new(),
            leased: Leased::new(workers),
            next: 0,
            high_water: 0,
            tickets: 0,
            inside: 0,
            cancelled: 0,
            roots: 0,
            each_is_root: false,
            fate: Fate::Ran,
            kept_for: 0,
            keeper: None,
            line: Line::default(),
            closed: false,
            ended: false,
        };
        let leases = Leases::new(workers);
        Self { capacity, state: CachePadded::new(Mutex::new(state)), leases }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts in as many entries as `rooms` says, all or none; `make` makes each, with its number, under
    /// the lock.
    ///
    /// `place`: its holder has been told. `displaces`: the oldest entries may leave if there is no
    /// room otherwise. `keeper`: a reference to the owner. `enter` counts the queue into the pool, which is
    /// open.
    pub(crate) fn push(
        &self,
        rooms: usize,
        place: Option<&Place>,
        displaces: bool,
        keeper: impl FnOnce() -> K,
        enter: impl FnOnce(),
        make: impl FnMut(u64) -> E,
    ) -> Pushed<E> {
        let mut state = lock_patiently(&self.state);
        // One more among many, mostly.
        if rooms == 1 && place.is_none() && state.is_busy(self.capacity, self.leases.len()) {
            state.put(make);
            return Pushed::In { tickets: 0, displaced: Vec::new() };
        }
        self.push_any(&mut state, rooms, place, displaces, keeper, enter, make)
    }

    #[inline(never)]
    #[allow(clippy::too_many_arguments, reason = "those of `push`")]
    fn push_any(
        &self,
        state: &mut State<E, K>,
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
                self.revoke(state)
            } else {
                self.settle(state)
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
        self.raise_high_water(state);
        state.keeper.get_or_insert_with(keeper);
        let wanted = state.len().min(self.leases.len());
        let tickets = wanted.saturating_sub(state.tickets);
        state.tickets += tickets;
        Pushed::In { tickets, displaced }
    }

    /// Stands in line for `rooms`, at most the capacity; told at once if there is room now. `None`: the
    /// queue is closed.
    pub(crate) fn stand(&self, rooms: usize, stance: Stance) -> Option<Place> {
        let mut state = lock_patiently(&self.state);
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
        let mut state = lock_patiently(&self.state);
        let given = state.line.has_left(place);
        let told = state.line.take_untold(place);
        drop(state);
        drop(told);
        given
    }

    /// Leaves the line. What was kept for the place goes to the next.
    pub(crate) fn give_up(&self, place: &Place) {
        let mut state = lock_patiently(&self.state);
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

    /// A ticket has started, on that worker: the oldest entry.
    pub(crate) fn redeem(&self, worker: Option<usize>) -> Redeemed<E, K> {
        let mut state = lock_patiently(&self.state);
        state.tickets -= 1;
        if !state.leased.is_none() && !fault::is(Fault::AdmitRedeemsLoose) {
            // A worker with a lease is in one of its closures, and so waits for somebody.
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
        Redeemed { entry, again, after }
    }

    /// After a ticket's entry, the next oldest, if there is one for which there is no ticket, and a lease
    /// of some of the next: together `most`. So many closures have run, as is asked under the lock.
    pub(crate) fn next(
        &self,
        worker: usize,
        has_run: impl FnOnce() -> usize,
        most: usize,
    ) -> Next<E, K> {
        let mut state = lock_patiently(&self.state);
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
        // The others get their share, and who waits for room is given it by each who takes.
        let share = loose.div_ceil(self.leases.len()).min(most).min(MOST + 1);
        let leased = if state.line.is_empty() { share.saturating_sub(1) } else { 0 };
        if leased != 0 {
            let State { entries, leased: known, .. } = &mut *state;
            self.leases.grant(known, worker, entries.drain(..leased));
        }
        Next { entry, leased, after }
    }

    /// The next entry of what that worker has been leased, which calls. `None`: it has been taken back.
    #[inline]
    pub(crate) fn begin(&self, worker: usize) -> Option<E> {
        self.leases.begin(worker)
    }

    /// That worker goes on with other work: so many closures have run, as is asked under the lock.
    pub(crate) fn pause(&self, worker: usize, has_run: impl FnOnce() -> usize) -> After<K> {
        let mut state = lock_patiently(&self.state);
        self.end_lease(&mut state, worker);
        state.has_run(has_run())
    }

    /// That many closures have run, elsewhere.
    pub(crate) fn has_run(&self, closures: usize) -> After<K> {
        lock_patiently(&self.state).has_run(closures)
    }

    /// A closure that had ended has been dropped, or has run all the same.
    pub(crate) fn give_back(&self) -> Option<K> {
        lock_patiently(&self.state).give_back(1)
    }

    /// A closure has ended that did not run.
    pub(crate) fn cancelled(&self) -> After<K> {
        let mut state = lock_patiently(&self.state);
        state.inside -= 1;
        state.cancelled += 1;
        state.after(Fate::Cancelled)
    }

    /// Takes that entry out, if it is still in.
    pub(crate) fn remove(&self, number: u64) -> (Option<E>, Told) {
        let mut state = lock_patiently(&self.state);
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
        let mut state = lock_patiently(&self.state);
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
        let mut state = lock_patiently(&self.state);
        state.each_is_root = true;
        let more = state.inside.saturating_sub(state.roots);
        state.roots += more;
        if more != 0 {
            enter(more);
        }
    }

    /// Takes everything out that is queued. `by_ticket`: one has started, for that.
    pub(crate) fn take_all(&self, by_ticket: bool) -> (VecDeque<(u64, E)>, After<K>) {
        let mut state = lock_patiently(&self.state);
        self.revoke(&mut state);
        let entries = mem::take(&mut state.entries);
        state.tickets -= usize::from(by_ticket);
        let fate = state.fate;
        let mut after = state.after(fate);
        after.told = state.give(self.capacity, false);
        (entries, after)
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut state = lock_patiently(&self.state);
        self.settle(&mut state);
        state.high_water = state.high_water.max(state.len());
        state.figures()
    }

    /// The figures, but for so many closures inside that have run, as is asked under the lock.
    pub(crate) fn figures_without(&self, untold: impl FnOnce() -> usize) -> Figures {
        let state = lock_patiently(&self.state);
        state.figures().without(untold())
    }

    /// The figures, without waiting for the lock.
    pub(crate) fn try_look(&self) -> Option<Figures> {
        let mut state = self.state.try_lock().ok()?;
        self.settle(&mut state);
        Some(state.figures())
    }

    /// After a push.
    fn raise_high_water(&self, state: &mut State<E, K>) {
        let surely = if state.high_water < EXACT {
            self.settle(state);
            state.len()
        } else {
            state.entries.len()
        };
        state.high_water = state.high_water.max(surely);
    }

    /// Learns how many of those that are leased have not been begun.
    fn settle(&self, state: &mut State<E, K>) {
        self.leases.settle(&mut state.leased);
    }

    /// Takes all leases back.
    fn revoke(&self, state: &mut State<E, K>) {
        self.leases.revoke(&mut state.leased, &mut state.entries);
    }

    /// That worker has begun all of its lease, or stops early: then all leases come back.
    fn end_lease(&self, state: &mut State<E, K>, worker: usize) {
        if !self.leases.end(&mut state.leased, worker) {
            self.revoke(state);
        }
    }
}

impl<E, K> State<E, K> {
    /// Entries that have not been begun, at most.
    #[inline]
    fn len(&self) -> usize {
        self.entries.len() + self.leased.at_most()
    }

    /// Whether one closure more is that alone: there is room that nobody waits for, and nobody is to be told
    /// of it, inside the executor or outside.
    #[inline]
    fn is_busy(&self, capacity: usize, most_tickets: usize) -> bool {
        // What is kept counts as taken, and what is leased as not begun.
        let room = self.len() + self.line.granted() < capacity;
        let known = self.len() < self.high_water || self.high_water >= EXACT;
        room && known
            && self.tickets == most_tickets
            && self.keeper.is_some()
            && self.line.is_empty()
            && !(self.closed || self.each_is_root)
    }

    /// Puts one entry in. There is a keeper, or will be.
    #[inline]
    fn put(&mut self, make: impl FnOnce(u64) -> E) {
        let number = self.next;
        self.next += 1;
        self.entries.push_back((number, make(number)));
        self.inside += 1;
        if self.keeper.is_none() || !fault::is(Fault::AdmitKeptUncounted) {
            self.kept_for += 1;
        }
        if self.high_water >= EXACT {
            self.high_water = self.high_water.max(self.entries.len());
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            len: self.len(),
            high_water: self.high_water,
            pushed: self.next,
            inside: self.inside,
            cancelled: self.cancelled,
            closed: self.closed,
        }
    }

    #[inline]
    fn free(&self, capacity: usize) -> usize {
        capacity - self.len() - self.line.granted()
    }

    /// For somebody who has not stood in line.
    #[inline]
    fn has_room(&self, capacity: usize, rooms: usize) -> bool {
        rooms <= self.free(capacity) && !self.line.has_claims()
    }

    /// Gives the room that there is to those in line. `calm`: who looks need not be told yet, unless the
    /// queue is half empty.
    #[inline]
    fn give(&mut self, capacity: usize, calm: bool) -> Told {
        if self.line.is_quiet() {
            return Told::default();
        }
        let free = self.free(capacity);
        self.line.give(free, calm && self.len() > capacity / 2)
    }

    fn has_run(&mut self, closures: usize) -> After<K> {
        self.inside -= closures;
        let keeper = if closures == 0 { None } else { self.give_back(closures) };
        let fate = if closures == 0 { self.fate } else { Fate::Ran };
        After { keeper, ..self.after(fate) }
    }

    fn give_back(&mut self, closures: usize) -> Option<K> {
        self.kept_for -= closures;
        if self.kept_for != 0 || fault::is(Fault::AdmitKeepsOwner) {
            None
        } else {
            self.keeper.take()
        }
    }

    /// After a closure has ended so, or a ticket.
    #[inline]
    fn after(&mut self, fate: Fate) -> After<K> {
        self.fate = fate;
        let keeps = if fault::is(Fault::AdmitOwesNothing) { 0 } else { self.tickets };
        let needed = match self.each_is_root {
            true => self.inside.max(keeps.min(1)),
            false => (self.inside + keeps).min(1),
        };
        let roots = self.roots.saturating_sub(needed);
        self.roots -= roots;
        let ended = self.closed && self.inside == 0 && !self.ended;
        self.ended |= ended;
        After { told: Told::default(), roots, fate, ended, keeper: None }
    }
}
