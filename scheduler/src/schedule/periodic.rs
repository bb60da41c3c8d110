//! Again and again.
//!
//! # Protocol
//!
//! A series has one *turn*, which goes round: from the appointment to the pool's queue to the
//! worker that runs the function, and from there to the next appointment. Whoever has the turn has
//! the right to take the function. A turn that is dropped (the pool refuses it, or closes) ends
//! the series. So runs never overlap, and none comes after the end.
//!
//! One lock guards the state: the function, which is absent while it runs; the current
//! appointment; and the end, which is written once, by the turn or by an abort. An abort during a
//! run only asks for the end, and the turn brings it; the function can see that it is asked, by a flag
//! beside the lock, through which nothing is read.
//!
//! The function, its panic and what the appointment holds are dropped outside the lock.

use super::appointment::Appointment;
use crate::job::cell::{Reason, Unclaimed};
use crate::job::error::JoinError;
use crate::latch::Latch;
use crate::pool::ThreadPool;
use crate::pool::carried;
use crate::pool::registry::{Registry, wait};
use crate::pool::stops::Stops;
use crate::span;
use crate::sync::{Arc, AtomicBool, Counter, Instant, Mutex, Ordering};
use crate::task::spawn_ticket;
use crate::timer;
use crate::unwind::{self, Payload};
use std::fmt;
use std::mem;
use std::panic::Location;
use std::time::Duration;

type Function = Box<dyn FnMut() + Send>;

impl ThreadPool {
    /// Runs `f` on the pool at `initial_delay` from now, and then every `period`, measured from
    /// start to start: at `initial_delay + n * period`.
    ///
    /// Two runs never overlap. One that takes longer than the period makes the next ones late; they
    /// then follow one after another until the series has caught up, as
    /// `scheduleAtFixedRate` of Java does. Where that is not wanted, see
    /// [`schedule_with_fixed_delay`](Self::schedule_with_fixed_delay).
    ///
    /// The series goes on until [`abort`](PeriodicHandle::abort), until `f` panics, or until the
    /// pool is shut down: a shutdown, in any mode, does not wait for the next run. On a pool that has been
    /// shut down already, it ends before its first run.
    ///
    /// # Panics
    ///
    /// If the period is zero; if the timer's thread cannot be spawned (see
    /// [`schedule`](Self::schedule)). A panic of `f` goes to the handle.
    ///
    /// # On a worker
    ///
    /// It returns at once, there and on any other thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let (sender, receiver) = mpsc::channel();
    /// let mut number = 0;
    /// let ms = Duration::from_millis;
    /// let series = pool.schedule_at_fixed_rate(ms(0), ms(5), move || {
    ///     number += 1;
    ///     sender.send(number).unwrap();
    /// });
    /// assert_eq!(receiver.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    /// drop(receiver);
    /// assert!(series.join().is_panic(), "nobody receives number 4");
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn schedule_at_fixed_rate<F>(
        &self,
        initial_delay: Duration,
        period: Duration,
        f: F,
    ) -> PeriodicHandle
    where
        F: FnMut() + Send + 'static,
    {
        assert!(!period.is_zero(), "the period of a series is zero");
        self.begin(initial_delay, Step::Rate(period), f, Location::caller())
    }

    /// Runs `f` on the pool at `initial_delay` from now, and then again and again, `delay` after
    /// the end of the run before.
    ///
    /// All else is as with [`schedule_at_fixed_rate`](Self::schedule_at_fixed_rate).
    ///
    /// # Panics
    ///
    /// If the delay is zero; if the timer's thread cannot be spawned (see
    /// [`schedule`](Self::schedule)).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let ms = Duration::from_millis;
    /// let series = pool.schedule_with_fixed_delay(ms(0), ms(1), || ());
    /// while series.runs() < 3 {
    ///     std::thread::yield_now();
    /// }
    /// series.abort();
    /// assert!(series.join().is_aborted());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    #[track_caller]
    pub fn schedule_with_fixed_delay<F>(
        &self,
        initial_delay: Duration,
        delay: Duration,
        f: F,
    ) -> PeriodicHandle
    where
        F: FnMut() + Send + 'static,
    {
        assert!(!delay.is_zero(), "the delay of a series is zero");
        self.begin(initial_delay, Step::Delay(delay), f, Location::caller())
    }

