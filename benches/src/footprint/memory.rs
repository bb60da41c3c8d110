//! Memory of a pool, and of a task that waits in one.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    Case, Reading, Size,
    alloc::Usage,
    pool::{Peer, Pool},
};

/// For new threads to get to sleep.
const SETTLE: Duration = Duration::from_millis(100);

pub(super) fn pool_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for workers in [1, 8, 64] {
        for peer in Peer::ALL {
            let name = format!("workers: {workers}, {}", peer.name());
            cases.push(Case::new(name, move |_| measure_pool(peer, workers)));
        }
    }
    cases
}

fn measure_pool(peer: Peer, workers: usize) -> Reading {
    // The first look itself takes memory.
    Usage::now();
    let before = Usage::now();
    let mut reading = Reading::new();
    let mut put = |when: &str| {
        let now = Usage::now();
        let resident = now.resident.zip(before.resident);
        let resident = resident.map(|(now, before)| now.saturating_sub(before) as f64);
        reading.insert(format!("{when} resident"), resident.into_iter().collect());
        let bytes = now.bytes.wrapping_sub(before.bytes) as f64;
        reading.insert(format!("{when} allocated"), vec![bytes]);
    };
    let pool = Pool::start(peer, workers);
    thread::sleep(SETTLE);
    put("started");
    pool.burst(workers * 1_000, Arc::new(|| ()));
    thread::sleep(SETTLE);
    put("used");
    reading
}

const WORKERS: usize = 2;
/// Tasks of a flood after the first one.
const AGAIN: usize = 100_000;
/// Tasks that wait at a time, in a steady state.
const BATCHES: [(&str, usize); 2] = [("by 100", 100), ("by 1000", 1_000)];
/// The same, with nobody there to steal.
const ALONE: usize = 100;

/// How tasks come to wait.
#[derive(Clone, Copy, Debug)]
enum Form {
    Outside(Peer),
    OursFork,
    OursSpawn,
    RayonSpawn,
}

pub(super) fn task_cases() -> Vec<Case> {
    let forms = [
        ("spawn from outside, ours", Form::Outside(Peer::Ours)),
        ("spawn from outside, rayon", Form::Outside(Peer::Rayon)),
        ("spawn from outside, tokio", Form::Outside(Peer::Tokio)),
        ("Scope::fork, ours", Form::OursFork),
        ("Scope::spawn (with a handle), ours", Form::OursSpawn),
        ("Scope::spawn (without), rayon", Form::RayonSpawn),
    ];
    forms.map(|(name, form)| Case::new(name.into(), move |size| measure_tasks(form, size))).into()
}

fn measure_tasks(form: Form, size: Size) -> Reading {
    let ours = |task: Task| drop(scheduler::spawn(task));
    let rayon = |task: Task| rayon::spawn(task);
    match form {
        Form::Outside(peer) => {
            let pool = Pool::start(peer, WORKERS);
            // Once, so that no flood has an allocation that is not the pool's.
            let left: &'static AtomicUsize = Box::leak(Box::default());
            let flood = |tasks: usize, all_wait: AllWait<'_>| {
                left.store(tasks, Ordering::Relaxed);
                (0..tasks).for_each(|_| pool.spawn(move || end(left)));
                all_wait();
                while left.load(Ordering::Relaxed) > 0 {
                    thread::sleep(POLL);
                }
            };
            costs(size, WORKERS, &|task| pool.spawn(task), &flood)
        }
        // The worker that forks is the other one.
        Form::OursFork => Pool::start(Peer::Ours, WORKERS)
            .install(move || costs(size, WORKERS - 1, &ours, &ours_fork)),
        Form::OursSpawn => Pool::start(Peer::Ours, WORKERS)
            .install(move || costs(size, WORKERS - 1, &ours, &ours_spawn)),
        Form::RayonSpawn => Pool::start(Peer::Rayon, WORKERS)
            .install(move || costs(size, WORKERS - 1, &rayon, &rayon_spawn)),
    }
}

const POLL: Duration = Duration::from_micros(50);

type Task = Box<dyn FnOnce() + Send>;

/// Is called when all tasks have been spawned.
type AllWait<'a> = &'a mut (dyn FnMut() + Send);

/// The body of a task, which captures one word.
fn end(left: &AtomicUsize) {
    left.fetch_sub(1, Ordering::Relaxed);
}

macro_rules! flood_of_scope {
    ($name:ident, $scope:path, |$s:ident, $left:ident| $fork:expr) => {
        fn $name(tasks: usize, all_wait: AllWait<'_>) {
            let $left = &AtomicUsize::new(tasks);
            $scope(|$s| {
                (0..tasks).for_each(|_| $fork);
                all_wait();
            });
            assert_eq!($left.load(Ordering::Relaxed), 0, "the scope waits for all tasks");
        }
    };
}

flood_of_scope!(ours_fork, scheduler::scope, |s, left| s.fork(move || end(left)));
flood_of_scope!(ours_spawn, scheduler::scope, |s, left| drop(s.spawn(move || end(left))));
flood_of_scope!(rayon_spawn, rayon::scope, |s, left| s.spawn(move |_| end(left)));

/// Floods with so many workers blocked, twice; then in batches, first with nobody blocked, then, if
/// this is a worker itself, with all others.
fn costs(
    size: Size,
    blocked: usize,
    spawn: &dyn Fn(Task),
    flood: &dyn Fn(usize, AllWait<'_>),
) -> Reading {
    let block = || {
        let gate = Arc::new(Barrier::new(blocked + 1));
        for _ in 0..blocked {
            let gate = Arc::clone(&gate);
            spawn(Box::new(move || {
                // Reached, and opened.
                gate.wait();
                gate.wait();
            }));
        }
        gate.wait();
        gate
    };
    let waiting = |tasks: usize| {
        let gate = block();
        let before = Usage::counted();
        let mut after = before;
        flood(tasks, &mut || {
            after = Usage::counted();
            gate.wait();
        });
        let each = |after: usize, before: usize| (after - before) as f64 / tasks as f64;
        (each(after.bytes, before.bytes), each(after.allocations, before.allocations))
    };
    let batches = |batch: usize| {
        let before = Usage::counted().allocations;
        (0..AGAIN / batch).for_each(|_| flood(batch, &mut || ()));
        (Usage::counted().allocations - before) as f64 / AGAIN as f64
    };
    let (bytes, first) = waiting(size.pick(1_000_000, 100_000));
    let (_, again) = waiting(AGAIN);
    let mut values = vec![("bytes", bytes), ("first", first), ("again", again)];
    values.extend(BATCHES.map(|(name, batch)| (name, batches(batch))));
    if blocked < WORKERS {
        let gate = block();
        values.push(("alone", batches(ALONE)));
        gate.wait();
    }
    values.into_iter().map(|(name, value)| (name.into(), vec![value])).collect()
}
