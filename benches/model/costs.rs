//! What the operations cost, in picoseconds.

use std::{
    collections::VecDeque,
    fmt,
    hint::{black_box, spin_loop},
    sync::{
        Barrier, Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering, fence},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::stats::{median, quantile};

/// Picoseconds per operation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// A push or a pop of a boxed closure on a queue behind a lock that nobody else wants; half of
    /// the box's allocation and release included.
    pub lock: u64,
    /// The same with two cores that do nothing else: one operation of either. The lock is std's,
    /// which its last holder may well have again: a strict order would cost more. Where a second
    /// core was never to be had: the operation and two lines.
    pub hand_over: u64,
    /// A compare-exchange on a line that is here.
    pub cas: u64,
    /// A line from one core to another, one way: half of a ping-pong.
    pub line: u64,
    /// A send or a receive on an unbounded channel that nobody else uses, less one exchange.
    pub queue: u64,
    /// A notification of a condition variable at which nobody waits: std asks the kernel all the same.
    pub notify: u64,
    /// A look into another's empty deque that has not changed.
    pub probe: u64,
    /// The 16 pauses between two rounds of a search.
    pub pause: u64,
    /// A `join` that nobody steals, beyond the call.
    pub fork: u64,
    /// A spawn on a worker that runs it itself, beyond the call.
    pub spawn: u64,
    /// The barrier before a sleep, with the other core running: `membarrier(2)`.
    pub barrier: u64,
    /// What waking another costs the waker.
    pub unpark: u64,
    /// From there until the other runs, with the waker's core kept busy.
    pub wake: u64,
}

/// Measured rounds; each takes every cost once.
const ROUNDS: usize = 15;

impl Costs {
    /// Measures all costs here, round by round, and takes medians.
    ///
    /// # Panics
    /// If a pool cannot be started.
    pub fn measure() -> Costs {
        let pool = scheduler::ThreadPool::new(1);
        let pool = pool.unwrap_or_else(|e| panic!("cannot start a pool of one: {e}"));
        let measures: [&dyn Fn() -> f64; 12] = [
            &lock,
            &cas,
            &line,
            &channel,
            &notify,
            &probe,
            &pause,
            &|| pool.install(fork),
            &|| pool.install(spawn),
            &barrier,
            &|| wake().0,
            &|| wake().1,
        ];
        let mut samples = [const { Vec::new() }; 12];
        let mut hand_overs = Vec::new();
        for _ in 0..ROUNDS {
            hand_overs.extend(hand_over());
            for (samples, measure) in samples.iter_mut().zip(measures) {
                samples.push(measure());
            }
        }
        let ps = |ns: f64| (ns.max(0.0) * 1e3).round() as u64;
        let medians = samples.map(|samples| ps(median(samples).expect("there are rounds")));
        let [lock, cas, line, queue, notify, probe, pause, fork, spawn, barrier, unpark, wake] =
            medians;
        let hand_over = median(hand_overs).map_or(lock + 2 * line, ps);
        let queue = queue.saturating_sub(cas);
        Costs {
            lock,
            hand_over,
            cas,
            line,
            queue,
            notify,
            probe,
            pause,
            fork,
            spawn,
            barrier,
            unpark,
            wake,
        }
    }

    /// Names and values, in nanoseconds.
    pub(super) fn rows(&self) -> [(&'static str, f64); 13] {
        [
            ("queue operation under a free lock", self.lock),
            ("the same, two cores at it", self.hand_over),
            ("compare-exchange", self.cas),
            ("line to another core", self.line),
            ("channel operation beyond its exchange", self.queue),
            ("notification that nobody waits for", self.notify),
            ("look into an empty deque", self.probe),
            ("pause between looks", self.pause),
            ("fork", self.fork),
            ("spawn", self.spawn),
            ("heavy barrier", self.barrier),
            ("wake, for the waker", self.unpark),
            ("wake, until the other runs", self.wake),
        ]
        .map(|(name, ps)| (name, ps as f64 / 1e3))
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().iter().try_for_each(|(name, ns)| writeln!(f, "{name:40} {ns:>10.1} ns"))
    }
}

/// Nanoseconds of each of so many.
fn each(times: u64, run: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_nanos() as f64 / times as f64
}

type Boxed = Box<dyn Fn() -> u64 + Send>;

fn through(queue: &Mutex<VecDeque<Boxed>>, pairs: u64) {
    for n in 0..pairs {
        queue.lock().expect("nobody panics").push_back(Box::new(move || n));
        let task = queue.lock().expect("nobody panics").pop_front();
        black_box(task.expect("no more pops than pushes")());
    }
}

fn lock() -> f64 {
    const PAIRS: u64 = 20_000;
    let queue = Mutex::default();
    each(2 * PAIRS, || through(&queue, PAIRS))
}

/// `None` if the other core was never really there.
fn hand_over() -> Option<f64> {
    const BURSTS: usize = 60;
    const PAIRS: u64 = 300;
    let queue = Mutex::default();
    let (others, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|s| {
        s.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                through(&queue, PAIRS / 10);
                others.fetch_add(PAIRS / 10, Ordering::Relaxed);
            }
        });
        let burst = || {
            let before = others.load(Ordering::Relaxed);
            let ns = each(1, || through(&queue, PAIRS));
            let others = others.load(Ordering::Relaxed) - before;
            let side_by_side = (PAIRS / 2..PAIRS * 2).contains(&others);
            side_by_side.then(|| ns / (2 * (PAIRS + others)) as f64)
        };
        let bursts = (0..BURSTS).filter_map(|_| burst()).collect();
        done.store(true, Ordering::Relaxed);
        median(bursts)
    })
}