    fn begin(
        &self,
        initial_delay: Duration,
        step: Step,
        f: impl FnMut() + Send + 'static,
        site: &'static Location<'static>,
    ) -> PeriodicHandle {
        let series = Arc::new(Series {
            registry: Arc::clone(self.registry()),
            site,
            step,
            state: Mutex::new(State {
                function: Some(Box::new(span::repeated("periodic", site, f))),
                appointment: None,
                aborted: false,
                end: End::NotYet,
                has_handle: true,
            }),
            asked: AtomicBool::new(false),
            runs: Counter::default(),
            ended: Latch::new(),
        });
        let handle = PeriodicHandle(Arc::clone(&series));
        Turn(Some(series)).appoint(timer::after(initial_delay));
        handle
    }
}

/// The handle of a series of runs: [`ThreadPool::schedule_at_fixed_rate`] and
/// [`ThreadPool::schedule_with_fixed_delay`]. Dropping it detaches the series, which then goes on
/// until the pool is shut down, or until its closure panics.
///
/// A panic of a detached series goes to the pool's
/// [`panic_handler`](crate::ThreadPoolBuilder::panic_handler); so it does if the handle is dropped
/// without a look at it.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// let pool = scheduler::ThreadPool::new(1)?;
/// let done = Arc::new(AtomicU64::new(0));
/// let seen = Arc::clone(&done);
/// let ms = Duration::from_millis;
/// let progress = pool.schedule_at_fixed_rate(ms(1), ms(1), move || {
///     println!("{} done", seen.load(Ordering::Relaxed));
/// });
/// for _ in 0..1000 {
///     done.fetch_add(1, Ordering::Relaxed);
/// }
/// progress.abort();
/// # Ok::<(), scheduler::BuildError>(())
/// ```
#[must_use = "dropping the handle detaches the series; write `drop(handle)` if that is meant"]
pub struct PeriodicHandle(Arc<Series>);

impl PeriodicHandle {
    /// Ends the series: there will be no further run, and the closure is dropped; here and now, or
    /// when the run that is under way has ended. It does not wait for that, and asks the run to stop, through
    /// [`task::is_cancelled`](crate::task::is_cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let series = scheduler::global().schedule_at_fixed_rate(hour, hour, || ());
    /// series.abort();
    /// assert!(series.is_finished() && series.join().is_aborted());
    /// ```
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the series has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let pool = scheduler::ThreadPool::new(1)?;
    /// let hour = Duration::from_secs(3600);
    /// let series = pool.schedule_with_fixed_delay(hour, hour, || ());
    /// assert!(!series.is_finished());
    /// let _ = pool.shutdown(scheduler::Shutdown::Drain);
    /// assert!(series.is_finished());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        self.0.ended.is_set()
    }

    /// How many runs have ended, without a panic, so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let ms = Duration::from_millis;
    /// let mut left = 3;
    /// let series = scheduler::global().schedule_at_fixed_rate(ms(0), ms(1), move || {
    ///     left -= 1;
    ///     assert!(left >= 0, "the fourth run");
    /// });
    /// while !series.is_finished() {
    ///     std::thread::sleep(ms(1));
    /// }
    /// assert_eq!(series.runs(), 3);
    /// assert!(series.join().is_panic());
    /// ```
    pub fn runs(&self) -> u64 {
        self.0.runs.get()
    }

    /// Waits until the series has ended, and says why: a series has no value. The closure
    /// [panicked](JoinError::is_panic), the pool was [shut down](JoinError::is_shut_down), or the
    /// series was [aborted](JoinError::is_aborted).
    ///
    /// # On a worker
    ///
    /// As [`JoinHandle::join`](crate::JoinHandle::join): runs other jobs meanwhile. Inside the
    /// series' own closure it waits for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use scheduler::{Shutdown, ThreadPool};
    /// use std::time::Duration;
    ///
    /// let pool = ThreadPool::new(1)?;
    /// let second = Duration::from_secs(1);
    /// let series = pool.schedule_at_fixed_rate(second, second, || println!("tick"));
    /// let _ = pool.shutdown(Shutdown::Drain);
    /// assert!(series.join().is_shut_down());
    /// # Ok::<(), scheduler::BuildError>(())
    /// ```
    pub fn join(self) -> JoinError {
        wait(&self.0.ended);
        match self.0.take_end() {
            End::Panicked(payload, _) => JoinError::panicked(payload),
            End::ShutDown => JoinError::dropped(Reason::ShutDown),
            End::Aborted | End::NotYet => JoinError::dropped(Reason::Aborted),
        }
    }
}

impl Drop for PeriodicHandle {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().has_handle = false;
        if let End::Panicked(payload, unclaimed) = self.0.take_end() {
            (unclaimed.0)(payload);
        }
    }
}

