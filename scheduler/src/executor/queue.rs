//! What waits to start: a bounded queue, who waits for room in it, and who comes to take.
//!
//! # Protocol
//!
//! All of it is behind one lock. The queue knows nothing of the pool: what is to be done outside comes
//! back as a value, and is done without the lock.
//!
//! **Room.** `entries + granted <= capacity`, always. A closure goes in where there is room and nobody
//! stands in line with a claim. Otherwise its submitter stands in line, and whoever frees room gives
//! it to the first in line:
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
//!   worth many pushes: `untold` are those who have been given room, and will be told by then.
//!
//! **Tickets.** A ticket is a job in the pool that takes the oldest entry, whichever that is by then.
//! `tickets` counts those that have not started. Invariant: `tickets >= min(entries, max_tickets)`
//! whenever the lock is free, so an entry never waits while a worker has nothing to do. A ticket that
//! starts takes one entry; if more are left than tickets, it is put back, before the entry runs.
//!
//! **Roots.** Each entry is a root of the pool until it has ended. A ticket without an entry (that
//! was aborted, or discarded) must keep the pool as well, or the workers could end with the ticket in a
//! queue. So the root of an entry that is cancelled is *owed* to such a ticket:
//! `owed <= max(0, tickets - entries)`. What is beyond that is handed out, to be counted out.
//!
//! A worker that has redeemed a ticket may go on with the [`next`](Queue::next) entry without one, as long
//! as there are more entries than tickets; so the invariant holds as if it had not been there.
//!
//! **The keeper.** Each closure keeps the queue's owner alive from its push until it is *given back*: when it
//! has run, by its runner, several at a time; else by whoever drops it unrun. For all of them there is one
//! reference, the keeper, here in the queue: made with the first, handed out with the last.

use crate::latch::Latch;
use crate::sync::fault::{self, Fault};
use crate::sync::{Arc, Mutex, lock_patiently};
use std::collections::VecDeque;
use std::mem;

/// Entries of the type `E`, oldest first, and a reference `K` to the queue's owner.
#[derive(Debug)]
pub(crate) struct Queue<E, K> {
    capacity: usize,
    max_tickets: usize,
    state: Mutex<State<E, K>>,
}

#[derive(Debug)]
struct State<E, K> {
    /// With their numbers, which rise.
    entries: VecDeque<(u64, E)>,
    /// The number of the next entry: so many have been pushed.
    next: u64,
    high_water: usize,
    tickets: usize,
    owed: usize,
    /// Closures that have not been given back.
    kept_for: usize,
    /// While there are any.
    keeper: Option<K>,
    granted: usize,
    /// With their numbers, which rise.
    line: VecDeque<(u64, Waiter)>,
    untold: Vec<Arc<Latch>>,
    next_place: u64,
    closed: bool,
}

/// Who stands in line.
#[derive(Debug)]
struct Waiter {
    rooms: usize,
    stance: Stance,
    told: Arc<Latch>,
}

/// How somebody stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Without a claim.
    Asks,
    /// With a claim.
    Claims,
    /// With a claim, and looks now and then.
    Looks,
}

/// A place in line, or what it has been given. [Pushed with](Queue::push), or [given
/// up](Queue::give_up).
#[derive(Debug)]
#[must_use]
pub(crate) struct Place {
    number: u64,
    rooms: usize,
    stance: Stance,
    told: Arc<Latch>,
}

impl Place {
    /// Set when the place is told, or the queue is closed.
    pub(crate) fn latch(&self) -> &Arc<Latch> {
        &self.told
    }
}

/// Those who are to be told: done when it is dropped, which must be without the lock.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Told(Vec<Arc<Latch>>);

impl Drop for Told {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        for latch in self.0.drain(..) {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *latch) };
        }
    }
}

/// What [`Queue::push`] did.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed<E> {
    /// All are in.
    In {
        /// So many tickets are to be put into the pool.
        tickets: usize,
        /// So many roots are to be counted out.
        roots: usize,
        /// What had to leave for them, oldest first.
        displaced: Vec<E>,
    },
    /// There was no room.
    Full {
        /// So many entries were in the queue.
        len: usize,
    },
    /// The queue is closed.
    Closed,
}

