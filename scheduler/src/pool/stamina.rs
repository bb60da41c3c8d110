//! How long a worker that has nothing to do goes on looking before it sleeps.
//!
//! To look for a while pays where the next job is about to come, as between two bursts of forks: it saves a
//! sleep and a wake. Where jobs come alone and far apart it saves nothing, takes CPU time, and makes the next
//! wake slower: it fits what was measured (docs/performance.md) that Linux lets a thread that it wakes run at
//! once only if it has had less than its share of the core, and a worker that looks round after each job has
//! had more.
//!
//! What is to come nobody knows, so a worker goes by what came last. A search in vain halves the next one. A
//! search that found a job brings back the full length, and so does a sleep so short that a search might have
//! saved it.
//!
//! A new worker does not search, but looks about for as long, and gives way each time. Its thread has just begun, and the
//! system may have put it on the core of the one who builds the pool, who has more threads to start and a job to submit.
//! Others rely on a searcher, which has to run.
//!
//! Who was woken by a caller that waits for this very core, or is likely to, goes to sleep when it has nothing more: the
//! caller is the one who will have the next job, and as long as the worker looks for it, it may not come to submit it.

use crate::sync::{Instant, SEARCH_ROUNDS};
use std::cell::Cell;
use std::time::Duration;

/// After a sleep not longer than this, a full search might have found the job. A full search takes some
/// 10 µs; the rest is for the wake itself, at worst of a core that was idle. Longer: workers look in vain for
/// jobs that come less often. Shorter: a worker that has once fallen asleep between two bursts of forks may do
/// so after each that follows.
const SHORT_SLEEP: Duration = Duration::from_micros(50);

/// After so many long sleeps in a row only every so-manieth is timed: when a worker has slept for long, the clock is
/// in no cache of its core, and to read it costs a microsecond before the job that it was woken for. More: it
/// notices later that jobs come in bursts again. Fewer: more lone jobs wait for the clock.
const TIRED: u32 = 8;

/// Of one worker's main loop, on its own thread.
#[derive(Debug)]
pub(crate) struct Stamina {
    rounds: Cell<u32>,
    /// Sleeps since the last short one, or since a search that found something.
    sleeps: Cell<u32>,
    new: Cell<bool>,
    /// The next search is left out.
    serves: Cell<bool>,
}

impl Stamina {
    pub(crate) fn new() -> Self {
        let (new, serves) = (Cell::new(true), Cell::new(false));
        Self { rounds: Cell::new(SEARCH_ROUNDS), sleeps: Cell::new(0), new, serves }
    }

    /// How often the next search goes round all victims. 0: a worker that runs out of work goes to sleep at
    /// once, as one does that has enough others searching.
    pub(crate) fn rounds(&self) -> u32 {
        if self.serves.replace(false) { 0 } else { self.rounds.get() }
    }

    /// The worker looks for work. Whether it does so for the first time.
    pub(crate) fn begins(&self) -> bool {
        self.new.replace(false)
    }

    /// A search found a job at its second look or later.
    pub(crate) fn found(&self) {
        self.rounds.set(SEARCH_ROUNDS);
        self.sleeps.set(0);
    }

    /// A search found nothing.
    pub(crate) fn in_vain(&self) {
        self.rounds.set(self.rounds.get() / 2);
    }

    /// The worker was woken by a caller that wants the worker's core next: the search after that one's job is left out.
    pub(crate) fn serves(&self) {
        self.serves.set(true);
    }

    /// The worker goes to sleep. The time, if it is to say how long it [slept](Self::slept).
    pub(crate) fn falls_asleep(&self) -> Option<Instant> {
        let sleeps = self.sleeps.get().wrapping_add(1);
        self.sleeps.set(sleeps);
        let timed = sleeps <= TIRED || sleeps.is_multiple_of(TIRED);
        timed.then(Instant::now)
    }

    /// The worker was woken for work after a sleep of that length.
    pub(crate) fn slept(&self, length: Duration) {
        if length <= SHORT_SLEEP {
            self.found();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHORT_SLEEP, Stamina, TIRED};
    use crate::sync::SEARCH_ROUNDS;
    use std::time::Duration;

    /// As after many lone jobs.
    fn tired() -> Stamina {
        let stamina = Stamina::new();
        (0..SEARCH_ROUNDS).for_each(|_| stamina.in_vain());
        stamina
    }

    #[test]
    fn a_worker_is_new_once() {
        let stamina = Stamina::new();
        assert!(stamina.begins());
        assert!(!stamina.begins());
    }

    #[test]
    fn each_search_in_vain_halves_the_next_until_there_is_none() {
        let stamina = Stamina::new();
        let mut rounds = SEARCH_ROUNDS;
        while rounds != 0 {
            assert_eq!(stamina.rounds(), rounds);
            stamina.in_vain();
            rounds /= 2;
        }
        stamina.in_vain();
        assert_eq!(stamina.rounds(), 0);
    }

    #[test]
    fn a_search_that_found_a_job_is_followed_by_a_full_one() {
        let stamina = tired();
        stamina.found();
        assert_eq!(stamina.rounds(), SEARCH_ROUNDS);
    }

    #[test]
    fn so_is_a_short_sleep_and_not_a_long_one() {
        let stamina = tired();
        stamina.slept(SHORT_SLEEP + Duration::from_nanos(1));
        assert_eq!(stamina.rounds(), 0);
        stamina.slept(SHORT_SLEEP);
        assert_eq!(stamina.rounds(), SEARCH_ROUNDS);
    }

    #[test]
    fn who_serves_a_caller_leaves_out_one_search() {
        let stamina = Stamina::new();
        stamina.serves();
        assert_eq!(stamina.rounds(), 0);
        assert_eq!(stamina.rounds(), SEARCH_ROUNDS);
    }

    #[test]
    fn after_many_long_sleeps_few_are_timed_until_one_is_short() {
        let stamina = Stamina::new();
        let timed = |n: u32| (0..n).filter(|_| stamina.falls_asleep().is_some()).count();
        assert_eq!(timed(TIRED), TIRED as usize);
        assert_eq!(timed(5 * TIRED), 5);
        stamina.slept(SHORT_SLEEP);
        assert_eq!(timed(TIRED), TIRED as usize);
    }
}
