//! `n` jobs that wait for each other all run on `n` workers, whichever way they come in and
//! whatever else lies in the queues. One that is not found hangs the round.
#![cfg_attr(scheduler_tsan, feature(custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]

mod support;

use scheduler::{ThreadPool, join, spawn};
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use support::stress::{Random, amount, each_size};
use support::sync::{Arc, Barrier, thread};
use support::{usable, wait_until};

/// Where the jobs of a round meet. Blocking, as by a lock, or spinning, as by a flag.
struct Meeting {
    all: usize,
    here: AtomicUsize,
    blocking: Option<Barrier>,
}

impl Meeting {
    fn new(all: usize, blocking: bool) -> Self {
        let blocking = blocking.then(|| Barrier::new(all));
        Self { all, here: AtomicUsize::new(0), blocking }
    }

    fn wait(&self) {
        self.here.fetch_add(1, SeqCst);
        match &self.blocking {
            Some(barrier) => _ = barrier.wait(),
            None => wait_until(|| self.here.load(SeqCst) == self.all),
        }
    }
}

/// The leaves of a balanced tree.
fn by_tree(n: usize, meeting: &Meeting) {
    match n {
        0 => {}
        1 => meeting.wait(),
        n => drop(join(|| by_tree(n / 2, meeting), || by_tree(n - n / 2, meeting))),
    }
}

/// All but one of the jobs lie in one worker's deque.
fn by_chain(n: usize, meeting: &Meeting) {
    match n {
        0 => {}
        1 => meeting.wait(),
        n => drop(join(|| by_chain(n - 1, meeting), || meeting.wait())),
    }
}

fn meet(pool: &ThreadPool, way: u64, blocking: bool) -> usize {
    let n = pool.current_num_threads();
    let meeting = Arc::new(Meeting::new(n, blocking));
    let guest = || {
        let meeting = Arc::clone(&meeting);
        move || meeting.wait()
    };
    match way {
        0 => pool.install(|| by_tree(n, &meeting)),
        1 => pool.install(|| by_chain(n, &meeting)),
        2 => pool.scope(|s| (0..n).for_each(|_| drop(s.spawn(|| meeting.wait())))),
        3 => pool.in_place_scope(|s| (0..n).for_each(|_| drop(s.spawn(|| meeting.wait())))),
        4 => {
            let handles: Vec<_> = (0..n).map(|_| pool.spawn(guest())).collect();
            handles.into_iter().for_each(|handle| handle.join().expect("it did not panic"));
        }
        5 => pool.install(|| {
            let handles: Vec<_> = (1..n).map(|_| spawn(guest())).collect();
            meeting.wait();
            handles.into_iter().for_each(|handle| handle.join().expect("it did not panic"));
        }),
        6 => drop(pool.broadcast(|_| meeting.wait())),
        // From outside, from a worker and from a tree, together.
        _ => thread::scope(|s| {
            let third = n / 3;
            let meeting = &meeting;
            s.spawn(move || pool.install(|| by_tree(third, meeting)));
            let guests: Vec<_> = (0..third).map(|_| guest()).collect();
            s.spawn(|| pool.install(|| guests.into_iter().for_each(|guest| drop(spawn(guest)))));
            (2 * third..n).for_each(|_| drop(pool.spawn(guest())));
            wait_until(|| meeting.here.load(SeqCst) == n);
        }),
    }
    meeting.here.load(SeqCst)
}

#[test]
fn as_many_jobs_as_workers_meet() {
    each_size("as_many_jobs_as_workers_meet", |workers, progress| {
        let pool = progress.pool(workers);
        let mut random = Random::new(workers as u64);
        for round in 0..amount(300, 5000, 200_000) {
            // Short jobs, so that the workers are anywhere between work and sleep.
            for _ in 0..random.below(4) {
                let spins = random.below(500);
                drop(pool.spawn(move || (0..spins).for_each(|_| spin_loop())));
            }
            assert_eq!(meet(&pool, random.below(8), round % 2 == 0), workers);
            progress.round();
        }
    });
}

/// One job at a time, whose owner waits for it and looks at its deque no more, while the others
/// are on their way to sleep: the store of the push races their last look.
#[test]
fn a_stuck_owners_job_runs() {
    each_size("a_stuck_owners_job_runs", |workers, progress| {
        if workers == 1 {
            return;
        }
        let pool = progress.pool(workers);
        let mut random = Random::new(workers as u64);
        pool.install(|| {
            for _ in 0..amount(2000, 20_000, 10_000_000) {
                (0..random.below(2000)).for_each(|_| spin_loop());
                let ran = AtomicBool::new(false);
                join(|| wait_until(|| ran.load(SeqCst)), || ran.store(true, SeqCst));
                progress.round();
            }
        });
        usable(&pool);
    });
}
