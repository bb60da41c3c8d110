//! A pool's whole life: its threads start, one job runs, its threads end.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Job, Sample, check};
use crate::Contender;

#[derive(Debug)]
pub(crate) struct Start;

impl Job for Start {
    fn title(&self) -> String {
        "start of a pool, one job, and its end".into()
    }

    fn run(&self, contender: &Contender) -> Sample {
        let ran = AtomicU32::new(0);
        let (sample, ()) = Sample::wall(|| {
            let fresh = Contender::start(contender.name, contender.workers);
            let fresh = fresh.expect("there is one like it already");
            fresh.parallel_for(0..1, 1, &|_| {
                ran.fetch_add(1, Relaxed);
            });
        });
        check(self, contender, ran.into_inner(), 1);
        sample
    }
}