/// What a ticket found.
#[derive(Debug)]
#[must_use]
pub(crate) struct Redeemed<E> {
    pub(crate) entry: Option<E>,
    /// The ticket is to be put back, before the entry runs.
    pub(crate) again: bool,
    /// So many roots are to be counted out.
    pub(crate) roots: usize,
    pub(crate) told: Told,
}

/// What a worker found that goes on after an entry.
#[derive(Debug)]
#[must_use]
pub(crate) struct Next<E, K> {
    /// `None`: what is left is for the tickets.
    pub(crate) entry: Option<E>,
    /// So many roots are to be counted out.
    pub(crate) roots: usize,
    pub(crate) told: Told,
    /// To be dropped, if it comes.
    pub(crate) keeper: Option<K>,
}

/// What was taken out all at once.
#[derive(Debug)]
#[must_use]
pub(crate) struct Emptied<E> {
    pub(crate) entries: VecDeque<(u64, E)>,
    /// So many roots are to be counted out.
    pub(crate) roots: usize,
    pub(crate) told: Told,
}

/// Figures of a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) len: usize,
    pub(crate) high_water: usize,
    pub(crate) pushed: u64,
}

impl<E, K> Queue<E, K> {
    /// A queue for `capacity` entries, with at most `max_tickets` tickets. Neither is 0.
    pub(crate) fn new(capacity: usize, max_tickets: usize) -> Self {
        let state = State {
            entries: VecDeque::new(),
            next: 0,
            high_water: 0,
            tickets: 0,
            owed: 0,
            kept_for: 0,
            keeper: None,
            granted: 0,
            line: VecDeque::new(),
            untold: Vec::new(),
            next_place: 0,
            closed: false,
        };
        Self { capacity, max_tickets, state: Mutex::new(state) }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts in as many entries as `rooms` says, all or none; `make` makes each, with its number, under
    /// the lock.
    ///
    /// `place`: its holder has been told. `displaces`: the oldest entries may leave if there is no
    /// room otherwise. `keeper`: a reference to the owner.
    pub(crate) fn push(
        &self,
        rooms: usize,
        place: Option<&Place>,
        displaces: bool,
        keeper: impl FnOnce() -> K,
        mut make: impl FnMut(u64) -> E,
    ) -> Pushed<E> {
        let mut state = lock_patiently(&self.state);
        if state.closed && !fault::is(Fault::AdmitIgnoresClose) {
            return Pushed::Closed;
        }
        let kept = place.is_some_and(|place| place.stance != Stance::Asks);
        let mut displaced = Vec::new();
        if kept {
            state.granted -= rooms;
        } else if !state.has_room(self.capacity, rooms) {
            // Whoever stands in line is not overtaken: then one leaves for each.
            let free = if state.has_claims() { 0 } else { state.free(self.capacity) };
            let leave = rooms.saturating_sub(free);
            if !displaces || leave > state.entries.len() {
                return Pushed::Full { len: state.entries.len() };
            }
            displaced.extend(state.entries.drain(..leave).map(|(_, entry)| entry));
        }
        for _ in 0..rooms {
            let number = state.next;
            state.next += 1;
            let entry = make(number);
            state.entries.push_back((number, entry));
        }
        debug_assert!(state.entries.len() + state.granted <= self.capacity);
        state.high_water = state.high_water.max(state.entries.len());
        if state.keeper.is_none() || !fault::is(Fault::AdmitKeptUncounted) {
            state.kept_for += rooms;
        }
        state.keeper.get_or_insert_with(keeper);
        let wanted = state.entries.len().min(self.max_tickets);
        let tickets = wanted.saturating_sub(state.tickets);
        state.tickets += tickets;
        let roots = state.settle();
        Pushed::In { tickets, roots, displaced }
    }

    /// Stands in line for `rooms`, at most the capacity; told at once if there is room now. `None`: the
    /// queue is closed.
    pub(crate) fn stand(&self, rooms: usize, stance: Stance) -> Option<Place> {
        let mut state = lock_patiently(&self.state);
        if state.closed {
            return None;
        }
        let told = Arc::new(Latch::new());
        let number = state.next_place;
        state.next_place += 1;
        state.line.push_back((number, Waiter { rooms, stance, told: Arc::clone(&told) }));
        let others = if fault::is(Fault::AdmitStandsBlindly) {
            Told::default()
        } else {
            let mut others = state.give(self.capacity, true);
            others.0.extend(state.take_untold(&told));
            others
        };
        drop(state);
        drop(others);
        Some(Place { number, rooms, stance, told })
    }

    /// For who looks: whether its place has been told, or would be in the end.
    pub(crate) fn is_given(&self, place: &Place) -> bool {
        let mut state = lock_patiently(&self.state);
        if state.line.binary_search_by_key(&place.number, |(number, _)| *number).is_ok() {
            return false;
        }
        drop(state.take_untold(&place.told));
        true
    }

    /// Leaves the line. What was kept for the place goes to the next.
    pub(crate) fn give_up(&self, place: &Place) {
        let mut state = lock_patiently(&self.state);
        match state.line.binary_search_by_key(&place.number, |(number, _)| *number) {
            Ok(index) => _ = state.line.remove(index),
            Err(_) if place.stance != Stance::Asks && !state.closed => state.granted -= place.rooms,
            Err(_) => {}
        }
        // Also if it stood in line: it may have been what was in the way of the next.
        let told = if fault::is(Fault::AdmitKeepsWake) {
            Told::default()
        } else {
            state.give(self.capacity, false)
        };
        drop(state);
        drop(told);
    }

    /// A ticket has started: the oldest entry.
    pub(crate) fn redeem(&self) -> Redeemed<E> {
        let mut state = lock_patiently(&self.state);
        state.tickets -= 1;
        let entry = state.entries.pop_front().map(|(_, entry)| entry);
        let again = state.entries.len() > state.tickets && state.tickets < self.max_tickets;
        let again = again && !fault::is(Fault::AdmitTicketEnds);
        if again {
            state.tickets += 1;
        }
        let roots = state.settle();
        let told = if fault::is(Fault::AdmitTakeTellsNobody) {
            Told::default()
        } else {
            state.give(self.capacity, true)
        };
        Redeemed { entry, again, roots, told }
    }

    /// After a ticket's entry, the next oldest, if there is one for which there is no ticket. So many
    /// closures are given back.
    pub(crate) fn next(&self, given_back: usize) -> Next<E, K> {
        let mut state = lock_patiently(&self.state);
        let keeper = state.give_back(given_back);
        if state.entries.len() <= state.tickets && !fault::is(Fault::AdmitNextTakesAll) {
            return Next { entry: None, roots: 0, told: Told::default(), keeper };
        }
        let entry = state.entries.pop_front().map(|(_, entry)| entry);
        let roots = state.settle();
        Next { entry, roots, told: state.give(self.capacity, true), keeper }
    }

    /// So many closures have run, or were dropped. The keeper is to be dropped, if it comes.
    #[must_use]
    pub(crate) fn give_back(&self, closures: usize) -> Option<K> {
        lock_patiently(&self.state).give_back(closures)
    }

    /// Takes that entry out, if it is still in.
    pub(crate) fn remove(&self, number: u64) -> (Option<E>, Told) {
        let mut state = lock_patiently(&self.state);
        let found = state.entries.binary_search_by_key(&number, |(number, _)| *number);
        let removed = found.ok().and_then(|index| state.entries.remove(index));
        let tells = removed.is_some() && !fault::is(Fault::AdmitRemoveTellsNobody);
        let told = if tells { state.give(self.capacity, false) } else { Told::default() };
        (removed.map(|(_, entry)| entry), told)
    }

    /// An entry has ended that did not run: how many roots are to be counted out for it.
    #[must_use]
    pub(crate) fn cancelled(&self) -> usize {
        let mut state = lock_patiently(&self.state);
        if fault::is(Fault::AdmitOwesNothing) {
            return 1;
        }
        state.owed += 1;
        state.settle()
    }

    /// Nothing goes in from now on; all who stand in line are told.
    pub(crate) fn close(&self) -> Told {
        let mut state = lock_patiently(&self.state);
        state.closed = true;
        if fault::is(Fault::AdmitCloseTellsNobody) {
            return Told::default();
        }
        let mut told = mem::take(&mut state.untold);
        told.extend(state.line.drain(..).map(|(_, waiter)| waiter.told));
        Told(told)
    }

    /// Takes everything out that is queued. `by_ticket`: one has started, for that.
    pub(crate) fn take_all(&self, by_ticket: bool) -> Emptied<E> {
        let mut state = lock_patiently(&self.state);
        let entries = mem::take(&mut state.entries);
        state.tickets -= usize::from(by_ticket);
        let roots = state.settle();
        Emptied { entries, roots, told: state.give(self.capacity, false) }
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock_patiently(&self.state).closed
    }

    pub(crate) fn figures(&self) -> Figures {
        lock_patiently(&self.state).figures()
    }

    /// The figures, and whether it is closed, without waiting for the lock.
    pub(crate) fn try_look(&self) -> Option<(Figures, bool)> {
        self.state.try_lock().ok().map(|state| (state.figures(), state.closed))
    }
}

impl<E, K> State<E, K> {
    fn figures(&self) -> Figures {
        Figures { len: self.entries.len(), high_water: self.high_water, pushed: self.next }
    }

