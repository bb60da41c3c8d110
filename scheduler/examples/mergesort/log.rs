//! What is written down while the sort runs.

use scheduler::{Context, ThreadPool};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// How often the pool is asked what it has counted. That takes a microsecond or so.
const STEP: Duration = Duration::from_micros(500);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sort,
    Merge,
}

/// A piece of the work that is not cut any further.
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) worker: usize,
    pub(crate) begin: Duration,
    pub(crate) end: Duration,
    numbers: usize,
}

/// How many jobs each worker has stolen so far.
pub(crate) struct Sample {
    pub(crate) at: Duration,
    pub(crate) steals: Vec<u64>,
}

pub(crate) struct Log {
    begin: Instant,
    pieces: Mutex<Vec<Piece>>,
}

/// The log of a run that is over.
pub(crate) struct History {
    pub(crate) end: Duration,
    /// In the order of their ends.
    pub(crate) pieces: Vec<Piece>,
    pub(crate) samples: Vec<Sample>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now(), pieces: Mutex::default() }
    }

    /// Does a piece of the work.
    pub(crate) fn piece(&self, cx: Context<'_>, kind: Kind, numbers: usize, work: impl FnOnce()) {
        let begin = self.begin.elapsed();
        work();
        let end = self.begin.elapsed();
        let piece = Piece { kind, worker: cx.thread_index(), begin, end, numbers };
        self.pieces.lock().unwrap().push(piece);
    }

    /// Does all of the work, and looks at the pool's steals meanwhile.
    pub(crate) fn watch(self, pool: &ThreadPool, work: impl FnOnce(&Self)) -> io::Result<History> {
        let (running, over) = mpsc::channel::<()>();
        let log = &self;
        let watch = move || {
            let mut samples = vec![log.sample(pool)];
            // Nothing is ever sent: it ends when the sender is gone, also if the work panics.
            while over.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
                samples.push(log.sample(pool));
            }
            samples.push(log.sample(pool));
            samples
        };
        let (end, samples) = thread::scope(|s| {
            let watcher = thread::Builder::new().name("watcher".to_owned());
            let watcher = watcher.spawn_scoped(s, watch)?;
            work(log);
            let end = log.begin.elapsed();
            drop(running);
            io::Result::Ok((end, watcher.join().expect("it only looks")))
        })?;
        Ok(History { end, pieces: self.pieces.into_inner().unwrap(), samples })
    }

    fn sample(&self, pool: &ThreadPool) -> Sample {
        let at = self.begin.elapsed();
        let workers = pool.metrics().workers;
        // From each other: not the closure that came from outside.
        let steals = workers.iter().map(|worker| &worker.counts);
        Sample {
            at,
            steals: steals.map(|counts| counts.steals_tail + counts.steals_forced).collect(),
        }
    }
}

impl History {
    /// How many numbers there are in all pieces of that kind.
    pub(crate) fn numbers(&self, kind: Kind) -> usize {
        let pieces = self.pieces.iter().filter(|piece| piece.kind == kind);
        pieces.map(|piece| piece.numbers).sum()
    }

    /// How many there were in all.
    pub(crate) fn steals(&self) -> u64 {
        self.samples.last().map_or(0, |last| last.steals.iter().sum())
    }
}
