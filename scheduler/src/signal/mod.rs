//! Signals that shut a pool down.
//!
//! A process that is asked to end (`SIGTERM` from a service manager, `SIGINT` from Ctrl-C) has some
//! work under way. [`ThreadPool::shutdown_on`] lets it end that first: the first signal drains the
//! pool, up to a deadline; a second one aborts.
//!
//! Feature `signal`, and on Unix only.
//!
//! ```no_run
//! use scheduler::signal::{SIGINT, SIGTERM};
//! use std::time::Duration;
//!
//! let pool = scheduler::global();
//! let signals = pool.shutdown_on(&[SIGTERM, SIGINT], Duration::from_secs(10))?;
//! while pool.try_spawn(|| println!("some work")).is_ok() {
//!     std::thread::sleep(Duration::from_secs(1));
//! }
//! println!("{} closures were dropped", signals.wait().cancelled);
//! # Ok::<(), std::io::Error>(())
//! ```

mod disposition;

use crate::latch::Latch;
use crate::pool::ThreadPool;
use crate::pool::lifecycle::{Shutdown, ShutdownReport};
use crate::pool::registry::wait;
use crate::sync::{Arc, Mutex, mask, thread};
use disposition::Listening;
use signal_hook::iterator::{Handle, Signals};
use std::fmt;
use std::io;
use std::time::Duration;

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

/// Listens for the signals that shut a pool down. From [`ThreadPool::shutdown_on`].
///
/// Dropped, it does not listen any more, and the signals do what they do by default, which mostly is
/// to end the process; a shutdown that has begun goes on. (`signal-hook`, which is behind this, keeps
/// its handler, so that the default is emulated: also for those who handle the same signal by other
/// means. They should keep the guard.)
///
/// # Examples
///
/// ```
/// use scheduler::ThreadPool;
/// use scheduler::signal::SIGUSR1;
/// use std::time::Duration;
///
/// let pool = ThreadPool::new(1)?;
/// let signals = pool.shutdown_on(&[SIGUSR1], Duration::from_secs(10))?;
/// # fn raise(signal: i32) {
/// #     let kill = std::process::Command::new("kill")
/// #         .args([format!("-{signal}"), std::process::id().to_string()])
/// #         .status();
/// #     assert!(kill.unwrap().success());
/// # }
/// raise(SIGUSR1); // somebody sends us the signal
/// assert!(signals.wait().stragglers.is_empty());
/// assert!(pool.try_spawn(|| "too late").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping the guard stops listening"]
pub struct SignalGuard {
    outcome: Arc<Outcome>,
    handle: Handle,
    listening: Listening,
}

/// The report of the shutdown that a signal began, and who waits for it.
#[derive(Default)]
struct Outcome(Mutex<State>);

#[derive(Default)]
struct State {
    report: Option<ShutdownReport>,
    waiters: Vec<Arc<Latch>>,
}

