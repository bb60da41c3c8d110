//! An executor's queue: who comes to take, who waits for room, and the roots and tickets between it
//! and the pool.

use super::ledger;
use super::rig::{join, spawn};
use crate::executor::queue::{Place, Pushed, Queue, Stance};
use std::cell::Cell;
use std::rc::Rc;

/// A queue of numbers, and what a pool would know of it.
struct Rig {
    queue: Queue<usize, Rc<()>>,
    /// That nobody has started.
    tickets: Cell<usize>,
    /// That have been counted in, and not out.
    roots: Cell<usize>,
    /// What the queue's owner is: it has this reference and the keeper.
    owner: Rc<()>,
}

impl Rig {
    fn new(capacity: usize, max_tickets: usize) -> Rc<Self> {
        let queue = Queue::new(capacity, max_tickets);
        Rc::new(Self { queue, tickets: Cell::new(0), roots: Cell::new(0), owner: Rc::new(()) })
    }

    /// One that is full, of the number 0.
    fn full() -> Rc<Self> {
        let rig = Self::new(1, 1);
        assert!(rig.push(0, None));
        rig
    }

    /// The numbers that had to leave, if there was room then.
    fn try_push(&self, id: usize, place: Option<&Place>, displaces: bool) -> Option<Vec<usize>> {
        self.roots.set(self.roots.get() + 1);
        match self.queue.push(1, place, displaces, || Rc::clone(&self.owner), |_| id) {
            Pushed::In { tickets, roots, displaced } => {
                self.tickets.set(self.tickets.get() + tickets);
                self.leave(roots);
                Some(displaced)
            }
            Pushed::Full { .. } | Pushed::Closed => {
                self.leave(1);
                None
            }
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
        self.redeem_by(|_| true)
    }

    /// The same, by a worker that runs what it can claim, and goes on with one entry more.
    fn redeem_by(&self, claims: impl Fn(usize) -> bool) -> bool {
        let Some(left) = self.tickets.get().checked_sub(1) else { return false };
        self.tickets.set(left);
        let redeemed = self.queue.redeem();
        self.tickets.set(self.tickets.get() + usize::from(redeemed.again));
        drop(redeemed.told);
        self.leave(redeemed.roots);
        let Some(first) = redeemed.entry else { return true };
        let has_run = self.run(first, &claims);
        let next = self.queue.next(has_run);
        drop((next.told, next.keeper));
        self.leave(next.roots);
        if let Some(second) = next.entry {
            let has_run = self.run(second, &claims);
            drop(self.queue.give_back(has_run));
        }
        true
    }

    /// How many closures are to be given back for that entry: one, unless somebody else has claimed it.
    fn run(&self, id: usize, claims: impl Fn(usize) -> bool) -> usize {
        let has_run = claims(id);
        if has_run {
            ledger::run(id);
            self.leave(1);
            self.is_kept();
        } else {
            self.leave(self.queue.cancelled());
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
            self.leave(self.queue.cancelled());
        }
        self.is_kept();
        drop(self.queue.give_back(1));
    }

    /// Whoever has not given a closure back may use the owner.
    fn is_kept(&self) {
        let kept = Rc::strong_count(&self.owner) == 2;
        assert!(kept, "what has not been given back has no keeper");
    }

    /// An entry that is out of the queue is dropped unrun.
    fn cancel(&self) {
        self.leave(self.queue.cancelled());
        drop(self.queue.give_back(1));
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

    /// The workers end with the last root: no ticket may be left then.
    fn leave(&self, roots: usize) {
        self.roots.set(self.roots.get() - roots);
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
    let closer = spawn(move || drop(closer.queue.close()));
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
    drop(rig.queue.close());
    let emptied = rig.queue.take_all(false);
    emptied.entries.iter().for_each(|_| rig.cancel());
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
    let worker = spawn(move || while worker.redeem_by(|id| its_claims.claim(id)) {});
    rig.abort_claimed(1, &claims);
    assert!(rig.push(2, None));
    rig.abort_claimed(0, &claims);
    join(worker);
    while rig.redeem_by(|id| claims.claim(id)) {}
    rig.finish();
    ledger::all_ran(3);
}

/// What is taken back keeps the owner until it has been used; what was left to the workers does not.
pub(super) fn take_back_against_take() {
    let rig = Rig::new(2, 1);
    assert!(rig.push(0, None) && rig.push(1, None));
    let worker = Rc::clone(&rig);
    let worker = spawn(move || while worker.redeem() {});
    drop(rig.queue.close());
    let emptied = rig.queue.take_all(false);
    drop(emptied.told);
    rig.leave(emptied.roots);
    emptied.entries.iter().for_each(|_| rig.leave(rig.queue.cancelled()));
    join(worker);
    while rig.redeem() {}
    for (_, id) in emptied.entries {
        rig.is_kept();
        ledger::run(id);
        drop(rig.queue.give_back(1));
    }
    rig.finish();
    ledger::all_ran(2);
}
