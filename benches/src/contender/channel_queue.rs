//! One queue again, this time crossbeam's channel, which needs no lock.

use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded, unbounded};

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct ChannelQueue {
    /// There until the pool ends.
    jobs: Option<Sender<Box<dyn FnOnce() + Send>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool for ChannelQueue {
    const NAME: &'static str = "channel-queue";
    const ABILITIES: &'static [Ability] =
        &[Ability::Submit, Ability::Call, Ability::Loop, Ability::Threads];

    fn start(workers: usize) -> Option<ChannelQueue> {
        let (jobs, queue) = unbounded::<Box<dyn FnOnce() + Send>>();
        let threads = super::start_threads(workers, move || queue.iter().for_each(|job| job()));
        Some(ChannelQueue { jobs: Some(jobs), threads })
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

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        super::submit_chunks(self, chunks, body);
    }
}

impl Drop for ChannelQueue {
    fn drop(&mut self) {
        self.jobs = None;
        super::join_threads(&mut self.threads);
    }
}
