//! Seeded faults: each weakens one line of a protocol, and a model in `loom-tests` must
//! notice. In a normal build [`is`] is `false` and folds away.

/// The lines that can be weakened.
#[cfg_attr(not(scheduler_loom), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Fault {
    None,
    HeadPopNoLight,
    HeadPopNoCas,
    HeadPopKeepsBottom,
    HeadTakeNoCas,
    PushNoLight,
    PushIgnoresDemand,
    ForceNoHeavy,
    NoForcedSteal,
    AnnounceNoLight,
    SleepNoHeavy,
    SleepNoLook,
    LookSkipsInjector,
    LookSkipsInbox,
    LeaveWakesNobody,
    LatchSetNoWake,
    LatchSetRelaxed,
    LatchWatchIgnoresSet,
    UnparkStores,
    ParkIgnoresToken,
    CountLatchRelaxed,
    TerminateWakesOne,
    GateChecksThenEnters,
    GateLeaveForgets,
    CellReleaseRelaxed,
    CellClaimIgnored,
}

#[cfg(scheduler_loom)]
mod imp {
    use super::Fault;
    use std::cell::Cell;

    std::thread_local! { static ACTIVE: Cell<Fault> = const { Cell::new(Fault::None) } }

    /// Switches one fault on for the models that this OS thread runs next.
    pub(crate) fn seed(fault: Fault) {
        ACTIVE.set(fault);
    }

    pub(crate) fn is(fault: Fault) -> bool {
        ACTIVE.get() == fault
    }
}

#[cfg(not(scheduler_loom))]
mod imp {
    #[inline(always)]
    pub(crate) const fn is(_: super::Fault) -> bool {
        false
    }
}

pub(crate) use imp::*;
