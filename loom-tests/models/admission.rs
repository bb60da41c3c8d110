//! An executor's queue: who comes to take, who waits for room, and the roots and tickets between it
//! and the pool.

use super::ledger;
use super::rig::{join, spawn};
use crate::executor::queue::{After, Place, Pushed, Queue, Stance};
use crate::latch::Latch;
use crate::sync::Arc;
use std::cell::Cell;
use std::rc::Rc;

/// A queue of numbers, and what a pool would know of it.
struct Rig {
    queue: Queue<usize, Rc<()>>,
    /// That nobody has started.
    tickets: Cell<usize>,
    /// That have been counted in, and not out.
    roots: Cell<usize>,
    /// Whether the pool takes more.
    is_open: Cell<bool>,
    /// What the queue's owner is: it has this reference and the keeper.
    owner: Rc<()>,
}

impl Rig {
    fn new(capacity: usize, workers: usize) -> Rc<Self> {
        Rc::new(Self {
            queue: Queue::new(capacity, workers),
            tickets: Cell::new(0),
            roots: Cell::new(0),
            is_open: Cell::new(true),
            owner: Rc::new(()),
        })
    }

    /// One that is full, of the number 0.
    fn full() -> Rc<Self> {
        let rig = Self::new(1, 1);
        assert!(rig.push(0, None));
        rig
    }

    /// The numbers that had to leave, if there was room then.
    fn try_push(&self, id: usize, place: Option<&Place>, displaces: bool) -> Option<Vec<usize>> {
        let keeper = || Rc::clone(&self.owner);
        let enter = || {
            assert!(self.is_open.get(), "a root comes into a pool that has closed");
            self.roots.set(self.roots.get() + 1);
        };
        let locked = match place {
            Some(_) => self.queue.lock(),
            None => match self.queue.push_quickly(|_| id) {
                Ok(()) => return Some(Vec::new()),
                Err(locked) => locked,
            },
        };
        match self.queue.push(locked, 1, place, displaces, keeper, enter, |_| id) {
            Pushed::In { tickets, displaced } => {
                self.tickets.set(self.tickets.get() + tickets);
                Some(displaced)
            }
            Pushed::Full { .. } | Pushed::Closed => None,
        }
    }

    fn push(&self, id: usize, place: Option<&Place>) -> bool {
        self.try_push(id, place, false).is_some()
    }

    /// Waits for room. False: it is closed.
    fn block(&self, id: usize) -> bool {
        if self.push(id, None) {
            return true;
        }
        let Some(place) = self.queue.stand(1, Stance::Claims) else { return false };
        place.latch().wait();
        self.push(id, Some(&place))
    }

    /// Starts a ticket, if there is one.
    fn redeem(&self) -> bool {
        self.redeem_by(1, |_| true)
    }

    /// The same, by a worker that runs what it can claim. It takes so many entries together, and once more as
    /// many.
    fn redeem_by(&self, most: usize, claims: impl Fn(usize) -> bool) -> bool {
        let Some((first, leased)) = self.start(0, most) else { return false };
        let Some(first) = first else { return true };
        let has_run = self.run_all(first, leased, &claims);
        if let Some((second, leased)) = self.go_on(has_run, most) {
            let has_run = self.run_all(second, leased, &claims);
            // Nothing is left in the lease.
            if has_run != 0 {
                self.follow(self.queue.pause(0, || has_run));
            }
        }
        true
    }

    /// Starts a ticket on that worker, if there is one: the entry that it finds, and how many it is leased, so
    /// many together.
    fn start(&self, worker: usize, most: usize) -> Option<(Option<usize>, usize)> {
        self.tickets.set(self.tickets.get().checked_sub(1)?);
        let redeemed = self.queue.redeem(Some(worker), most, |_| ());
        self.tickets.set(self.tickets.get() + usize::from(redeemed.again));
        self.follow(redeemed.after);
        Some((redeemed.entry, redeemed.leased))
    }

    /// The entry that the first worker goes on with, and how many it is leased: so many together.
    fn go_on(&self, has_run: usize, more: usize) -> Option<(usize, usize)> {
        let next = self.queue.next(0, || has_run, more, |_| ());
        self.follow(next.after);
        Some((next.entry?, next.leased))
    }

    /// How many closures have run for that entry and what the first worker has been leased.
    fn run_all(&self, id: usize, leased: usize, claims: impl Fn(usize) -> bool) -> usize {
        let begun = (0..leased).map_while(|_| self.queue.begin(0));
        let first = self.run(id, &claims);
        first + begun.map(|id| self.run(id, &claims)).sum::<usize>()
    }

