//! One queue, crossbeam's channel, with a bound: a submitter waits where the queue is full.

use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};

use super::{Ability, BOUND, Pool};

pub(crate) struct ChannelBounded {
    /// There until the pool ends.
    jobs: Option<Sender<Box<dyn FnOnce() + Send>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool for ChannelBounded {
    const NAME: &'static str = "channel-bounded";
    const ABILITIES: &'static [Ability] = &[Ability::Submit, Ability::Call, Ability::Threads];

    fn start(workers: usize) -> Option<ChannelBounded> {
        let (jobs, queue) = bounded::<Box<dyn FnOnce() + Send>>(BOUND);
        let threads = super::start_threads(workers, move || queue.iter().for_each(|job| job()));
        Some(ChannelBounded { jobs: Some(jobs), threads })
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        let jobs = self.jobs.as_ref().expect("the pool has not ended");
        jobs.send(Box::new(job)).expect("the workers listen");
    }

    fn call<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (reply, value) = bounded(1);
        self.submit(move || reply.send(job()).expect("the caller waits"));
        value.recv().expect("each job is run")
    }
}

impl Drop for ChannelBounded {
    fn drop(&mut self) {
        self.jobs = None;
        super::join_threads(&mut self.threads);
    }
}
