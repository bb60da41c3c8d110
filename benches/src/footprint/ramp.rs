//! From the first fork of a burst until each worker has begun one.

use std::{
    sync::{Arc, Mutex, OnceLock},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::{
    Case, Reading, Size, micros,
    pool::{Peer, Pool},
    spin,
};

/// Between bursts, for all to go to sleep.
const PAUSE: Duration = Duration::from_millis(5);
const TASK: Duration = Duration::from_micros(200);
const TASKS_PER_WORKER: usize = 100;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for workers in [2, 8] {
        for peer in [Peer::Ours, Peer::Rayon, Peer::Tokio] {
            let name = format!("{workers} workers, one by one: {}", peer.name());
            cases.push(Case::new(name, move |size| measure(peer, workers, false, size)));
        }
        for peer in [Peer::Ours, Peer::Rayon, Peer::Chili] {
            let name = format!("{workers} workers, by halves: {}", peer.name());
            cases.push(Case::new(name, move |size| measure(peer, workers, true, size)));
        }
    }
    cases
}

fn measure(peer: Peer, workers: usize, halves: bool, size: Size) -> Reading {
    let pool = Pool::start(peer, workers);
    let burst = || {
        let muster = Arc::new(Muster::of(workers));
        let body = {
            let muster = Arc::clone(&muster);
            move || muster.task()
        };
        let tasks = workers * TASKS_PER_WORKER;
        let begun = match halves {
            true => pool.tree(tasks, &body),
            false => pool.burst(tasks, Arc::new(body)),
        };
        muster.full.get().map(|full| full.duration_since(begun))
    };
    burst();
    let (mut full, mut missed) = (Vec::new(), 0);
    for _ in 0..size.pick(40, 10) {
        thread::sleep(PAUSE);
        match burst() {
            Some(time) => full.push(micros(time)),
            None => missed += 1,
        }
    }
    Reading::from([("µs".into(), full), ("missed".into(), vec![f64::from(missed)])])
}

/// Who has begun a task of a burst.
struct Muster {
    workers: usize,
    seen: Mutex<Vec<ThreadId>>,
    full: OnceLock<Instant>,
}

impl Muster {
    fn of(workers: usize) -> Muster {
        Muster { workers, seen: Mutex::default(), full: OnceLock::new() }
    }

    fn task(&self) {
        // What is left over then only has to be got rid of.
        if self.full.get().is_some() {
            return;
        }
        let now = Instant::now();
        let me = thread::current().id();
        let mut seen = self.seen.lock().expect("nobody panics");
        if !seen.contains(&me) {
            seen.push(me);
            if seen.len() == self.workers {
                self.full.set(now).expect("there is one last worker");
            }
        }
        drop(seen);
        spin(TASK);
    }
}
