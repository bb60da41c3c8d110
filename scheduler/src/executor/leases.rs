//! The leases of all workers, and what is known of them under the [queue](super::queue)'s lock.

use super::lease::{Lease, Left, MOST};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::mem;

/// A lease for each worker.
#[derive(Debug)]
pub(super) struct Leases<E>(Box<[CachePadded<Lease<E>>]>);

/// What is known of them; part of what the lock guards.
#[derive(Debug)]
pub(super) struct Leased {
    /// The sum of all.
    at_most: usize,
    /// The least number in a lease, if there is any.
    oldest: u64,
    of: Box<[Granted]>,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Granted {
    at_most: usize,
    /// What was left of it when somebody looked last, and for how many looks it has been that.
    seen: Option<Left>,
    looks: usize,
}

impl Leased {
    pub(super) fn new(workers: usize) -> Self {
        let of = vec![Granted { at_most: 0, seen: None, looks: 0 }; workers].into();
        Self { at_most: 0, oldest: 0, of }
    }

    /// How many entries are leased and have not been begun, at most.
    #[inline]
    pub(super) fn at_most(&self) -> usize {
        self.at_most
    }

    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.at_most == 0
    }

    /// Whether that worker has a lease.
    pub(super) fn is_some_of(&self, worker: usize) -> bool {
        self.of[worker].at_most != 0
    }

    /// Whether that entry may be leased, if it is older than all that are not.
    pub(super) fn may_have(&self, number: u64) -> bool {
        !self.is_none() && number >= self.oldest
    }
}

/// With what is known, which the caller has by the lock.
impl<E> Leases<E> {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| CachePadded::new(Lease::new())).collect())
    }

    /// Of so many workers.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The next entry of that worker's, which calls, without the lock.
    #[inline]
    pub(super) fn begin(&self, worker: usize) -> Option<E> {
        self.0[worker].begin()
    }

    /// Leases these to that worker, who has ended the one before, or all have been taken back. At most `MOST`.
    pub(super) fn grant(
        &self,
        known: &mut Leased,
        worker: usize,
        entries: impl ExactSizeIterator<Item = (u64, E)>,
    ) {
        let mut entries = entries.peekable();
        if known.is_none() {
            known.oldest = entries.peek().map_or(0, |(number, _)| *number);
        }
        debug_assert!(entries.len() <= MOST, "there is no room for more");
        debug_assert!(!known.is_some_of(worker), "it has some");
        known.at_most += entries.len();
        known.of[worker] = Granted { at_most: entries.len(), seen: None, looks: 0 };
        // SAFETY: (1) the caller has what the lock guards; (2) it has been ended, by `Queue::next`, or taken back,
        // by `Queue::redeem`; (3) `Queue::lease` sees to that.
        unsafe { self.0[worker].grant(entries) };
    }

    /// Learns how many have not been begun.
    pub(super) fn settle(&self, known: &mut Leased) {
        if known.is_none() {
            return;
        }
        known.at_most = 0;
        for (granted, lease) in known.of.iter_mut().zip(&self.0) {
            if granted.at_most != 0 {
                granted.at_most = lease.left().len();
                known.at_most += granted.at_most;
            }
        }
    }

    /// Whether there is one of which none has been begun while this was asked as often as there are workers, and
    /// twice at least. All of them ask, so two looks in a row can be a moment apart.
    pub(super) fn stands_still(&self, known: &mut Leased) -> bool {
        if known.is_none() {
            return false;
        }
        let (mut stands_still, patience) = (false, self.len().max(2));
        for (granted, lease) in known.of.iter_mut().zip(&self.0) {
            if granted.at_most != 0 {
                let left = lease.left();
                if granted.seen.replace(left) != Some(left) {
                    granted.looks = 0;
                }
                granted.looks += 1;
                stands_still |= left.len() != 0 && granted.looks >= patience;
            }
        }
        stands_still
    }

    /// That worker, which calls, has begun all of its lease. False if there is more in it.
    pub(super) fn end(&self, known: &mut Leased, worker: usize) -> bool {
        let granted = &mut known.of[worker].at_most;
        let is_over = *granted == 0 || self.0[worker].left().len() == 0;
        if is_over {
            known.at_most -= mem::take(granted);
        }
        is_over
    }

    /// Takes all of them back. What is in them is older than all other entries.
    pub(super) fn revoke(&self, known: &mut Leased, entries: &mut VecDeque<(u64, E)>) {
        if known.is_none() {
            return;
        }
        let mut back = Vec::new();
        for (granted, lease) in known.of.iter_mut().zip(&self.0) {
            if mem::take(&mut granted.at_most) != 0 {
                // SAFETY: (1) the caller has what the lock guards.
                back.extend(unsafe { lease.revoke() });
            }
        }
        known.at_most = 0;
        back.sort_unstable_by_key(|(number, _)| *number);
        back.into_iter().rev().for_each(|entry| entries.push_front(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::{Leased, Leases};
    use std::collections::VecDeque;

    /// How many looks it takes, after none or one of two entries has been begun.
    fn looks(workers: usize, begins: bool) -> usize {
        let (leases, mut known) = (Leases::new(workers), Leased::new(workers));
        leases.grant(&mut known, 0, vec![(0, 'a'), (1, 'b')].into_iter());
        if begins {
            assert!(!leases.stands_still(&mut known));
            assert_eq!(leases.begin(0), Some('a'));
        }
        let looks = 1 + (0..).take_while(|_| !leases.stands_still(&mut known)).count();
        let mut back = VecDeque::new();
        leases.revoke(&mut known, &mut back);
        assert_eq!(back.len(), 2 - usize::from(begins));
        assert!(known.is_none() && !leases.stands_still(&mut known));
        looks
    }

    #[test]
    fn a_lease_stands_still_after_a_look_of_each_worker() {
        for (workers, expected) in [(1, 2), (2, 2), (3, 3), (16, 16)] {
            assert_eq!([looks(workers, false), looks(workers, true)], [expected; 2]);
        }
    }

    #[test]
    fn a_lease_of_which_all_has_been_begun_does_not_stand_still() {
        let (leases, mut known) = (Leases::new(2), Leased::new(2));
        leases.grant(&mut known, 0, vec![(0, 'a')].into_iter());
        assert_eq!(leases.begin(0), Some('a'));
        assert!((0..9).all(|_| !leases.stands_still(&mut known)));
    }
}