    /// How many closures have run for that entry: one, unless somebody else has claimed it.
    fn run(&self, id: usize, claims: impl Fn(usize) -> bool) -> usize {
        let has_run = claims(id);
        if has_run {
            ledger::run(id);
            self.is_kept();
        } else {
            self.follow(self.queue.cancelled());
        }
        usize::from(has_run)
    }

    /// Drops that entry unless it has been claimed, and has it out of the queue if it is there.
    fn abort_claimed(&self, id: usize, claims: &Claims) {
        if !claims.claim(id) {
            return;
        }
        ledger::run(id);
        let (entry, told) = self.queue.remove(id as u64);
        drop(told);
        if entry.is_some() {
            self.follow(self.queue.cancelled());
        }
        self.is_kept();
        drop(self.queue.give_back());
    }

    /// Whoever has not given a closure back may use the owner.
    fn is_kept(&self) {
        let kept = Rc::strong_count(&self.owner) == 2;
        assert!(kept, "what has not been given back has no keeper");
    }

    /// An entry that is out of the queue is dropped unrun.
    fn cancel(&self) {
        self.follow(self.queue.cancelled());
        drop(self.queue.give_back());
    }

    /// Drops an entry as its handle does.
    fn abort(&self, number: u64) {
        let (entry, told) = self.queue.remove(number);
        drop(told);
        if let Some(id) = entry {
            ledger::run(id);
            self.cancel();
        }
    }

    /// Does what a step calls for. The workers end with the last root: no ticket may be left then.
    fn follow(&self, after: After<Rc<()>>) {
        drop((after.told, after.keeper));
        self.roots.set(self.roots.get() - after.roots);
        assert!(
            self.roots.get() != 0 || self.tickets.get() == 0,
            "a ticket is left in a pool that may end"
        );
    }

    /// The pool runs what it has: then nothing is left anywhere.
    fn finish(&self) {
        while self.redeem() {}
        assert_eq!(self.queue.figures().len, 0, "an entry is left without a ticket");
        assert_eq!(self.roots.get(), 0, "a root is left");
        assert_eq!(Rc::strong_count(&self.owner), 1, "the keeper is left");
    }
}

/// Who has claimed an entry's closure, which somebody else may have taken out of the queue.
#[derive(Default)]
struct Claims([Cell<bool>; 3]);

impl Claims {
    /// No choice of the model's: the cells' own models have it.
    fn claim(&self, id: usize) -> bool {
        !self.0[id].replace(true)
    }
}

/// Who waits for room is told of it, whenever it begins to wait.
pub(super) fn block_against_take() {
    let rig = Rig::full();
    let worker = Rc::clone(&rig);
    let worker = spawn(move || assert!(worker.redeem()));
    assert!(rig.block(1));
    join(worker);
    rig.finish();
    ledger::all_ran(2);
}

/// Two wait, and room comes twice.
pub(super) fn two_blocked_against_take() {
    let rig = Rig::full();
    let (worker, other) = (Rc::clone(&rig), Rc::clone(&rig));
    let worker = spawn(move || {
        assert!(worker.redeem());
        worker.redeem();
    });
    let other = spawn(move || assert!(other.block(1)));
    // The one that comes second may need what the end of the model runs.
    let pushed = rig.push(2, None);
    join(worker);
    rig.redeem();
    join(other);
    rig.finish();
    assert_eq!(ledger::runs(2), u32::from(pushed));
    ledger::all_ran(2);
}

/// Who waits for room is told that there will be none.
pub(super) fn block_against_close() {
    let rig = Rig::full();
    let closer = Rc::clone(&rig);
    let closer = spawn(move || closer.follow(closer.queue.close(|| 0).1));
    assert!(!rig.block(1));
    join(closer);
    rig.finish();
}

/// What goes in comes before the close, and is found by whoever empties the queue after it.
pub(super) fn push_against_close() {
    let rig = Rig::new(1, 1);
    let pusher = Rc::clone(&rig);
    let pusher = spawn(move || {
        pusher.push(0, None);
    });
    rig.follow(rig.queue.close(|| 0).1);
    let (entries, after) = rig.queue.take_all(false);
    rig.follow(after);
    entries.iter().for_each(|_| rig.cancel());
    join(pusher);
    assert_eq!(rig.queue.figures().len, 0, "it came after the close");
    rig.finish();
}

