//! Signals to a process under load: after SIGTERM it shuts its pool down and its counts add up;
//! after SIGSTOP and SIGCONT, in the middle of load or of sleep, nothing is lost.
#![cfg_attr(scheduler_tsan, feature(arbitrary_self_types, custom_test_frameworks, test))]
#![cfg_attr(scheduler_tsan, test_runner(support::runner::run))]
#![cfg(target_os = "linux")]

mod support;

use scheduler::{Shutdown, ThreadPool, join, scope};
use std::hint::spin_loop;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::stress::{Progress, Random, SIZES, amount, guarded};
use support::sync::{Arc, thread};
use support::{Drops, case, child_command, wait_until};

// ---- The child

/// What the child submits, and what becomes of it.
#[derive(Default)]
struct Load {
    accepted: AtomicUsize,
    rejected: AtomicUsize,
    ran: AtomicUsize,
    forked: AtomicUsize,
    forks_ran: AtomicUsize,
    dropped: Drops,
}

impl Load {
    fn closure(self: &Arc<Self>, random: &mut Random) -> impl FnOnce() + Send + use<> {
        let (load, token) = (Arc::clone(self), self.dropped.token());
        let (forks, spins) = (random.below(4), random.below(2000));
        move || {
            let _token = token;
            let fork = || {
                (0..spins).for_each(|_| spin_loop());
                load.forks_ran.fetch_add(1, SeqCst);
            };
            match forks {
                0 => {}
                1 => {
                    load.forked.fetch_add(2, SeqCst);
                    join(fork, fork);
                }
                n => scope(|s| {
                    for _ in 0..n {
                        load.forked.fetch_add(1, SeqCst);
                        s.spawn(fork);
                    }
                }),
            }
            load.ran.fetch_add(1, SeqCst);
        }
    }

    /// Submits until `stop`, or until the pool refuses, and never has much queued.
    fn submit(
        self: &Arc<Self>,
        pool: &ThreadPool,
        seed: u64,
        stop: &AtomicBool,
        progress: &Progress,
    ) {
        let mut random = Random::new(seed);
        while !stop.load(SeqCst) {
            match pool.try_spawn(self.closure(&mut random)) {
                Ok(handle) => drop(handle),
                Err(rejected) => {
                    drop(rejected);
                    self.rejected.fetch_add(1, SeqCst);
                    return;
                }
            }
            self.accepted.fetch_add(1, SeqCst);
            progress.round();
            // Dropped, run or not: otherwise a pool that cancels would keep it waiting.
            wait_until(|| self.accepted.load(SeqCst) < self.dropped.count() + 2000);
        }
    }

    fn forks_are_complete(&self) {
        assert_eq!(self.forks_ran.load(SeqCst), self.forked.load(SeqCst));
    }
}

/// A line for the parent, which reads what begins with `>`.
fn say(line: &str) {
    println!("\n> {line}");
}

fn mode(name: &str) -> Shutdown {
    match name {
        "drain" => Shutdown::Drain,
        "soon" => Shutdown::DrainFor(Duration::from_millis(1)),
        "cancel" => Shutdown::CancelQueued,
        "abort" => Shutdown::Abort,
        _ => unreachable!("no such mode: {name}"),
    }
}

fn ends_at_sigterm(mode: Shutdown, workers: usize, progress: &Progress) {
    let terminated = std::sync::Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, std::sync::Arc::clone(&terminated))
        .expect("a signal handler");
    let pool = support::pool(workers);
    let load = Arc::new(Load::default());
    let never = AtomicBool::new(false);
    let report = thread::scope(|s| {
        for seed in 0..2 {
            let (pool, load, never) = (&pool, &load, &never);
            s.spawn(move || load.submit(pool, seed, never, progress));
        }
        wait_until(|| load.ran.load(SeqCst) > 100);
        say("ready");
        while !terminated.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        pool.shutdown(mode)
    });
    let _ = pool.shutdown(Shutdown::Drain);
    drop(pool);
    load.forks_are_complete();
    let [accepted, rejected, ran] =
        [&load.accepted, &load.rejected, &load.ran].map(|count| count.load(SeqCst));
    let dropped = load.dropped.count();
    let stragglers = report.stragglers.len();
    say(&format!(
        "{accepted} {rejected} {ran} {dropped} {} {} {stragglers}",
        report.ran, report.cancelled
    ));
}

fn is_paused(workers: usize, progress: &Progress) {
    let pool = support::pool(workers);
    let load = Arc::new(Load::default());
    let mut lines = std::io::stdin().lines().map(|line| line.expect("a line of the parent's"));
    let mut wait_for = |what: &str| assert_eq!(lines.next().as_deref(), Some(what));
    let stop = AtomicBool::new(false);
    thread::scope(|s| {
        for seed in 0..2 {
            let (pool, load, stop) = (&pool, &load, &stop);
            s.spawn(move || load.submit(pool, seed, stop, progress));
        }
        wait_until(|| load.ran.load(SeqCst) > 100);
        say("loaded");
        wait_for("rest");
        stop.store(true, SeqCst);
    });
    wait_until(|| load.dropped.count() == load.accepted.load(SeqCst));
    // The owner of a scope may have slept in it, and been woken by its latch: so not the balance
    // of sleeps and wakes tells that all sleep, but that nothing changes any more.
    let asleep = || {
        let before = pool.metrics();
        thread::sleep(Duration::from_millis(20));
        before == pool.metrics()
    };
    wait_until(asleep);
    say("asleep");
    wait_for("work");
    let mut random = Random::new(3);
    for _ in 0..500 {
        load.accepted.fetch_add(1, SeqCst);
        pool.spawn(load.closure(&mut random)).join().expect("it did not panic");
    }
    pool.install(|| assert_eq!(support::fib(15), 610));
    let report = pool.shutdown(Shutdown::Drain);
    load.forks_are_complete();
    let accepted = load.accepted.load(SeqCst);
    assert_eq!((load.ran.load(SeqCst), load.dropped.count()), (accepted, accepted));
    // A closure whose handle has been joined may still be on its way out, and counts as running.
    assert_eq!((report.cancelled, report.stragglers.len()), (0, 0));
    say(&format!("complete {accepted}"));
}