    fn free(&self, capacity: usize) -> usize {
        capacity - self.entries.len() - self.granted
    }

    /// For somebody who has not stood in line.
    fn has_room(&self, capacity: usize, rooms: usize) -> bool {
        rooms <= self.free(capacity) && !self.has_claims()
    }

    /// Whether anybody in line may not be overtaken. Those without a claim are no more than the workers.
    #[inline]
    fn has_claims(&self) -> bool {
        !self.line.is_empty() && self.line.iter().any(|(_, waiter)| waiter.stance != Stance::Asks)
    }

    /// Gives the room that there is to those in line. `calm`: who looks need not be told yet.
    #[inline]
    fn give(&mut self, capacity: usize, calm: bool) -> Told {
        if self.line.is_empty() && self.untold.is_empty() {
            return Told::default();
        }
        self.give_to_line(capacity, calm)
    }

    #[cold]
    fn give_to_line(&mut self, capacity: usize, calm: bool) -> Told {
        let calm = calm && self.entries.len() > capacity / 2;
        let mut told = Vec::new();
        while let Some((_, first)) = self.line.front()
            && first.rooms <= self.free(capacity)
        {
            if first.stance != Stance::Asks {
                self.granted += first.rooms;
            }
            let wait = calm && first.stance == Stance::Looks;
            let list = if wait { &mut self.untold } else { &mut told };
            list.extend(self.line.pop_front().map(|(_, first)| first.told));
        }
        if !calm && !fault::is(Fault::AdmitUntoldForgotten) {
            told.append(&mut self.untold);
        }
        Told(told)
    }

    /// Takes one off the list of those who are to be told later.
    fn take_untold(&mut self, told: &Arc<Latch>) -> Option<Arc<Latch>> {
        let index = self.untold.iter().position(|latch| Arc::as_ptr(latch) == Arc::as_ptr(told))?;
        Some(self.untold.swap_remove(index))
    }

    fn give_back(&mut self, closures: usize) -> Option<K> {
        self.kept_for -= closures;
        if self.kept_for != 0 || fault::is(Fault::AdmitKeepsOwner) {
            None
        } else {
            self.keeper.take()
        }
    }

    /// How many roots are held back for no ticket.
    fn settle(&mut self) -> usize {
        let needed = self.tickets.saturating_sub(self.entries.len());
        let beyond = self.owed.saturating_sub(needed);
        self.owed -= beyond;
        beyond
    }
}