/// The oldest is taken, or has to leave; not both.
pub(super) fn discard_oldest_against_take() {
    let rig = Rig::full();
    let worker = Rc::clone(&rig);
    let worker = spawn(move || assert!(worker.redeem()));
    let displaced = rig.try_push(1, None, true).expect("one can leave");
    for id in displaced {
        ledger::run(id);
        rig.cancel();
    }
    join(worker);
    rig.finish();
    ledger::all_ran(2);
}

/// An entry is taken, or aborted; in both ways its ticket is redeemed before the last root leaves.
pub(super) fn abort_against_take() {
    let rig = Rig::full();
    let worker = Rc::clone(&rig);
    let worker = spawn(move || assert!(worker.redeem()));
    rig.abort(0);
    join(worker);
    rig.finish();
    ledger::all_ran(1);
}

/// An aborted entry's room goes to who waits for it.
pub(super) fn block_against_abort() {
    let rig = Rig::full();
    let aborter = Rc::clone(&rig);
    let aborter = spawn(move || aborter.abort(0));
    assert!(rig.block(1));
    join(aborter);
    rig.finish();
    ledger::all_ran(2);
}

/// Who gives up hands on what it has been given.
pub(super) fn give_up_against_take() {
    let rig = Rig::full();
    let first = rig.queue.stand(1, Stance::Claims).expect("it is open");
    let second = rig.queue.stand(1, Stance::Claims).expect("it is open");
    let worker = Rc::clone(&rig);
    let worker = spawn(move || assert!(worker.redeem()));
    rig.queue.give_up(&first);
    second.latch().wait();
    assert!(rig.push(1, Some(&second)));
    join(worker);
    rig.finish();
    ledger::all_ran(2);
}

/// Who looks now and then may be told later, but is told in any case.
pub(super) fn calm_waiter_against_takes() {
    let rig = Rig::new(3, 1);
    (0..3).for_each(|id| assert!(rig.push(id, None)));
    let worker = Rc::clone(&rig);
    let worker = spawn(move || {
        assert!(worker.redeem());
        assert!(worker.redeem());
    });
    let place = rig.queue.stand(1, Stance::Looks).expect("it is open");
    place.latch().wait();
    assert!(rig.queue.is_given(&place));
    assert!(rig.push(3, Some(&place)));
    join(worker);
    rig.finish();
    ledger::all_ran(4);
}

/// Fewer tickets than entries: one that is put back comes for the rest.
pub(super) fn tickets_against_push() {
    let rig = Rig::new(3, 1);
    assert!(rig.push(0, None));
    let worker = Rc::clone(&rig);
    let worker = spawn(move || while worker.redeem() {});
    assert!(rig.push(1, None));
    assert!(rig.push(2, None));
    join(worker);
    rig.finish();
    ledger::all_ran(3);
}

/// The owner is kept as long as a closure has neither run nor been dropped, whoever of the two gives the
/// last one back: who aborts one that has been taken out already, or who has taken it.
pub(super) fn abort_against_the_last_that_is_given_back() {
    let rig = Rig::new(3, 1);
    let claims = Rc::new(Claims::default());
    assert!(rig.push(0, None) && rig.push(1, None));
    let (worker, its_claims) = (Rc::clone(&rig), Rc::clone(&claims));
    let worker = spawn(move || while worker.redeem_by(1, |id| its_claims.claim(id)) {});
    rig.abort_claimed(1, &claims);
    assert!(rig.push(2, None));
    rig.abort_claimed(0, &claims);
    join(worker);
    while rig.redeem_by(1, |id| claims.claim(id)) {}
    rig.finish();
    ledger::all_ran(3);
}

/// What is taken back keeps the owner until it has been used; what was left to the workers does not.
pub(super) fn take_back_against_take() {
    let rig = Rig::new(2, 1);
    assert!(rig.push(0, None) && rig.push(1, None));
    let worker = Rc::clone(&rig);
    let worker = spawn(move || while worker.redeem() {});
    rig.follow(rig.queue.close(|| 0).1);
    let (entries, after) = rig.queue.take_all(false);
    rig.follow(after);
    entries.iter().for_each(|_| rig.follow(rig.queue.cancelled()));
    join(worker);
    while rig.redeem() {}
    for (_, id) in entries {
        rig.is_kept();
        ledger::run(id);
        drop(rig.queue.give_back());
    }
    rig.finish();
    ledger::all_ran(2);
}

