//! Many small jobs, from threads that are no workers.

use std::{
    sync::{
        Barrier, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, Thread},
};

use super::{Job, Sample, check};
use crate::Contender;

/// Jobs, and the threads that submit them.
#[derive(Debug)]
pub(crate) struct Submit {
    jobs: u64,
    producers: u64,
    /// Outlives every job; one for each work that is built. An `Arc` would have to be cloned for
    /// each job, which costs more than some contenders do.
    sum: &'static Sum,
}

/// What the jobs have come to: each adds its number, which is at least 1.
#[derive(Debug)]
struct Sum {
    so_far: AtomicU64,
    total: u64,
    waiter: Mutex<Option<Thread>>,
}

impl Submit {
    pub(crate) fn new(jobs: u64, producers: u64) -> Submit {
        let total = jobs * (jobs + 1) / 2;
        let sum = Sum { so_far: AtomicU64::new(0), total, waiter: Mutex::new(None) };
        Submit { jobs, producers, sum: Box::leak(Box::new(sum)) }
    }
}

impl Sum {
    #[inline]
    fn add(&self, number: u64) {
        let before = self.so_far.fetch_add(number, Relaxed);
        if before + number >= self.total {
            self.all_done();
        }
    }

    #[cold]
    fn all_done(&self) {
        // Left there: a job that comes here late, in the next run, must not take its waiter away.
        let waiter = self.waiter.lock().expect("nobody panics with the lock held");
        waiter.as_ref().inspect(|waiter| waiter.unpark());
    }

    fn wait(&self) {
        // What was added before `unpark` is seen after `park`.
        while self.so_far.load(Relaxed) < self.total {
            thread::park();
        }
    }
}

impl Job for Submit {
    fn title(&self) -> String {
        let threads = if self.producers == 1 { "thread" } else { "threads" };
        format!("{} jobs submitted by {} outside {threads}", self.jobs, self.producers)
    }

    fn forks(&self) -> u64 {
        self.jobs
    }

    fn run(&self, contender: &Contender) -> Sample {
        let &Submit { jobs, producers, sum } = self;
        sum.so_far.store(0, Relaxed);
        *sum.waiter.lock().expect("nobody panics with the lock held") = Some(thread::current());
        let gate = Barrier::new(producers as usize + 1);
        let share = |producer: u64| {
            gate.wait();
            for number in (1..=jobs).skip(producer as usize).step_by(producers as usize) {
                contender.submit(move || sum.add(number));
            }
        };
        let (sample, ()) = thread::scope(|s| {
            for producer in 0..producers {
                s.spawn(move || share(producer));
            }
            Sample::wall(|| {
                gate.wait();
                sum.wait();
            })
        });
        check(self, contender, sum.so_far.load(Relaxed), sum.total);
        sample
    }
}
