//! What a searcher does beside looking at what is public.
//!
//! *Jobs that are not.* An owner publishes at its next fork. As long as it does not fork, what it has must be taken by
//! force: a barrier, of some microseconds, which interrupts others as well. The last look before a sleep does
//! that in any case. A searcher need not wait for so long where a head stands still: its owner is in a
//! long leaf. The steal is that of `queue/head.rs`: `top`, then `heavy`, then one job.
//!
//! *Jobs for others.* Where a job lay there may be more, and other workers may sleep. The last searcher wakes one
//! when it leaves (`sleep/README.md`); by that alone they would wake one after the other. Who sees enough for
//! several wakes one beyond, so that those awake double with each step.

use super::Worker;
use crate::job::JobRef;
use crate::sync::STILL_ROUNDS;

/// What a searcher knows of the others' heads.
#[derive(Debug, Default)]
pub(crate) enum Watch {
    /// It has seen no job.
    #[default]
    Nothing,
    /// In the head of that worker its jobs were from here to there.
    Seen(usize, [u64; 2]),
    /// It has forced once. In one search that is enough: others may have seen the same.
    Spent,
}

impl Worker {
    /// In a search, a job out of a head that is as it was so many rounds ago.
    pub(crate) fn take_still(&self, watch: &mut Watch, round: u32) -> Option<JobRef> {
        // Without a barrier nobody forces, and nothing stays in a head.
        if !(round + 1).is_multiple_of(STILL_ROUNDS) || self.word().peek().eager() {
            return None;
        }
        let ends = |victim| {
            let head = self.registry.head(victim);
            [head.top(), head.next_index_for_thief()]
        };
        match *watch {
            Watch::Spent => return None,
            Watch::Seen(victim, seen) if ends(victim) == seen => {
                *watch = Watch::Spent;
                return self.force_from(victim);
            }
            _ => {}
        }
        let mut seen = self.victims().map(|victim| (victim, ends(victim)));
        let seen = seen.find(|(_, [top, next])| top < next);
        *watch = seen.map_or(Watch::Nothing, |(victim, ends)| Watch::Seen(victim, ends));
        None
    }

    /// The worker does not search any more. Wakes another if there was more where it took a job from than the
    /// searchers are, and others were asleep.
    pub(super) fn bring_another(&self, asleep: u64) {
        let Some(victim) = self.robbed.take().filter(|_| asleep != 0) else { return };
        let public = self.registry.slot(victim).stealer.len();
        let more = public + self.registry.head(victim).len_for_thief();
        self.registry.sleep().announce_more(more as u64);
    }
}

#[cfg(all(test, not(any(scheduler_loom, scheduler_shuttle))))]
mod tests {
    use super::Watch;
    use crate::job::StackJob;
    use crate::pool::hooks::Hooks;
    use crate::pool::registry::Registry;
    use crate::pool::worker::Worker;
    use crate::sync::STILL_ROUNDS;
    use std::array;

    /// Two workers of four that are this thread, in turn; the first has as many jobs in its head.
    fn robbing<const JOBS: usize>(f: impl FnOnce(&Worker, &Worker)) {
        let (registry, tails) = Registry::new(4, Box::default(), Hooks::default());
        if registry.sleep().word().peek().eager() {
            return; // Nothing stays in a head.
        }
        (0..4).for_each(|index| registry.sleep().enlist(index));
        let mut tails = tails.into_iter();
        let mut worker = |index| {
            let tail = tails.next().expect("there are four");
            Worker::new(registry.clone(), index, tail)
        };
        let (owner, thief) = (worker(0), worker(1));
        let jobs: [_; JOBS] = array::from_fn(|_| StackJob::new(|| ()));
        owner.enter(|| {
            for job in &jobs {
                // SAFETY: run below or by `f`, before the jobs end; asked once.
                owner.push(unsafe { job.as_job_ref() });
            }
            f(&owner, &thief);
            owner.run_dry();
        });
    }

    fn round(n: u32) -> u32 {
        n * STILL_ROUNDS - 1
    }

    #[test]
    fn a_job_is_taken_out_of_a_head_that_stands_still() {
        robbing::<2>(|owner, thief| {
            let mut watch = Watch::default();
            let mut take = |round| {
                let job = thief.take_still(&mut watch, round);
                job.map(|job| owner.run(job)).is_some()
            };
            assert!(!take(round(1)), "at the first look nobody knows whether it stands still");
            assert!(!(round(1) + 1..round(2)).any(&mut take), "in between it does not look");
            assert!(take(round(2)));
            assert!(!(round(2) + 1..round(6)).any(&mut take), "once is enough");
            assert_eq!(thief.counters().snapshot().steals_forced, 1);
        });
    }

    #[test]
    fn a_head_that_moves_is_left_to_its_owner() {
        robbing::<3>(|owner, thief| {
            let mut watch = Watch::default();
            for n in 1..=3 {
                assert!(thief.take_still(&mut watch, round(n)).is_none());
                owner.run(owner.take_local().expect("three"));
            }
        });
    }

    #[test]
    fn who_finds_many_jobs_wakes_one_more_than_the_last_searcher_does() {
        for (rob, awake) in [(true, 2), (false, 1)] {
            robbing::<4>(|owner, thief| {
                let sleep = thief.registry().sleep();
                assert!(sleep.try_search());
                let job = if rob { thief.force_from(0) } else { owner.take_local() };
                owner.run(job.expect("four"));
                let _asleep = [sleep.prepare(2, false), sleep.prepare(3, false)];
                thief.bring_another(sleep.leave_search(|| false));
                assert_eq!(sleep.word().peek().searching(), awake);
            });
        }
    }
}