/// A leased entry is begun by its worker, or taken back; not both.
pub(super) fn take_back_against_a_lease() {
    let rig = Rig::new(4, 1);
    (0..4).for_each(|id| assert!(rig.push(id, None)));
    let worker = Rc::clone(&rig);
    let worker = spawn(move || while worker.redeem_by(3, |_| true) {});
    let (entries, after) = rig.queue.take_all(false);
    rig.follow(after);
    for (_, id) in entries {
        ledger::run(id);
        rig.cancel();
    }
    join(worker);
    rig.finish();
    ledger::all_ran(4);
}

/// Six entries for two workers: the first has begun 1, and been leased 2.
fn leased() -> Rc<Rig> {
    let rig = Rig::new(6, 2);
    (0..6).for_each(|id| assert!(rig.push(id, None)));
    assert_eq!(rig.start(0, 1), Some((Some(0), 0)));
    assert_eq!(rig.go_on(rig.run(0, |_| true), 3), Some((1, 1)));
    rig
}

/// A closure waits for one that its worker has been leased: another worker's ticket comes for that.
pub(super) fn a_ticket_against_a_waiting_lease() {
    let rig = leased();
    let has_run = Arc::new(Latch::new());
    let (worker, waits) = (Rc::clone(&rig), Arc::clone(&has_run));
    let worker = spawn(move || {
        waits.wait();
        let has_run = worker.run(1, |_| true);
        assert_eq!(worker.queue.begin(0), None, "it has been taken back");
        worker.follow(worker.queue.pause(0, || has_run));
    });
    while let Some((entry, _)) = rig.start(1, 1) {
        let has_run_now = entry.map_or(0, |id| rig.run(id, |_| true));
        if ledger::runs(2) == 1 && !has_run.is_set() {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(Arc::as_ptr(&has_run)) };
        }
        rig.follow(rig.queue.has_run(has_run_now));
    }
    join(worker);
    rig.finish();
    ledger::all_ran(6);
}

/// A leased entry is begun by its worker, or a ticket of another one finds it.
pub(super) fn a_ticket_against_a_lease() {
    let rig = leased();
    let worker = Rc::clone(&rig);
    let worker = spawn(move || {
        let mut has_run = worker.run(1, |_| true);
        has_run += worker.queue.begin(0).map_or(0, |id| worker.run(id, |_| true));
        worker.follow(worker.queue.pause(0, || has_run));
    });
    while let Some((entry, _)) = rig.start(1, 1) {
        let has_run = entry.map_or(0, |id| rig.run(id, |_| true));
        rig.follow(rig.queue.has_run(has_run));
    }
    join(worker);
    rig.finish();
    ledger::all_ran(6);
}

/// The queue is full, and a leased closure waits for somebody who waits for room: that is given as soon as
/// there is some.
pub(super) fn block_against_a_lease() {
    let rig = Rig::new(4, 1);
    (0..4).for_each(|id| assert!(rig.push(id, None)));
    assert_eq!(rig.start(0, 1), Some((Some(0), 0)));
    assert_eq!(rig.go_on(rig.run(0, |_| true), 3), Some((1, 1)));
    assert!(rig.push(4, None) && rig.push(5, None), "two have been begun");
    let is_in = Arc::new(Latch::new());
    let (worker, waits) = (Rc::clone(&rig), Arc::clone(&is_in));
    let worker = spawn(move || {
        let mut has_run = worker.run(1, |_| true);
        let second = worker.queue.begin(0).or_else(|| {
            let (second, _) = worker.go_on(std::mem::take(&mut has_run), 1).expect("more are left");
            Some(second)
        });
        waits.wait();
        has_run += second.map_or(0, |id| worker.run(id, |_| true));
        worker.follow(worker.queue.pause(0, || has_run));
    });
    assert!(rig.block(6));
    // SAFETY: the `Arc` keeps the latch alive during the call.
    unsafe { Latch::set(Arc::as_ptr(&is_in)) };
    join(worker);
    rig.finish();
    ledger::all_ran(7);
}

/// What goes in is counted into the pool before that closes, or refused; then each closure is a root.
pub(super) fn push_against_the_pools_close() {
    let rig = Rig::new(2, 1);
    let pusher = Rc::clone(&rig);
    let pusher = spawn(move || {
        pusher.push(0, None);
        pusher.push(1, None);
    });
    let more = |roots| rig.roots.set(rig.roots.get() + roots);
    rig.queue.pool_closes(more);
    rig.is_open.set(false);
    assert_eq!(rig.roots.get(), rig.queue.figures().inside);
    join(pusher);
    assert!(!rig.push(2, None));
    rig.finish();
}
