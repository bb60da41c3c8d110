//! What a signal does when nobody listens for it.
//!
//! `signal-hook` never takes its handler away again: a signal that somebody has listened for once
//! would be ignored for the rest of the process. So when the last guard of a signal goes, an action
//! takes its place that does what the system does by default; the next guard removes it.

use crate::sync::StaticMutex;
use signal_hook::SigId;
use signal_hook::consts::FORBIDDEN;
use signal_hook::low_level::{emulate_default_handler, register, signal_name, unregister};
use std::collections::BTreeMap;
use std::io;

/// Of each signal that has been listened for: how many guards there are, and, if there are none,
/// the action.
static LISTENED: StaticMutex<BTreeMap<i32, Listened>> = StaticMutex::new(BTreeMap::new());

#[derive(Default)]
struct Listened {
    guards: usize,
    default: Option<SigId>,
}

/// Whether all of them can be listened for.
pub(super) fn check(signals: &[i32]) -> io::Result<()> {
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if signals.is_empty() {
        return refuse("there is no signal to shut down on".to_owned());
    }
    for &signal in signals {
        match signal_name(signal) {
            None => return refuse(format!("there is no signal {signal}")),
            Some(name) if FORBIDDEN.contains(&signal) => {
                return refuse(format!("{name} cannot be handled"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// That a guard listens for some signals.
pub(super) struct Listening(Vec<i32>);

impl Listening {
    pub(super) fn new(signals: &[i32]) -> Self {
        let mut signals = signals.to_vec();
        signals.sort_unstable();
        signals.dedup();
        let mut all = LISTENED.lock().unwrap();
        for &signal in &signals {
            let listened = all.entry(signal).or_default();
            listened.guards += 1;
            if let Some(default) = listened.default.take() {
                unregister(default);
            }
        }
        Self(signals)
    }

    /// Once.
    pub(super) fn stop(&mut self) {
        let mut all = LISTENED.lock().unwrap();
        for signal in self.0.drain(..) {
            let listened = all.entry(signal).or_default();
            listened.guards -= 1;
            if listened.guards == 0 {
                let default = move || {
                    // It can fail for a signal only that does not exist.
                    let _ = emulate_default_handler(signal);
                };
                // SAFETY: the action is safe in a signal's handler: it makes system calls only, takes no
                // lock, allocates nothing and does not panic.
                listened.default = unsafe { register(signal, default) }.ok();
            }
        }
    }
}
