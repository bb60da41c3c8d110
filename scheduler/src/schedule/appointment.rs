//! A call at some time, unless its pool closes before.
//!
//! # Protocol
//!
//! Three parties may come for the call: the timer when it is due, the pool when it closes, and
//! [`Appointment::cancel`]. It belongs to whoever takes it out of the state, under the lock. The
//! first makes it, the others drop it; so it is made once or dropped once. Whoever takes it also
//! takes back what the other parties still hold of it.
//!
//! The state learns the places in the timer and in the pool only after both are taken, and the call
//! may be gone by then: who made the appointment takes both back in that case.

use crate::pool::on_close::CallKey;
use crate::pool::registry::Registry;
use crate::sync::{Arc, Instant, Mutex};
use crate::timer::{self, TimerKey};
use crate::unwind;

type Call = Box<dyn FnOnce() + Send>;

/// See the module. Dropping it changes nothing.
pub(super) struct Appointment(Arc<Shared>);

struct Shared {
    registry: Arc<Registry>,
    state: Mutex<State>,
}

struct State {
    call: Option<Call>,
    places: Places,
}

/// Where the others have it.
#[derive(Default)]
struct Places {
    timer: Option<TimerKey>,
    pool: Option<CallKey>,
}

impl Appointment {
    /// `call` is made at `due`, on the timer's thread, so it has to be short; or it is dropped
    /// when the pool closes; at once, if it has closed already.
    ///
    /// # Panics
    ///
    /// As [`timer::at`]; the call is dropped then.
    pub(super) fn new(
        registry: &Arc<Registry>,
        due: Instant,
        call: impl FnOnce() + Send + 'static,
    ) -> Self {
        let state = State { call: Some(Box::new(call)), places: Places::default() };
        let shared = Arc::new(Shared { registry: Arc::clone(registry), state: Mutex::new(state) });
        let this = Self(Arc::clone(&shared));

        let on_close = Arc::clone(&shared);
        let closed = registry.on_close().tell(Box::new(move || on_close.end()));
        let Ok(in_pool) = closed else {
            shared.end();
            return this;
        };
        let on_time = Arc::clone(&shared);
        let in_timer = match unwind::catch(|| timer::at(due, Box::new(move || on_time.make()))) {
            Ok(in_timer) => in_timer,
            Err(payload) => {
                drop(registry.on_close().forget(in_pool));
                shared.end();
                unwind::resume(payload);
            }
        };
        let places = Places { timer: Some(in_timer), pool: Some(in_pool) };
        if let Some(places) = shared.note(places) {
            shared.leave(places);
        }
        this
    }

    /// Drops the call, unless it has been made.
    pub(super) fn cancel(&self) {
        self.0.end();
    }
}

impl Shared {
    /// Notes the places; hands them back if the call is gone.
    fn note(&self, places: Places) -> Option<Places> {
        let mut state = self.state.lock().unwrap();
        if state.call.is_none() {
            return Some(places);
        }
        state.places = places;
        None
    }

    fn take(&self) -> Option<(Call, Places)> {
        let mut state = self.state.lock().unwrap();
        let call = state.call.take()?;
        Some((call, std::mem::take(&mut state.places)))
    }

    /// It is due.
    fn make(&self) {
        if let Some((call, places)) = self.take() {
            self.leave(places);
            call();
        }
    }

    /// It will not be made.
    fn end(&self) {
        if let Some((call, places)) = self.take() {
            self.leave(places);
            unwind::drop_quietly(call);
        }
    }

    /// Takes back what is still in the timer and in the pool.
    fn leave(&self, places: Places) {
        if let Some(key) = places.timer {
            drop(timer::cancel(key));
        }
        if let Some(key) = places.pool {
            drop(self.registry.on_close().forget(key));
        }
    }
}
