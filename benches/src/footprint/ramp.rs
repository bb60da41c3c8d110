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

/// How the tasks are forked, and what each of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    OneByOne,
    ByHalves,
    /// One by one; they leave their cores to others.
    Blocking,
}

pub(super) fn cases() -> Vec<Case> {
    use Form::{Blocking, ByHalves, OneByOne};
    let tasks = [Peer::Ours, Peer::Rayon, Peer::Tokio];
    let joins = [Peer::Ours, Peer::Rayon, Peer::Chili];
    let groups = [
        (2, OneByOne, "one by one", tasks),
        (2, ByHalves, "by halves", joins),
        (8, OneByOne, "one by one", tasks),
        (8, ByHalves, "by halves", joins),
        (8, Blocking, "one by one, tasks that block", tasks),
    ];
    let mut cases = Vec::new();
    for (workers, form, form_name, peers) in groups {
        for peer in peers {
            let name = format!("{workers} workers, {form_name}, {}", peer.name());
            cases.push(Case::new(name, move |size| measure(peer, workers, form, size)));
        }
    }
    cases
}

fn measure(peer: Peer, workers: usize, form: Form, size: Size) -> Reading {
    let pool = Pool::start(peer, workers);
    let pass = if form == Form::Blocking { thread::sleep } else { spin };
    let burst = || {
        let muster = Arc::new(Muster::of(workers));
        let body = {
            let muster = Arc::clone(&muster);
            move || muster.task(pass)
        };
        let tasks = workers * TASKS_PER_WORKER;
        let begun = match form {
            Form::ByHalves => pool.tree(tasks, &body),
            Form::OneByOne | Form::Blocking => pool.burst(tasks, Arc::new(body)),
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

    fn task(&self, pass: fn(Duration)) {
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
        pass(TASK);
    }
}