impl fmt::Debug for PeriodicHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicHandle")
            .field("finished", &self.is_finished())
            .field("runs", &self.runs())
            .finish()
    }
}

/// When the next run is due.
#[derive(Clone, Copy)]
enum Step {
    /// So long after the last one was due.
    Rate(Duration),
    /// So long after the last one ended.
    Delay(Duration),
}

enum End {
    NotYet,
    Aborted,
    ShutDown,
    Panicked(Payload, Unclaimed),
}

/// See the module's protocol.
struct Series {
    registry: Arc<Registry>,
    site: &'static Location<'static>,
    step: Step,
    state: Mutex<State>,
    /// The function is asked to stop, if it runs.
    asked: AtomicBool,
    /// Written by whoever has the turn.
    runs: Counter,
    /// Its one waiter is the handle.
    ended: Latch,
}

struct State {
    function: Option<Function>,
    appointment: Option<Appointment>,
    aborted: bool,
    end: End,
    has_handle: bool,
}

impl Series {
    /// Writes the end, unless there is one.
    fn end(&self, end: End) {
        let (function, appointment, unread) = {
            let mut state = self.state.lock().unwrap();
            if !matches!(state.end, End::NotYet) {
                return;
            }
            let unread = if state.has_handle {
                state.end = end;
                None
            } else {
                state.end = End::Aborted;
                Some(end)
            };
            (state.function.take(), state.appointment.take(), unread)
        };
        drop(appointment);
        unwind::drop_quietly(function);
        // SAFETY: the caller's reference keeps the latch alive during the call.
        unsafe { Latch::set(&raw const self.ended) };
        if let Some(End::Panicked(payload, unclaimed)) = unread {
            (unclaimed.0)(payload);
        }
    }

    /// The end, for the handle; a panic is in it once.
    fn take_end(&self) -> End {
        let mut state = self.state.lock().unwrap();
        match &state.end {
            End::NotYet => End::NotYet,
            End::Aborted => End::Aborted,
            End::ShutDown => End::ShutDown,
            End::Panicked(..) => mem::replace(&mut state.end, End::Aborted),
        }
    }

    fn abort(&self) {
        let appointment = {
            let mut state = self.state.lock().unwrap();
            state.aborted = true;
            if state.function.is_none() {
                // It runs, or there is an end already.
                self.asked.store(true, Ordering::Relaxed);
                return;
            }
            state.appointment.take()
        };
        self.end(End::Aborted);
        // With it goes the turn, unless that is on its way already.
        if let Some(appointment) = appointment {
            appointment.cancel();
        }
    }

    /// Puts the function back after a run. Handed back, if the series is to end.
    fn put_back(&self, function: Function) -> Result<(), Function> {
        self.runs.add(1);
        let mut state = self.state.lock().unwrap();
        if state.aborted {
            return Err(function);
        }
        state.function = Some(function);
        Ok(())
    }
}

/// The right to the next run, and the duty to end the series if there is none.
struct Turn(Option<Arc<Series>>);

impl Turn {
    /// The next run is due then.
    fn appoint(self, due: Instant) {
        let Some(series) = self.0.clone() else { return };
        let appointment = Appointment::new(&series.registry, due, move || self.submit(due));
        let mut state = series.state.lock().unwrap();
        if matches!(state.end, End::NotYet) && !state.aborted {
            state.appointment = Some(appointment);
            return;
        }
        drop(state);
        appointment.cancel();
    }

    /// It is due: to the pool. A pool that refuses it drops it.
    fn submit(self, due: Instant) {
        let Some(series) = self.0.clone() else { return };
        spawn_ticket(&series.registry, move || self.run(due), series.site);
    }

    /// On a worker.
    fn run(mut self, due: Instant) {
        let Some(series) = self.0.take() else { return };
        let function = series.state.lock().unwrap().function.take();
        // An abort has taken it.
        let Some(mut function) = function else { return };
        let stops = Stops::new(None, Some(&series.asked));
        if let Err(payload) = unwind::catch(|| carried::run_root(&stops, &mut function)) {
            unwind::drop_quietly(function);
            return series.end(End::Panicked(payload, series.registry.unclaimed()));
        }
        if let Err(function) = series.put_back(function) {
            unwind::drop_quietly(function);
            return series.end(End::Aborted);
        }
        let next = match series.step {
            Step::Rate(period) => due.checked_add(period).unwrap_or_else(|| timer::after(period)),
            Step::Delay(delay) => timer::after(delay),
        };
        Turn(Some(series)).appoint(next);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(series) = self.0.take() {
            series.end(End::ShutDown);
        }
    }
}
