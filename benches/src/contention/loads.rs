//! What the pools are given to do, and how it is watched.

use std::{
    cell::Cell,
    fs,
    hint::black_box,
    process, ptr,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::pools::{Pool, Task};

/// Threads outside the pool that submit.
pub(super) const PRODUCERS: u64 = 2;

/// Tasks of a burst.
pub(super) const BURST: u64 = 64;

/// How often the end is looked for. Longer would add to the time, shorter take from it.
const POLL: Duration = Duration::from_micros(50);

/// Steps of a task's body: some dozens of nanoseconds.
const STEPS: u64 = 128;

/// The body of a task.
pub(super) fn body() {
    // Hidden at each step: the compiler knows a formula for the whole.
    let _ = (0..STEPS).fold(1_u64, |x, _| black_box(x.wrapping_mul(3)));
}

/// Counts ended tasks on as many lines as there are threads: a common counter would be a queue of
/// its own.
#[derive(Debug)]
pub(crate) struct Tally {
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    ended: AtomicU64,
    /// From submission to start, in nanoseconds.
    latencies: Mutex<Vec<u64>>,
}

/// More than there are threads at a time.
const SLOTS: usize = 256;

fn my_slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS);
    }
    MINE.get()
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { slots: (0..SLOTS).map(|_| Slot::default()).collect() }
    }

    pub(crate) fn end_task(&self) {
        // Ordering: Release, with the Acquire in `ended`: what the task used can go.
        self.slots[my_slot()].ended.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn ended(&self) -> u64 {
        self.slots.iter().map(|slot| slot.ended.load(Ordering::Acquire)).sum()
    }

    fn begun_after(&self, latency: Duration) {
        let mut latencies = self.slots[my_slot()].latencies.lock().expect("nobody panics");
        latencies.push(latency.as_nanos() as u64);
    }

    fn take_latencies(&self) -> Vec<u64> {
        let take = |slot: &Slot| std::mem::take(&mut *slot.latencies.lock().expect("as above"));
        self.slots.iter().flat_map(take).collect()
    }
}

/// What was seen of one load on one pool.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) elapsed: Duration,
    /// Context switches of all threads but the one that watches.
    pub(super) switches: Option<u64>,
    /// Sorted, in nanoseconds; empty where none are taken.
    pub(super) latencies: Vec<u64>,
}

/// A way to load a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Threads outside submit as fast as they can.
    Flood,
    /// Each task submits two more, down to some depth.
    Tree,
    /// One thread outside submits [`BURST`] tasks and waits for them, again and again.
    Bursts,
}

impl Load {
    /// How many tasks of about `tasks` it really has.
    pub(super) fn tasks(self, tasks: u64) -> u64 {
        match self {
            Load::Flood => tasks / PRODUCERS * PRODUCERS,
            Load::Tree => (tasks + 1).next_power_of_two() - 1,
            Load::Bursts => tasks / BURST * BURST,
        }
    }

