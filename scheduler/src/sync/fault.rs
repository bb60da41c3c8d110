//! Seeded faults: each weakens one line of a protocol, and a model in `loom-tests` must
//! notice; some are seeded under the sanitizers as well. In a normal build [`is`] is `false`
//! and folds away.

macro_rules! faults {
    ($($name:ident: $what:literal,)*) => {
        /// The lines that can be weakened.
        #[cfg_attr(
            not(any(scheduler_loom, scheduler_tsan, scheduler_asan, scheduler_lsan)),
            allow(dead_code)
        )]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            None,
            $(#[doc = $what] $name,)*
        }

        /// All of them, with what each does.
        #[cfg(any(scheduler_loom, scheduler_tsan, scheduler_asan, scheduler_lsan))]
        pub(crate) const ALL: &[(Fault, &str)] = &[$((Fault::$name, $what),)*];
    };
}

faults! {
    DequePushNoFence: "stand-in deque: `push` without its Release fence",
    DequePopNoFence: "stand-in deque: `pop` without its SeqCst fence",
    DequePopNoCas: "stand-in deque: `pop` takes the last value without an exchange",
    DequeStealNoFence: "stand-in deque: `steal` without its SeqCst fence",
    DequeGrowRelaxed: "stand-in deque: the grown buffer is stored relaxed",
    HeadPopRelaxed: "head: `pop` stores `bottom` relaxed",
    HeadPopNoLight: "head: `pop` without `light`",
    HeadPopNoCas: "head: `pop` takes the last job without an exchange",
    HeadPopKeepsBottom: "head: a pop of the last job does not put `bottom` back",
    HeadTakeNoCas: "head: `take_oldest` stores `top` without an exchange",
    PopIgnoresLatch: "worker: a fork is taken back by its index alone",
    PushNoLight: "worker: `push` without `light` before it looks for idle workers",
    PushIgnoresDemand: "worker: `push` publishes nothing, whoever is idle",
    ForceNoHeavy: "worker: a second forced steal from the same head without `heavy`",
    NoForcedSteal: "worker: the last look leaves the heads out",
    AnnounceNoLight: "sleep: an announcement without `light`",
    SleepNoHeavy: "worker: the last look without `heavy`",
    SleepNoLook: "worker: no last look",
    LookSkipsInjector: "worker: the last look leaves the global queue out",
    LookSkipsInbox: "worker: the last look leaves the worker's inbox out",
    TopAfterHeavy: "worker: the last look reads `top` after its `heavy`",
    LookIgnoresRetry: "worker: the last look ends although somebody was in its way",
    AnnounceToNoLight: "sleep: an announcement to one worker without `light`",
    ClaimIgnored: "sleep: a claimer wakes a worker that another one has claimed",
    ClaimUncounted: "sleep: a woken worker is not counted over to the searchers",
    CancelWakesNobody: "sleep: who breaks off its sleep wakes nobody, though no searcher is left",
    SleepEndsTwice: "sleep: a worker ends its sleep although it was claimed",
    SleepTrustsToken: "sleep: a worker does not look why it was unparked",
    LeaveWakesNobody: "sleep: the last searcher leaves without waking another",
    LatchSetNoWake: "latch: `set` does not unpark",
    LatchSetRelaxed: "latch: `set` swaps relaxed",
    LatchTouchedAfterSet: "latch: `set` reads the word again after its swap",
    LatchUnwatchForgets: "latch: `unwatch` leaves its reference in the word",
    LatchWatchIgnoresSet: "latch: `watch` does not tell that the latch is set",
    UnparkRelaxed: "park: `unpark` swaps relaxed",
    UnparkLooksFirst: "park: `unpark` does nothing if there is a token",
    ParkIgnoresToken: "park: `park` blocks first and clears the token after",
    PartsEndRelaxed: "scope: a part's end is counted relaxed",
    PartsSettleForgetsLocal: "scope: parts that ended on the owner's thread are forgotten",
    TerminateWakesOne: "pool: the end of a pool is told to one worker only",
    GateChecksThenEnters: "pool: a submitter looks at the gate, then enters",
    GateCloseForgets: "pool: closing an empty pool does not end the workers",
    CancelSkipsQueues: "pool: a cancelling shutdown leaves the queued jobs to the workers",
    GateLeaveForgets: "pool: the last root to leave does not end the workers",
    CellLoadRelaxed: "cell: the runner reads relaxed whether there is a handle",
    CellReleaseRelaxed: "cell: a party ends relaxed",
    CellClaimIgnored: "cell: a claim always succeeds",
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

#[cfg(any(scheduler_tsan, scheduler_asan, scheduler_lsan))]
mod imp {
    use super::{ALL, Fault};
    use crate::sync::OnceLock;

    /// Names the fault of this process.
    const SEEDED: &str = "SCHEDULER_FAULT";

    pub(crate) fn is(fault: Fault) -> bool {
        static ACTIVE: OnceLock<Fault> = OnceLock::new();
        let active = ACTIVE.get_or_init(|| {
            let Some(name) = std::env::var_os(SEEDED) else { return Fault::None };
            let found = ALL.iter().find(|(fault, _)| *name == *format!("{fault:?}"));
            found.unwrap_or_else(|| panic!("no fault is called {}", name.display())).0
        });
        *active == fault
    }
}

#[cfg(not(any(scheduler_loom, scheduler_tsan, scheduler_asan, scheduler_lsan)))]
mod imp {
    #[inline(always)]
    pub(crate) const fn is(_: super::Fault) -> bool {
        false
    }
}

pub(crate) use imp::*;
