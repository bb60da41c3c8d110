//! Signals that shut a pool down: the first drains, the second aborts, and without a guard they do
//! what they do by default.
#![cfg(all(unix, feature = "signal"))]

mod support;

use scheduler::signal::{SIGINT, SIGTERM, SIGUSR1, SignalGuard};
use scheduler::{Shutdown, ThreadPool, task};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::sync::{Arc, thread};
use support::{Stuck, case, child, child_passes, pool, usable, wait_until, watchdog};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// Runs `body` in a process of its own, whose signals are its own.
fn in_a_process(name: &'static str, body: fn()) {
    match case() {
        None => child_passes(name, "alone", &[]),
        Some(_) => watchdog(name, body),
    }
}

/// Sends a signal to this process, as anybody would.
fn send(signal: i32) {
    let pid = std::process::id().to_string();
    let status = Command::new("kill").args([format!("-{signal}"), pid]).status();
    assert!(status.expect("kill is a command").success());
}

fn listen(pool: &ThreadPool, grace: Duration) -> SignalGuard {
    pool.shutdown_on(&[SIGTERM, SIGINT], grace).expect("a guard")
}

/// Submits until the pool refuses, and returns how many it has taken before.
fn wait_until_refused(pool: &ThreadPool) -> usize {
    let taken = AtomicUsize::new(0);
    wait_until(|| match pool.try_spawn(|| ()) {
        Ok(handle) => {
            drop(handle);
            taken.fetch_add(1, Ordering::SeqCst);
            false
        }
        Err(_) => true,
    });
    taken.into_inner()
}

#[test]
fn the_first_drains() {
    in_a_process("the_first_drains", || {
        for (workers, signal) in [(1, SIGTERM), (3, SIGINT)] {
            let pool = pool(workers);
            let signals = listen(&pool, LONG);
            assert_eq!(signals.try_report(), None);
            let stuck = Stuck::new(&pool, workers);
            let ran = Arc::new(AtomicUsize::new(0));
            let handles: Vec<_> = (0..20)
                .map(|_| {
                    let ran = Arc::clone(&ran);
                    pool.spawn(move || ran.fetch_add(1, Ordering::SeqCst))
                })
                .collect();
            send(signal);
            wait_until_refused(&pool);
            assert_eq!(signals.try_report(), None, "the workers are still stuck");
            stuck.release();
            let report = signals.wait();
            assert_eq!((report.cancelled, report.stragglers.len()), (0, 0));
            assert_eq!(ran.load(Ordering::SeqCst), 20);
            handles.into_iter().for_each(|handle| {
                handle.join().expect("it was queued before");
            });
            assert_eq!((signals.wait(), signals.try_report()), (report.clone(), Some(report)));
        }
    });
}

#[test]
fn the_second_aborts() {
    in_a_process("the_second_aborts", || {
        let pool = pool(1);
        let signals = listen(&pool, LONG);
        let started = Arc::new(AtomicBool::new(false));
        let starts = Arc::clone(&started);
        let endless = pool.spawn(move || {
            starts.store(true, Ordering::SeqCst);
            wait_until(task::is_cancelled);
        });
        wait_until(|| started.load(Ordering::SeqCst));
        let queued = pool.spawn(|| ());
        send(SIGTERM);
        let taken = wait_until_refused(&pool);
        assert!(!endless.is_finished() && !queued.is_finished());
        send(SIGINT);
        let report = signals.wait();
        assert_eq!((report.ran, report.cancelled), (1, 1 + taken));
        assert!(report.stragglers.is_empty());
        endless.join().expect("it ran");
        assert!(queued.join().expect_err("it did not").is_cancelled());
        // A third one is nothing any more. `kill` returns before it is delivered, and without a guard
        // it would end the process, so somebody else listens as well and tells when it is.
        let other = support::pool(1);
        let delivered = listen(&other, LONG);
        send(SIGTERM);
        let _ = delivered.wait();
        assert_eq!(signals.wait(), report);
    });
}

#[test]
fn the_grace_passes() {
    in_a_process("the_grace_passes", || {
        let pool = pool(1);
        let signals = listen(&pool, Duration::from_millis(10));
        let stuck = Stuck::new(&pool, 1);
        let queued = pool.spawn(|| ());
        send(SIGTERM);
        let report = signals.wait();
        assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (0, 1, 1));
        assert!(queued.join().is_err());
        stuck.release();
        let report = pool.shutdown(Shutdown::Drain);
        assert!(report.stragglers.is_empty());
    });
}