fn cas() -> f64 {
    const TIMES: u64 = 100_000;
    let cell = AtomicU64::new(0);
    each(TIMES, || {
        for n in 0..TIMES {
            let swapped = cell.compare_exchange(n, n + 1, Ordering::AcqRel, Ordering::Relaxed);
            black_box(swapped.expect("nobody else writes"));
        }
    })
}

fn line() -> f64 {
    const BURSTS: usize = 60;
    const TURNS: u64 = 100;
    let turn = AtomicU64::new(0);
    let start = Barrier::new(2);
    let play = |side| {
        start.wait();
        let burst = || {
            for _ in 0..TURNS {
                while turn.load(Ordering::Acquire) % 2 != side {
                    spin_loop();
                }
                turn.fetch_add(1, Ordering::AcqRel);
            }
        };
        (0..BURSTS).map(|_| each(2 * TURNS, burst)).collect::<Vec<_>>()
    };
    thread::scope(|s| {
        s.spawn(|| play(1));
        let mut bursts = play(0);
        bursts.sort_by(f64::total_cmp);
        // Now and then one of the two is not running, and the burst says nothing.
        quantile(&bursts, 0.25).expect("there are bursts")
    })
}

fn channel() -> f64 {
    const PAIRS: u64 = 20_000;
    let (sender, receiver) = crossbeam_channel::unbounded::<Box<dyn Fn() -> u64 + Send>>();
    each(2 * PAIRS, || {
        for n in 0..PAIRS {
            sender.send(Box::new(move || n)).expect("the receiver is here");
            black_box(receiver.try_recv().expect("just sent")());
        }
    })
}

fn notify() -> f64 {
    const TIMES: u64 = 10_000;
    let condvar = Condvar::new();
    each(TIMES, || (0..TIMES).for_each(|_| condvar.notify_one()))
}

/// As our workers do before they steal.
pub(crate) fn probe() -> f64 {
    const TIMES: u64 = 50_000;
    let deque = crossbeam_deque::Worker::<u64>::new_lifo();
    let stealer = deque.stealer();
    each(TIMES, || (0..TIMES).for_each(|_| assert!(black_box(&stealer).is_empty())))
}

fn pause() -> f64 {
    const TIMES: u64 = 2_000;
    each(TIMES, || (0..TIMES * 16).for_each(|_| spin_loop()))
}

fn fork() -> f64 {
    const N: u32 = 22;
    fn serial(n: u32) -> u64 {
        if n < 2 { n.into() } else { serial(n - 1) + serial(n - 2) }
    }
    fn forked(n: u32) -> u64 {
        if n < 2 {
            return n.into();
        }
        let (a, b) = scheduler::join(|| forked(n - 1), || forked(n - 2));
        a + b
    }
    let forks = crate::work::fib::forks(N);
    let value = crate::work::fib::value(N);
    let calls = each(forks, || assert_eq!(serial(black_box(N)), value));
    each(forks, || assert_eq!(forked(black_box(N)), value)) - calls
}

fn spawn() -> f64 {
    const TIMES: u64 = 20_000;
    each(TIMES, || {
        scheduler::scope(|s| (0..TIMES).for_each(|_| drop(s.spawn(|| ()))));
    })
}

fn barrier() -> f64 {
    const TIMES: u64 = 200;
    let (running, done) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|s| {
        s.spawn(|| {
            running.wait();
            while !done.load(Ordering::Relaxed) {
                spin_loop();
            }
        });
        running.wait();
        let each = each(TIMES, || (0..TIMES).for_each(|_| heavy()));
        done.store(true, Ordering::Relaxed);
        each
    })
}

/// As the scheduler does before it sleeps.
#[cfg(target_os = "linux")]
fn heavy() {
    // SAFETY: membarrier takes a command, flags and a CPU number, and touches no memory of ours.
    // The pool that `Costs::measure` starts has registered the process.
    let done = unsafe {
        libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)
    };
    if done != 0 {
        fence(Ordering::SeqCst);
    }
}

/// A fence, where the system's own barrier is not known here.
#[cfg(not(target_os = "linux"))]
fn heavy() {
    fence(Ordering::SeqCst);
}

/// Wakes a parked thread from one that keeps its core busy: what that costs the waker, and the time
/// from the call until the woken thread runs.
fn wake() -> (f64, f64) {
    const TURNS: u64 = 100;
    /// Until the other surely sleeps again.
    const REST: Duration = Duration::from_micros(30);
    const LAST: u64 = u64::MAX;
    let (asked, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let (mut calls, mut ways) = (Vec::new(), Vec::new());
    thread::scope(|s| {
        let sleeper = s.spawn(|| {
            while answered.load(Ordering::Relaxed) != LAST {
                let now = asked.load(Ordering::Acquire);
                if answered.swap(now, Ordering::AcqRel) == now {
                    thread::park();
                }
            }
        });
        let ask = |question| {
            asked.store(question, Ordering::Release);
            sleeper.thread().unpark();
        };
        for turn in 1..=TURNS {
            let rest = Instant::now();
            while rest.elapsed() < REST {
                spin_loop();
            }
            let begun = Instant::now();
            ask(turn);
            calls.push(begun.elapsed().as_nanos() as f64);
            while answered.load(Ordering::Acquire) != turn {
                spin_loop();
            }
            ways.push(begun.elapsed().as_nanos() as f64);
        }
        ask(LAST);
    });
    let [call, way] = [calls, ways].map(|times| median(times).expect("there are turns"));
    (call, way)
}
