//! A service that is asked to end, by a service manager or by Ctrl-C: it finishes what it has, up to
//! a deadline, takes nothing new, and says what became of its work. Exit code 1 if anything is lost.
//!
//! ```text
//! cargo run --release --features signal --example graceful_sigterm -- [--demo | --quick]
//! ```
//!
//! With `--demo` it sends itself `SIGTERM` after a while; `--quick` is the same with less work.
//! Without, send it one; a second one does not wait.
//!
//! In Python:
//!
//! ```python
//! def handle_sigterm(signum, frame):
//!     pool.shutdown(wait=False, cancel_futures=True)
//! signal.signal(signal.SIGTERM, handle_sigterm)
//! ```
//!
//! That drops the queue at once, runs on the main thread between two of its instructions, and waits
//! as long as a stuck task likes.

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    service::run()
}

#[cfg(not(unix))]
fn main() {
    println!("there are no such signals here");
}

#[cfg(unix)]
mod service {
    use scheduler::signal::{SIGINT, SIGTERM};
    use scheduler::{ThreadPool, task};
    use std::error::Error;
    use std::process::{Command, ExitCode};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    /// For what is under way when the signal comes.
    const GRACE: Duration = Duration::from_secs(5);

    pub(crate) fn run() -> ExitCode {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let (requests, own_signal) = match &args[..] {
            [] => (usize::MAX, false),
            [demo] if demo == "--demo" => (400, true),
            [quick] if quick == "--quick" => (40, true),
            _ => {
                eprintln!("graceful_sigterm: takes --demo, --quick, or nothing");
                return ExitCode::from(2);
            }
        };
        match serve(requests, own_signal) {
            Ok(complete) => ExitCode::from(u8::from(!complete)),
            Err(error) => {
                eprintln!("graceful_sigterm: {error}");
                ExitCode::from(2)
            }
        }
    }

    /// Takes requests until the pool refuses one. After `requests` of them comes the signal, if it is to
    /// be the process's own; the others are on their way then.
    fn serve(requests: usize, own_signal: bool) -> Result<bool, Box<dyn Error>> {
        let pool = ThreadPool::new(2)?;
        let signals = pool.shutdown_on(&[SIGTERM, SIGINT], GRACE)?;
        let pid = std::process::id();
        println!("serving as process {pid}: end it by `kill {pid}`");
        let answered = Arc::new(AtomicUsize::new(0));
        let mut accepted = 0;
        let answers = || {
            let answered = Arc::clone(&answered);
            move || {
                if answer() {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        while let Ok(handle) = pool.try_spawn(answers()) {
            drop(handle);
            accepted += 1;
            if own_signal && accepted == requests {
                println!("{accepted} requests taken, {answered:?} answered: SIGTERM");
                let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status()?;
                assert!(sent.success(), "kill: {sent}");
            }
            // Twice as fast as two workers can answer: there is a queue when the signal comes.
            thread::sleep(Duration::from_millis(1));
        }
        println!("{accepted} requests taken, the next one refused");
        let report = signals.wait();
        println!("{answered:?} answered, {} dropped unbegun", report.cancelled);
        for straggler in &report.stragglers {
            println!("after {:.1?} still running: {}", straggler.running_for, straggler.spawned_at);
        }
        let answered = answered.load(Ordering::Relaxed);
        Ok(answered + report.cancelled + report.stragglers.len() == accepted)
    }

    /// Some milliseconds of work, in small steps; false if it was given up.
    fn answer() -> bool {
        for _ in 0..4 {
            if task::is_cancelled() {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }
}