#[test]
fn from_a_worker() {
    in_a_process("from_a_worker", || {
        let (own, other) = (pool(1), pool(1));
        let signals = own.install(|| listen(&own, Duration::from_millis(50)));
        // On a worker of another pool, which goes on with its own jobs meanwhile.
        let report = other.install(|| {
            let sends = scheduler::spawn(|| send(SIGTERM));
            let report = signals.wait();
            sends.join().expect("no panic");
            report
        });
        assert!(report.stragglers.is_empty());
        usable(&other);
        drop(signals);
        // On a worker of the pool itself, which waits for itself until the grace is over.
        let signals = Arc::new(listen(&other, Duration::from_millis(50)));
        let inside = Arc::clone(&signals);
        let handle = other.spawn(move || {
            send(SIGTERM);
            inside.wait().stragglers.len()
        });
        assert_eq!(handle.join().expect("no panic"), 1);
        assert_eq!(signals.wait().stragglers.len(), 1);
    });
}

/// Nobody keeps the pool but the one who drops it, which takes too long.
#[test]
fn a_drop_that_takes_long() {
    in_a_process("a_drop_that_takes_long", || {
        let pool = pool(1);
        let signals = listen(&pool, LONG);
        let (started, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let starts = Arc::clone(&started);
        drop(pool.spawn(move || {
            starts.store(true, Ordering::SeqCst);
            wait_until(task::is_cancelled);
        }));
        wait_until(|| started.load(Ordering::SeqCst));
        let dropped = Arc::clone(&ends);
        let drops = thread::spawn(move || {
            drop(pool);
            dropped.store(true, Ordering::SeqCst);
        });
        send(SIGTERM);
        // Until the first one has been heard, the second one might be the same.
        while signals.try_report().is_none() {
            send(SIGINT);
            thread::sleep(Duration::from_millis(1));
        }
        drops.join().expect("no panic");
        assert!(ends.load(Ordering::SeqCst));
        assert_eq!(signals.wait().cancelled, 0);
        // The last signal may be on its way still, and would end the process without a guard.
        std::mem::forget(signals);
    });
}

#[test]
fn a_signal_that_comes_after_the_end() {
    in_a_process("a_signal_that_comes_after_the_end", || {
        let pool = pool(2);
        let signals = listen(&pool, LONG);
        let _ = pool.shutdown(Shutdown::Drain);
        drop(pool);
        send(SIGTERM);
        let report = signals.wait();
        assert_eq!((report.ran, report.cancelled, report.stragglers.len()), (0, 0, 0));
    });
}

#[test]
fn the_global_pool() {
    in_a_process("the_global_pool", || {
        let signals = listen(scheduler::global(), LONG);
        let handle = scheduler::spawn(|| 7);
        send(SIGINT);
        let report = signals.wait();
        assert_eq!((handle.join().expect("it was there before"), report.cancelled), (7, 0));
        assert!(scheduler::global().try_spawn(|| ()).is_err());
    });
}

#[test]
fn one_signal_for_two_pools() {
    in_a_process("one_signal_for_two_pools", || {
        let pools = [pool(1), pool(2), pool(1)];
        let [first, second, third] = pools.each_ref().map(|pool| listen(pool, LONG));
        drop(third);
        send(SIGTERM);
        assert!(first.wait().stragglers.is_empty());
        assert!(second.wait().stragglers.is_empty());
        usable(&pools[2]);
    });
}

/// Whether the process was ended by a signal.
#[track_caller]
fn ends_by(name: &str, signal: i32) {
    let output = child(name, "alone", &[]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(signal), "{}\n{err}", output.status);
}

#[test]
fn without_a_guard() {
    const NAME: &str = "without_a_guard";
    if case().is_none() {
        return ends_by(NAME, SIGTERM);
    }
    watchdog(NAME, || {
        let pool = pool(1);
        // Twice: the second guard takes away again what the end of the first one put there.
        drop(listen(&pool, LONG));
        let signals = listen(&pool, LONG);
        drop(pool.shutdown_on(&[SIGTERM, SIGTERM], LONG).expect("a guard"));
        send(SIGINT);
        let _ = signals.wait();
        drop(signals);
        send(SIGTERM);
        wait_until(|| false);
    });
}

#[test]
fn other_signals_do_what_they_did() {
    const NAME: &str = "other_signals_do_what_they_did";
    if case().is_none() {
        return ends_by(NAME, SIGUSR1);
    }
    watchdog(NAME, || {
        let pool = pool(1);
        let _signals = listen(&pool, LONG);
        send(SIGUSR1);
        wait_until(|| false);
    });
}

#[test]
fn what_cannot_be_listened_for() {
    const SIGKILL: i32 = 9;
    let pool = pool(1);
    let refused = |signals: &[i32]| {
        let error = pool.shutdown_on(signals, LONG).expect_err("no guard");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    };
    assert_eq!(refused(&[]), "there is no signal to shut down on");
    assert_eq!(refused(&[SIGUSR1, SIGKILL]), "SIGKILL cannot be handled");
    assert_eq!(refused(&[0]), "there is no signal 0");
    assert_eq!(refused(&[-1]), "there is no signal -1");
    assert_eq!(refused(&[100_000]), "there is no signal 100000");
    usable(&pool);
}
