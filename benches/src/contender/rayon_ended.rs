//! rayon, waited for at its end: by itself it returns while its threads are still there.
//!
//! It counts as over when each thread has called its exit handler. The threads themselves end a little later, and
//! nobody outside of rayon can wait for that.

use std::sync::{
    Mutex,
    mpsc::{self, Receiver},
};

use ::rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Ability, Body, Chunks, Pool};
use crate::STACK;

pub(crate) struct RayonEnded {
    /// `None` once it has been dropped.
    pool: Option<ThreadPool>,
    workers: usize,
    exits: Mutex<Receiver<()>>,
}

impl Pool for RayonEnded {
    const NAME: &'static str = "rayon-ended";
    const ABILITIES: &'static [Ability] = &[Ability::Life];

    fn start(workers: usize) -> Option<RayonEnded> {
        let (exit, exits) = mpsc::channel();
        let tell = move |_| exit.send(()).expect("who drops the pool waits for this");
        let builder = ThreadPoolBuilder::new().num_threads(workers).stack_size(STACK);
        let pool = builder.exit_handler(tell).build();
        let pool = pool.unwrap_or_else(|e| panic!("cannot start rayon's pool of {workers}: {e}"));
        Some(RayonEnded { pool: Some(pool), workers, exits: Mutex::new(exits) })
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        let pool = self.pool.as_ref().expect("it is not dropped yet");
        super::rayon::parallel_for(pool, chunks, body);
    }
}

impl Drop for RayonEnded {
    fn drop(&mut self) {
        self.pool = None;
        let exits = self.exits.get_mut().expect("nobody locks it");
        let exits = exits.iter().take(self.workers).count();
        assert_eq!(exits, self.workers, "each thread tells when it ends");
    }
}