    /// Runs about `tasks` tasks on `pool`, and waits for all of them.
    pub(super) fn run(self, pool: &(dyn Pool + 'static), tally: &Tally, tasks: u64) -> Seen {
        let tasks = self.tasks(tasks);
        // SAFETY: it is used by tasks alone, and this function ends when all of them have counted
        // themselves, after their last use of it.
        let pool: &'static dyn Pool = unsafe { &*ptr::from_ref(pool) };
        // SAFETY: as above.
        let tally: &'static Tally = unsafe { &*ptr::from_ref(tally) };
        let before = tally.ended();
        let until = |ended: u64| {
            while tally.ended() - before < ended {
                thread::sleep(POLL);
            }
        };
        match self {
            Load::Flood => flood(pool, tally, tasks / PRODUCERS, || until(tasks)),
            Load::Tree => watched(|| {
                pool.submit(Box::new(move || node(pool, tally, tasks)));
                until(tasks);
            }),
            Load::Bursts => {
                let mut seen = watched(|| bursts(pool, tally, tasks));
                seen.latencies = tally.take_latencies();
                seen.latencies.sort_unstable();
                seen
            }
        }
    }
}

fn leaf(tally: &'static Tally) -> Task {
    Box::new(|| {
        body();
        tally.end_task();
    })
}

fn flood(pool: &dyn Pool, tally: &'static Tally, each: u64, until_ended: impl Fn()) -> Seen {
    // A thread that is gone is no longer asked for its switches.
    let (start, seen_all) =
        (Barrier::new(PRODUCERS as usize + 1), Barrier::new(PRODUCERS as usize + 1));
    let produce = || {
        start.wait();
        (0..each).for_each(|_| pool.submit(leaf(tally)));
        seen_all.wait();
    };
    thread::scope(|s| {
        (0..PRODUCERS).for_each(|_| drop(s.spawn(produce)));
        let seen = watched(|| {
            start.wait();
            until_ended();
        });
        seen_all.wait();
        seen
    })
}

/// One of a tree of `tasks` tasks, a power of two less one.
fn node(pool: &'static dyn Pool, tally: &'static Tally, tasks: u64) {
    if tasks > 1 {
        for _ in 0..2 {
            pool.submit(Box::new(move || node(pool, tally, tasks / 2)));
        }
    }
    body();
    tally.end_task();
}

fn bursts(pool: &dyn Pool, tally: &'static Tally, tasks: u64) {
    let driver = thread::current();
    for _ in 0..tasks / BURST {
        let left = Arc::new(AtomicU64::new(BURST));
        for _ in 0..BURST {
            let (left, driver) = (Arc::clone(&left), driver.clone());
            let submitted = Instant::now();
            pool.submit(Box::new(move || {
                tally.begun_after(submitted.elapsed());
                body();
                // Ordering: Release, with the Acquire below, as in `end_task`.
                if left.fetch_sub(1, Ordering::Release) == 1 {
                    driver.unpark();
                }
            }));
        }
        while left.load(Ordering::Acquire) != 0 {
            thread::park();
        }
    }
}

fn watched(run: impl FnOnce()) -> Seen {
    let before = switches();
    let begun = Instant::now();
    run();
    let elapsed = begun.elapsed();
    let switches = switches().zip(before).map(|(after, before)| after.saturating_sub(before));
    Seen { elapsed, switches, latencies: Vec::new() }
}

/// The context switches, wanted and unwanted, of all living threads but the calling one.
fn switches() -> Option<u64> {
    let mine = fs::read_link("/proc/thread-self").ok()?;
    let threads = fs::read_dir(format!("/proc/{}/task", process::id())).ok()?;
    let others = threads.flatten().filter(|thread| Some(&*thread.file_name()) != mine.file_name());
    // A thread may end meanwhile.
    let status = others.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    Some(status.map(|status| switches_of(&status)).sum())
}

/// Reads a thread's `status`.
fn switches_of(status: &str) -> u64 {
    let lines = status.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
    lines.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contention::pools::POOLS;

    #[test]
    fn every_pool_runs_every_task() {
        let tally = Tally::new();
        for (name, start) in POOLS {
            for workers in [1, 3] {
                let pool = start(workers);
                for load in [Load::Flood, Load::Tree, Load::Bursts] {
                    let before = tally.ended();
                    let seen = load.run(&*pool, &tally, 500);
                    let (ran, expected) = match load {
                        Load::Bursts => (seen.latencies.len() as u64, 448),
                        Load::Flood => (tally.ended() - before, 500),
                        Load::Tree => (tally.ended() - before, 511),
                    };
                    assert_eq!(ran, expected, "{load:?} on {name} with {workers}");
                    assert_eq!(load.tasks(500), expected, "{load:?}");
                }
            }
        }
    }

    #[test]
    fn both_kinds_of_switches_count() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(switches_of(status), 157);
    }
}
