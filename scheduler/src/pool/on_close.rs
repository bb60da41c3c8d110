//! Who has to be told when a pool refuses new work: delayed work, which is not in its queues yet.
//!
//! One lock guards the calls and whether the pool has closed. A call belongs to whoever takes it
//! out under the lock: the close, which makes it, or [`OnClose::forget`]. One that comes after the
//! close is handed back. So each is made or handed back, once; none is made under the lock.

use crate::sync::Mutex;
use crate::sync::fault::{self, Fault};
use crate::unwind;
use std::collections::BTreeMap;
use std::fmt;

pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// A call that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallKey(u64);

/// See the module.
#[derive(Default)]
pub(crate) struct OnClose(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    closed: bool,
    numbers: u64,
    calls: BTreeMap<u64, Call>,
}

impl OnClose {
    /// `call` is to be made when the pool closes. Handed back if it has closed already.
    pub(crate) fn tell(&self, call: Call) -> Result<CallKey, Call> {
        let mut calls = self.0.lock().unwrap();
        if calls.closed && !fault::is(Fault::ClosingForgets) {
            return Err(call);
        }
        let number = calls.numbers;
        calls.numbers += 1;
        calls.calls.insert(number, call);
        Ok(CallKey(number))
    }

    /// Takes a call back. `None`: it has been made, or is being made.
    pub(crate) fn forget(&self, key: CallKey) -> Option<Call> {
        self.0.lock().unwrap().calls.remove(&key.0)
    }

    /// The pool has closed: makes all calls. A panic in one ends there.
    pub(crate) fn close(&self) {
        let calls = {
            let mut calls = self.0.lock().unwrap();
            calls.closed = true;
            std::mem::take(&mut calls.calls)
        };
        for call in calls.into_values() {
            if let Err(payload) = unwind::catch(call) {
                unwind::drop_quietly(payload);
            }
        }
    }
}

impl fmt::Debug for OnClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnClose").finish_non_exhaustive()
    }
}
