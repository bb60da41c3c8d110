//! From a fork until another worker has begun it, while the forking one computes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::{
    Case, Reading, Size, micros,
    pool::{Peer, Pool},
    spin,
};

/// Idle for so long before a fork, a worker is taken to sleep.
const ASLEEP: Duration = Duration::from_millis(2);
/// Idle for so long, it still looks for work, where it does so at all.
const AWAKE: Duration = Duration::from_micros(2);
/// A fork that nobody has taken by then is given up, and runs where it was made.
const GIVE_UP: Duration = Duration::from_millis(5);
/// The length of each small fork that follows, in the form with such.
const TICK: Duration = Duration::from_micros(5);
const WARM_UP: usize = 20;
/// After so many forks that nobody took, and none that somebody did, no more are tried.
const TRIES: usize = 20;

/// How the part is forked, and what the forking worker does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Join,
    JoinAndForks,
    Spawn,
    /// As `Spawn`, with an empty task spawned after it.
    TwoSpawns,
}

pub(super) fn cases() -> Vec<Case> {
    use Form::{Join, JoinAndForks, Spawn, TwoSpawns};
    let forms: [(Form, &str, &[Peer]); 4] = [
        (Join, "join", &[Peer::Ours, Peer::Rayon, Peer::Chili]),
        (JoinAndForks, "join, then more forks", &[Peer::Ours, Peer::Rayon, Peer::Chili]),
        (Spawn, "spawn", &[Peer::Ours, Peer::Rayon, Peer::Tokio]),
        (TwoSpawns, "first of two spawns", &[Peer::Ours, Peer::Rayon, Peer::Tokio]),
    ];
    let mut cases = Vec::new();
    for (form, form_name, peers) in forms {
        for (idle, idle_name) in [(ASLEEP, "asleep"), (AWAKE, "awake")] {
            if form == TwoSpawns && idle == AWAKE {
                // The other worker may be after the second task of the last time.
                continue;
            }
            for &peer in peers {
                let name = format!("{form_name}, the other {idle_name}, {}", peer.name());
                cases.push(Case::new(name, move |size| measure(peer, form, idle, size)));
            }
        }
    }
    cases
}

fn measure(peer: Peer, form: Form, idle: Duration, size: Size) -> Reading {
    let samples = size.pick(400, 200);
    let pool = Pool::start(peer, 2);
    if let Pool::Chili(pool) = &pool {
        let mut scope = pool.scope();
        return sample(samples, idle, || on_chili(&mut scope, form));
    }
    pool.install(move || {
        sample(samples, idle, || match (peer, form) {
            (Peer::Tokio, _) => spawned(form, |task| drop(tokio::spawn(async { task() }))),
            (Peer::Ours, Form::Spawn | Form::TwoSpawns) => {
                spawned(form, |task| drop(scheduler::spawn(task)))
            }
            (Peer::Rayon, Form::Spawn | Form::TwoSpawns) => spawned(form, rayon::spawn),
            (Peer::Rayon, _) => joined::<Rayon>(form),
            _ => joined::<Ours>(form),
        })
    })
}

/// Forks again and again by `fork`, which gives its latency if another worker took it.
fn sample(samples: usize, idle: Duration, mut fork: impl FnMut() -> Option<Duration>) -> Reading {
    for _ in 0..WARM_UP {
        fork();
    }
    let (mut taken, mut missed) = (Vec::new(), 0);
    while taken.len() + missed < samples && (missed < TRIES || !taken.is_empty()) {
        spin(idle);
        match fork() {
            Some(latency) => taken.push(micros(latency)),
            None => missed += 1,
        }
    }
    Reading::from([("µs".into(), taken), ("missed".into(), vec![missed as f64])])
}

/// Of one fork.
struct Signal {
    forked_by: ThreadId,
    published: Instant,
    /// 0 until it has begun; [`Signal::HERE`] if that was where it was forked.
    begun_ns: AtomicU64,
}

impl Signal {
    const HERE: u64 = u64::MAX;

    fn new() -> Signal {
        let forked_by = thread::current().id();
        Signal { forked_by, published: Instant::now(), begun_ns: AtomicU64::new(0) }
    }

    /// What is forked.
    fn begin(&self) {
        let ns = self.published.elapsed().as_nanos() as u64;
        let here = thread::current().id() == self.forked_by;
        // Relaxed: it is all that is handed over.
        self.begun_ns.store(if here { Signal::HERE } else { ns.max(1) }, Ordering::Relaxed);
    }

    /// What the forking worker does meanwhile.
    fn compute(&self, mut step: impl FnMut()) {
        while self.begun_ns.load(Ordering::Relaxed) == 0 && self.published.elapsed() < GIVE_UP {
            step();
        }
    }

    fn latency(&self) -> Option<Duration> {
        match self.begun_ns.load(Ordering::Relaxed) {
            0 | Signal::HERE => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }
}

/// A two-way fork without a context.
trait Join {
    fn join(here: impl FnOnce() + Send, there: impl FnOnce() + Send);
}

struct Ours;

impl Join for Ours {
    fn join(here: impl FnOnce() + Send, there: impl FnOnce() + Send) {
        scheduler::join(here, there);
    }
}

struct Rayon;

impl Join for Rayon {
    fn join(here: impl FnOnce() + Send, there: impl FnOnce() + Send) {
        rayon::join(here, there);
    }
}

fn joined<J: Join>(form: Form) -> Option<Duration> {
    let signal = Signal::new();
    let step = || match form {
        Form::JoinAndForks => J::join(|| spin(TICK), || spin(TICK)),
        _ => std::hint::spin_loop(),
    };
    J::join(|| signal.compute(step), || signal.begin());
    signal.latency()
}

/// The same on chili, whose caller runs the second closure.
fn on_chili(scope: &mut chili::Scope<'_>, form: Form) -> Option<Duration> {
    let signal = Signal::new();
    let compute = |scope: &mut chili::Scope<'_>| {
        signal.compute(|| match form {
            Form::JoinAndForks => drop(scope.join(|_| spin(TICK), |_| spin(TICK))),
            _ => std::hint::spin_loop(),
        });
    };
    scope.join(|_| signal.begin(), compute);
    signal.latency()
}

fn spawned(form: Form, spawn: impl Fn(Box<dyn FnOnce() + Send>)) -> Option<Duration> {
    let signal = Arc::new(Signal::new());
    let theirs = Arc::clone(&signal);
    spawn(Box::new(move || theirs.begin()));
    if form == Form::TwoSpawns {
        spawn(Box::new(|| ()));
    }
    signal.compute(std::hint::spin_loop);
    signal.latency()
}