impl Outcome {
    fn set(&self, report: ShutdownReport) {
        let waiters = {
            let mut state = self.0.lock().unwrap();
            state.report = Some(report);
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters {
            // SAFETY: the `Arc` keeps the latch alive during the call.
            unsafe { Latch::set(&raw const *waiter) };
        }
    }

    fn get(&self) -> Option<ShutdownReport> {
        self.0.lock().unwrap().report.clone()
    }

    fn wait(&self) -> ShutdownReport {
        let latch = Arc::new(Latch::new());
        {
            let mut state = self.0.lock().unwrap();
            if let Some(report) = &state.report {
                return report.clone();
            }
            state.waiters.push(Arc::clone(&latch));
        }
        wait(&latch);
        self.get().expect("there is a report before anybody is told")
    }
}

impl ThreadPool {
    /// Shuts the pool down when the process gets one of `signals`: the first one
    /// [drains](Shutdown::DrainFor) it for at most `grace`, a later one [aborts](Shutdown::Abort) what
    /// is left. [`SignalGuard::wait`] says when that is over.
    ///
    /// The calls are made on a thread of their own, so the pool may be shared, borrowed or the
    /// [`global`](crate::global) one, and may be dropped meanwhile. Signals that come in the same
    /// moment count as one.
    ///
    /// # Errors
    ///
    /// If `signals` is empty or has a number that cannot be handled (`SIGKILL`, `SIGSEGV`, none at
    /// all); if the system refuses a handler or the thread. Nothing is listened for then.
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use scheduler::ThreadPool;
    /// use scheduler::signal::{SIGINT, SIGTERM};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(4)?;
    /// let signals = pool.shutdown_on(&[SIGTERM, SIGINT], Duration::from_secs(10))?;
    /// # let accept = |_: &ThreadPool| ();
    /// accept(&pool); // and hand out work, until the pool refuses it
    /// let report = signals.wait();
    /// for straggler in &report.stragglers {
    ///     eprintln!("still running: {}", straggler.spawned_at);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_on(&self, signals: &[i32], grace: Duration) -> io::Result<SignalGuard> {
        disposition::check(signals)?;
        let outcome = Arc::new(Outcome::default());
        let started = start(self.share(), signals, grace, Arc::clone(&outcome));
        // After the listener: in between a signal does both, instead of nothing.
        let mut listening = Listening::new(signals);
        match started {
            Ok(handle) => Ok(SignalGuard { outcome, handle, listening }),
            Err(error) => {
                listening.stop();
                Err(error)
            }
        }
    }
}

fn start(
    pool: ThreadPool,
    signals: &[i32],
    grace: Duration,
    outcome: Arc<Outcome>,
) -> io::Result<Handle> {
    let listener = Signals::new(signals)?;
    let handle = listener.handle();
    let name = "scheduler-sig".to_owned();
    // The thread ends when the guard goes.
    thread::Builder::new().name(name).spawn(move || listen(&pool, listener, grace, &outcome))?;
    Ok(handle)
}

/// The thread.
fn listen(pool: &ThreadPool, mut listener: Signals, grace: Duration, outcome: &Arc<Outcome>) {
    mask::restore();
    let mut draining = false;
    for _ in listener.forever() {
        if std::mem::replace(&mut draining, true) {
            // Its report is part of the first one's.
            let _ = pool.shutdown(Shutdown::Abort);
            continue;
        }
        let (shared, report) = (pool.share(), Arc::clone(outcome));
        let drain = move || {
            mask::restore();
            report.set(shared.shutdown(Shutdown::DrainFor(grace)));
        };
        let name = "scheduler-drain".to_owned();
        if thread::Builder::new().name(name).spawn(drain).is_err() {
            // Then here, deaf for that long.
            outcome.set(pool.shutdown(Shutdown::DrainFor(grace)));
        }
    }
}

impl SignalGuard {
    /// Waits until a signal has come and the shutdown that it began is over, and returns its report.
    /// Without a signal it waits for ever.
    ///
    /// # On a worker
    ///
    /// Of whichever pool: runs other jobs meanwhile. Of the pool that is shut down, it is itself what
    /// the shutdown waits for, so that is over only when the time of grace is. Any other thread blocks.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use scheduler::signal::SIGTERM;
    /// use std::time::Duration;
    ///
    /// let signals = scheduler::global().shutdown_on(&[SIGTERM], Duration::from_secs(10))?;
    /// let report = signals.wait();
    /// std::process::exit(if report.stragglers.is_empty() { 0 } else { 1 });
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait(&self) -> ShutdownReport {
        self.outcome.wait()
    }

    /// The report, if a shutdown that a signal began is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::ThreadPool;
    /// use scheduler::signal::SIGUSR2;
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let signals = pool.shutdown_on(&[SIGUSR2], Duration::from_secs(10))?;
    /// assert!(signals.try_report().is_none(), "there was no signal");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_report(&self) -> Option<ShutdownReport> {
        self.outcome.get()
    }
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        // Before the listener closes: in between a signal does both, instead of nothing.
        self.listening.stop();
        self.handle.close();
    }
}

impl fmt::Debug for SignalGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SignalGuard");
        match self.outcome.0.try_lock() {
            Ok(state) => debug.field("report", &state.report),
            Err(_) => debug.field("report", &format_args!("<locked>")),
        };
        debug.finish_non_exhaustive()
    }
}