// ---- The parent

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn new(test: &str, case: &str) -> Self {
        let mut child = child_command(test, case)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test as a child");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    fn hears(&mut self) -> String {
        loop {
            let mut line = String::new();
            let bytes = self.output.read_line(&mut line).expect("what the child says");
            assert_ne!(bytes, 0, "the child has ended");
            if let Some(said) = line.strip_prefix("> ") {
                return said.trim_end().to_owned();
            }
        }
    }

    fn says(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the child listens");
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = self.child.id().cast_signed();
        // SAFETY: no memory is involved, and the child has not been waited for, so the number is
        // still its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "the child is there");
    }

    /// Stopped for as long, as seen by the kernel.
    fn pauses(&mut self, duration: Duration, meanwhile: impl FnOnce(&mut Self)) {
        self.signal(libc::SIGSTOP);
        let stat = format!("/proc/{}/stat", self.child.id());
        // Or ended: it may have been quicker.
        let is_stopped = || {
            let stat = std::fs::read_to_string(&stat).expect("the child is there");
            // The state comes after the name, which is in parentheses.
            let state = stat.rsplit(')').next().expect("the rest").trim_start();
            state.starts_with(['T', 'Z'])
        };
        while !is_stopped() {
            thread::sleep(Duration::from_micros(100));
        }
        meanwhile(self);
        thread::sleep(duration);
        self.signal(libc::SIGCONT);
    }

    fn ends(mut self) {
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

const MODES: [&str; 4] = ["drain", "soon", "cancel", "abort"];

fn terminate(name: &str, workers: usize, progress: &Progress) {
    for (round, mode) in MODES.into_iter().cycle().take(amount(4, 12, 1000)).enumerate() {
        let mut child = Process::new(name, &format!("{mode} {workers}"));
        assert_eq!(child.hears(), "ready");
        thread::sleep(Duration::from_millis(round as u64 % 7));
        child.signal(libc::SIGTERM);
        let said = child.hears();
        let counts = said.split(' ').map(|count| count.parse().expect("a number"));
        let counts: Vec<usize> = counts.collect();
        let [accepted, rejected, ran, dropped, report_ran, report_cancelled, stragglers] =
            counts[..]
        else {
            panic!("seven numbers: {said}");
        };
        child.ends();
        // Both submitters have gone on until they were refused.
        assert_eq!(rejected, 2, "{said}");
        assert_eq!(dropped, accepted + rejected, "{said}");
        assert!(report_ran <= ran && ran + report_cancelled <= accepted, "{said}");
        if mode != "soon" {
            // At the deadline a worker may have been in the middle of dropping one.
            assert_eq!((accepted, stragglers), (ran + report_cancelled, 0), "{mode}: {said}");
        }
        assert!(mode != "drain" || report_cancelled == 0, "{said}");
        progress.round();
    }
}

fn pause(name: &str, workers: usize, progress: &Progress) {
    let long = Duration::from_millis(amount(100, 2000, 2000));
    let mut child = Process::new(name, &workers.to_string());
    assert_eq!(child.hears(), "loaded");
    child.pauses(long, |_| ());
    // Short ones stop its threads in many places. Many threads take long to stop.
    for pulse in 0..amount(20, 100, 20_000) / workers.div_ceil(8) as u64 {
        thread::sleep(Duration::from_micros(pulse % 10 * 300));
        child.pauses(Duration::from_millis(1), |_| ());
        progress.round();
    }
    child.says("rest");
    assert_eq!(child.hears(), "asleep");
    child.pauses(long, |_| ());
    thread::sleep(Duration::from_millis(10));
    // And stopped again when the work comes.
    child.pauses(Duration::from_millis(50), |child| child.says("work"));
    for _ in 0..20 {
        child.pauses(Duration::from_millis(1), |_| ());
        progress.round();
    }
    let said = child.hears();
    assert!(said.starts_with("complete "), "{said}");
    child.ends();
}

#[test]
fn sigterm_under_load() {
    if let Some(case) = case() {
        let (name, workers) = case.split_once(' ').expect("two words");
        let (mode, workers) = (mode(name), workers.parse().expect("a number"));
        return guarded("the child", move |progress| ends_at_sigterm(mode, workers, progress));
    }
    for workers in SIZES {
        guarded(&format!("sigterm_under_load, {workers} workers"), move |progress| {
            terminate("sigterm_under_load", workers, progress);
        });
    }
}

#[test]
fn sigstop_and_sigcont() {
    if let Some(case) = case() {
        let workers = case.parse().expect("a number");
        return guarded("the child", move |progress| is_paused(workers, progress));
    }
    for workers in SIZES {
        guarded(&format!("sigstop_and_sigcont, {workers} workers"), move |progress| {
            pause("sigstop_and_sigcont", workers, progress);
        });
    }
}
