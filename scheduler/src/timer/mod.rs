//! What is to happen at some time: one thread for all deadlines of the process.
//!
//! # Protocol
//!
//! One lock guards the entries, ordered by their time, and the thread's parker. An entry belongs to
//! whoever takes it out under the lock: the thread when it is due, or [`cancel`]. So a callback
//! runs once, or is handed back once.
//!
//! The thread parks until the earliest time that it has seen. Whoever puts in an earlier one
//! unparks it. Its token stays if it comes before the park, so no entry is slept over. A thread
//! that has not begun to look yet has no parker there, and will see what is there by then.
//!
//! Nothing runs and nothing ticks while no entry is due. The thread starts with the first entry,
//! and lives as long as the process.

use crate::park::Parker;
use crate::sync::{Arc, Instant, StaticMutex, mask, thread};
use crate::unwind;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Runs on the timer's thread, so it has to be short: it submits to a pool, or sets a flag. Its
/// panic ends there.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// An entry's place among all: by time, and those of one time by their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    due: Instant,
    number: u64,
}

struct Timer {
    entries: BTreeMap<TimerKey, Callback>,
    numbers: u64,
    started: bool,
    parker: Option<Arc<Parker>>,
}

static TIMER: StaticMutex<Timer> =
    StaticMutex::new(Timer { entries: BTreeMap::new(), numbers: 0, started: false, parker: None });

/// Calls `callback` at `due` or soon after; at once, if that has passed.
///
/// # Panics
///
/// If the timer's thread cannot be spawned. The callback is dropped then; the next call tries
/// again.
pub(crate) fn at(due: Instant, callback: Callback) -> TimerKey {
    match TIMER.lock().unwrap().insert(due, callback) {
        Ok((key, waiter)) => {
            if let Some(waiter) = waiter {
                waiter.unpark();
            }
            key
        }
        Err((error, callback)) => {
            unwind::drop_quietly(callback);
            panic!("the timer's thread cannot be spawned: {error}");
        }
    }
}

/// Takes an entry back. `None`: its callback has begun to run, or has been taken back.
pub(crate) fn cancel(key: TimerKey) -> Option<Callback> {
    TIMER.lock().unwrap().entries.remove(&key)
}

/// A time that far away; so far that nobody sees the difference where the clock cannot say it.
pub(crate) fn after(delay: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(delay.min(THIRTY_YEARS)).unwrap_or(now)
}

impl Timer {
    /// Puts in an entry; with it comes who has to be unparked for it.
    #[expect(clippy::type_complexity, reason = "both halves are taken apart at once")]
    fn insert(
        &mut self,
        due: Instant,
        callback: Callback,
    ) -> Result<(TimerKey, Option<Arc<Parker>>), (io::Error, Callback)> {
        if !self.started {
            match thread::Builder::new().name("scheduler-timer".to_owned()).spawn(run) {
                Ok(_) => self.started = true,
                Err(error) => return Err((error, callback)),
            }
        }
        let key = TimerKey { due, number: self.numbers };
        self.numbers += 1;
        self.entries.insert(key, callback);
        let first = self.entries.first_key_value().is_some_and(|(first, _)| *first == key);
        Ok((key, self.parker.clone().filter(|_| first)))
    }

    /// What the thread is to do now.
    fn next(&mut self, now: Instant) -> Next {
        match self.entries.first_entry() {
            Some(entry) if entry.key().due <= now => Next::Call(entry.remove()),
            Some(entry) => Next::ParkUntil(entry.key().due),
            None => Next::Park,
        }
    }
}

enum Next {
    Call(Callback),
    ParkUntil(Instant),
    Park,
}

/// The thread.
fn run() {
    mask::restore();
    let parker = Parker::current();
    TIMER.lock().unwrap().parker = Some(Arc::clone(&parker));
    loop {
        let next = TIMER.lock().unwrap().next(Instant::now());
        match next {
            Next::Call(callback) => {
                if let Err(payload) = unwind::catch(callback) {
                    unwind::drop_quietly(payload);
                }
            }
            Next::ParkUntil(due) => _ = parker.park_until(due),
            Next::Park => parker.park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TIMER, after, at, cancel};
    use crate::sync::Instant;
    use std::sync::mpsc;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn entries_are_called_in_the_order_of_their_times() {
        let (sender, receiver) = mpsc::channel();
        for (number, millis) in [(3, 30), (1, 10), (2, 20)] {
            let sender = sender.clone();
            let due = after(Duration::from_millis(millis));
            at(due, Box::new(move || sender.send((number, Instant::now() >= due)).unwrap()));
        }
        let called: Vec<_> = receiver.iter().take(3).collect();
        assert_eq!(called, [(1, true), (2, true), (3, true)]);
    }

    #[test]
    fn an_earlier_entry_wakes_the_thread() {
        let far = at(after(LONG), Box::new(|| ()));
        let (sender, receiver) = mpsc::channel();
        at(Instant::now(), Box::new(move || sender.send(()).unwrap()));
        receiver.recv().unwrap();
        assert!(cancel(far).is_some());
    }

    #[test]
    fn a_cancelled_entry_is_gone() {
        let keys: Vec<_> = (0..1000).map(|_| at(after(LONG), Box::new(|| ()))).collect();
        for key in &keys {
            assert!(cancel(*key).is_some());
            assert!(cancel(*key).is_none());
        }
        let left = &TIMER.lock().unwrap().entries;
        assert!(keys.iter().all(|key| !left.contains_key(key)));
    }

    #[test]
    fn a_panic_in_a_callback_ends_there() {
        let (sender, receiver) = mpsc::channel();
        at(Instant::now(), Box::new(|| std::panic::resume_unwind(Box::new(()))));
        at(Instant::now(), Box::new(move || sender.send(()).unwrap()));
        receiver.recv().unwrap();
    }

    #[test]
    fn no_delay_is_too_long() {
        let key = at(after(Duration::MAX), Box::new(|| ()));
        assert!(cancel(key).is_some());
    }
}
