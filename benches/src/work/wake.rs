//! How long a job waits for a worker that sleeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Job, Sample};
use crate::{Contender, clock};

/// Jobs for an idle pool, one at a time.
#[derive(Debug)]
pub(crate) struct Wake {
    pub(crate) samples: usize,
    /// The submitting thread sleeps so long between two of them, and a little more: so much does
    /// the system need to wake it up again.
    pub(crate) gap: Duration,
}

impl Job for Wake {
    fn title(&self) -> String {
        format!("from submit to start, a job each {:?}", self.gap)
    }

    fn run(&self, contender: &Contender) -> Sample {
        // 0: the job has not begun.
        let waited = Arc::new(AtomicU64::new(0));
        let latency = |_| {
            let slot = Arc::clone(&waited);
            let submitted = Instant::now();
            contender.submit(move || {
                let waited = submitted.elapsed().as_nanos() as u64;
                slot.store(waited.max(1), Relaxed);
            });
            thread::sleep(self.gap);
            loop {
                match waited.swap(0, Relaxed) {
                    0 => thread::yield_now(),
                    nanoseconds => return nanoseconds,
                }
            }
        };
        let before = clock::process();
        let ns: Vec<_> = (0..self.samples).map(latency).collect();
        let used = clock::process().zip(before).map(|(now, before)| now.saturating_sub(before));
        let cpu = used.map(|used| used.as_nanos() as f64 / ns.len() as f64);
        Sample::Latencies { ns, cpu }
    }
}
