//! The lock around the [state](super::state) of an elastic pool, and what waits outside it.

use super::state::{Admission, Figures, Limits, Package, Refused, State, Tell, Ticket, Woken};
use crate::latch::Latch;
use crate::park::Parker;
use crate::sync::{Arc, Instant, Mutex, thread};
use std::io;
use std::panic::Location;
use std::time::Duration;

/// How long a thread whose time is over stays at least for those who have been granted room, which
/// are about to come. Shorter, and it looks again and again; longer, it leaves later than it should.
const GRANT: Duration = Duration::from_millis(1);

/// Takes jobs from submitters, and gives them to threads.
#[derive(Debug)]
pub(crate) struct Core<J> {
    limits: Limits,
    state: Mutex<State<J>>,
}

impl<J> Core<J> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::new(State::new()) }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Runs `f` under the lock, and tells whom it says after that.
    fn with<R>(&self, f: impl FnOnce(&mut State<J>, &Limits, &mut Tell) -> R) -> R {
        let mut tell = Tell::default();
        let result = f(&mut self.state.lock().unwrap(), &self.limits, &mut tell);
        tell.now();
        result
    }

    /// Takes a package if there is room now. `spawn` gets a number, and spawns a thread that
    /// [serves](Self::next) under it.
    pub(crate) fn admit<P: Package<Job = J>>(
        &self,
        package: P,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<P::Receipt, Refused<P>> {
        self.with(|state, limits, tell| state.admit(limits, package, spawn, tell))
    }

    /// As [`admit`](Self::admit); without room the caller is now among those who wait for it, and
    /// its latch will be set. It has to come back to [`redeem`](Self::redeem).
    pub(crate) fn admit_or_wait<P: Package<Job = J>>(
        &self,
        package: P,
        latch: &Arc<Latch>,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Admission<P> {
        self.with(|state, limits, tell| match state.admit(limits, package, spawn, tell) {
            Ok(receipt) => Admission::Taken(receipt),
            Err(Refused::Full(package, _)) => Admission::Waits(package, state.enlist(latch)),
            Err(refused) => Admission::Refused(refused),
        })
    }

    /// The caller's latch is set, or its time is over.
    pub(crate) fn redeem<P: Package<Job = J>>(
        &self,
        package: P,
        ticket: Ticket,
    ) -> Result<P::Receipt, Refused<P>> {
        self.with(|state, _, tell| state.redeem(package, ticket, tell))
    }

    /// As [`admit`](Self::admit); without room the oldest job that is queued makes some. It comes
    /// back. Without a queue there is none.
    pub(crate) fn displace<P: Package<Job = J>>(
        &self,
        package: P,
        spawn: impl FnOnce(usize) -> io::Result<thread::JoinHandle<()>>,
    ) -> Result<(P::Receipt, Option<J>), Refused<P>> {
        self.with(|state, limits, tell| match state.admit(limits, package, spawn, tell) {
            Ok(receipt) => Ok((receipt, None)),
            Err(Refused::Full(package, queued)) if limits.capacity > 0 => {
                match state.displace(package, tell) {
                    Ok((receipt, oldest)) => Ok((receipt, Some(oldest))),
                    Err(package) => Err(Refused::Full(package, queued)),
                }
            }
            Err(refused) => Err(refused),
        })
    }

    /// What the thread of that number is to run next; it waits until there is something. `None`: it
    /// has to [leave](Self::leave).
    pub(crate) fn next(&self, number: usize, parker: &Arc<Parker>) -> Option<J> {
        let mut patience = self.limits.keep_alive;
        let mut state = self.state.lock().unwrap();
        state.arrive(number);
        loop {
            let mut tell = Tell::default();
            let job = state.take(number, &self.limits, &mut tell);
            let ends = job.is_some() || !state.rest(number, parker, &self.limits, &mut tell);
            let surplus = state.is_surplus(&self.limits);
            drop(state);
            tell.now();
            if ends {
                return job;
            }

            let deadline = Instant::now().checked_add(patience);
            let is_over = match deadline.filter(|_| surplus) {
                Some(deadline) => !parker.park_until(deadline),
                None => {
                    parker.park();
                    false
                }
            };
            state = self.state.lock().unwrap();
            patience = match state.wake(number, is_over, &self.limits) {
                Woken::Called => self.limits.keep_alive,
                Woken::Stays => self.limits.keep_alive.max(GRANT),
                Woken::Leaves => return None,
            };
        }
    }

    /// The last call of a thread whose [`next`](Self::next) gave nothing.
    pub(crate) fn leave(&self, number: usize) {
        let (before, tell) = self.state.lock().unwrap().leave(number);
        if let Some(before) = before {
            // It has caught what it ran.
            let _ = before.join();
        }
        tell.now();
    }

    /// Refuses packages from now on; threads leave when nothing is queued.
    pub(crate) fn close(&self) {
        self.with(|state, _, tell| state.close(tell));
    }

    /// Takes out what is queued, and has it cancelled or taken elsewhere.
    pub(crate) fn cancel_queued(&self, cancel: impl FnOnce(Vec<J>)) {
        let jobs = self.state.lock().unwrap().cancel();
        cancel(jobs);
        let tell = self.state.lock().unwrap().cancelled();
        tell.now();
    }

    /// A latch of the caller's own that is set when the pool is closed, its last thread leaves, and
    /// nothing of it is just being cancelled.
    pub(crate) fn on_exit(&self) -> Arc<Latch> {
        let latch = Arc::new(Latch::new());
        if !self.state.lock().unwrap().watch_end(&latch) {
            // SAFETY: `latch` is alive.
            unsafe { Latch::set(&raw const *latch) };
        }
        latch
    }

    /// Waits until all threads that have left have ended.
    pub(crate) fn join_last(&self) {
        let last = self.state.lock().unwrap().take_last();
        if let Some(last) = last {
            let _ = last.join();
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        self.state.lock().unwrap().figures()
    }

    /// As [`figures`](Self::figures), unless somebody has the lock.
    pub(crate) fn try_figures(&self) -> Option<Figures> {
        self.state.try_lock().ok().map(|state| state.figures())
    }

    /// What runs now, by the threads' numbers, and since when.
    pub(crate) fn running(&self) -> Vec<(usize, &'static Location<'static>, Instant)> {
        self.state.lock().unwrap().running().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Core, Limits};
    use crate::blocking::Growth;
    use std::time::Duration;

    #[test]
    fn figures_are_not_waited_for() {
        let core = Core::<()>::new(Limits {
            core: 0,
            max: 1,
            capacity: 0,
            keep_alive: Duration::ZERO,
            core_times_out: false,
            growth: Growth::GrowFirst,
        });
        assert!(core.try_figures().is_some());
        let locked = core.state.lock().unwrap();
        assert!(core.try_figures().is_none());
        drop(locked);
    }
}
