//! Seeded faults: each weakens one line of a protocol, and a model in `loom-tests` or a program of
//! `shuttle-tests` must notice; some are seeded under the sanitizers as well. In a normal build [`is`]
//! is `false` and folds away.

use super::Ordering;

macro_rules! faults {
    ($($name:ident: $what:literal,)*) => {
        /// The lines that can be weakened.
        #[cfg_attr(
            not(any(scheduler_loom, scheduler_shuttle, scheduler_tsan, scheduler_asan, scheduler_lsan)),
            allow(dead_code)
        )]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            None,
            $(#[doc = $what] $name,)*
        }

        /// All of them, with what each does.
        #[cfg(any(scheduler_loom, scheduler_shuttle, scheduler_tsan, scheduler_asan, scheduler_lsan))]
        const ALL: &[(Fault, &str)] = &[$((Fault::$name, $what),)*];
    };
}

faults! {
    DequePushNoFence: "stand-in deque: `push` without its Release fence",
    DequePopNoFence: "stand-in deque: `pop` without its SeqCst fence",
    DequePopNoCas: "stand-in deque: `pop` takes the last value without an exchange",
    DequeStealNoFence: "stand-in deque: `steal` without its SeqCst fence",
    DequeGrowRelaxed: "stand-in deque: the grown buffer is stored relaxed",
    HeadPushRelaxed: "head: `push_at` stores `bottom` relaxed",
    HeadPopRelaxed: "head: `pop` stores `bottom` relaxed",
    HeadPopNoLight: "head: `pop` without `light`",
    HeadPopNoCas: "head: `pop` takes the last job without an exchange",
    HeadPopKeepsBottom: "head: a pop of the last job does not put `bottom` back",
    HeadTakeNoCas: "head: `take_oldest` stores `top` without an exchange",
    HeadSkipBottomFirst: "head: `bottom` goes past an index that is used up before `top` does",
    HeadLenRelaxed: "head: the owner reads `top` relaxed before it uses a slot again",
    HeadForceRelaxed: "head: a thief reads `bottom` relaxed",
    TopAfterHeavy: "head: a thief reads `top` after its `heavy`",
    HeadMoveTopRelaxed: "head: the exchange of `top` is relaxed",
    ForkIndexReused: "worker: the index of a fork that its own first branch has run is used again",
    PushNoLight: "worker: `push` without `light` before it looks for idle workers",
    PushIgnoresDemand: "worker: `push` publishes nothing, whoever is idle",
    ForceNoHeavy: "worker: a forced steal in a search, or a second one, without `heavy`",
    NoForcedSteal: "worker: the last look leaves the heads out",
    PublishTellsNobody: "worker: a published job is not announced",
    SpillTellsNobody: "worker: spilled jobs are not announced",
    AnnounceNoLight: "sleep: an announcement without `light`",
    SleepNoHeavy: "worker: the last look without `heavy`",
    SleepNoLook: "worker: no last look",
    LookSkipsInjector: "worker: the last look leaves the global queue out",
    LookSkipsInbox: "worker: the last look leaves the worker's inbox out",
    LookSkipsTails: "worker: the last look leaves the tails out",
    LookIgnoresRetry: "worker: the last look ends although somebody was in its way",
    AnnounceToNoLight: "sleep: an announcement to one worker without `light`",
    ClaimIgnored: "sleep: a claimer wakes a worker that another one has claimed",
    ClaimUncounted: "sleep: a woken worker is not counted over to the searchers",
    WakeNearOnly: "sleep: a wake for a caller that blocks looks at the workers of its core only",
    CancelWakesNobody: "sleep: who breaks off its sleep wakes nobody, though no searcher is left",
    SleepEndsTwice: "sleep: a worker ends its sleep although it was claimed",
    SleepTrustsToken: "sleep: a worker does not look why it was unparked",
    LeaveWakesNobody: "sleep: the last searcher leaves without waking another",
    LeaveNoFence: "sleep: the last searcher leaves without a fence before it looks at the global queue",
    AnnounceNoFence: "sleep: who leaves a job to a searcher does not look again, after a fence",
    WordNoAcquire: "sleep: the changes of the word are Release alone",
    WordNoRelease: "sleep: the changes of the word are Acquire alone",
    PrepareRelaxed: "sleep: a worker writes SLEEPING relaxed",
    ClaimRelaxed: "sleep: a claimer's exchange is relaxed",
    LatchIsSetRelaxed: "latch: `is_set` reads relaxed",
    LatchHeldRelaxed: "latch: what the word holds is read relaxed",
    HandTellsOnce: "hand: a thread that waits while it tells what it has let go of tells nothing first",
    HandHolds: "hand: a thread that waits keeps what it is about to drop to itself",
    LatchHeldUnasked: "latch: a watcher is taken for what the word holds",
    LatchWatchRelaxed: "latch: `watch` stores the watcher relaxed",
    LatchWatchReadsRelaxed: "latch: `watch` reads relaxed that the latch is set",
    LatchSetNoAcquire: "latch: `set` swaps with Release alone",
    LatchSetNoRelease: "latch: `set` swaps with Acquire alone",
    LatchSetNoWake: "latch: `set` does not unpark",
    LatchTouchedAfterSet: "latch: `set` reads the word again after its swap",
    LatchUnwatchForgets: "latch: `unwatch` leaves its reference in the word",
    LatchWatchIgnoresSet: "latch: `watch` does not tell that the latch is set",
    ParkRelaxed: "park: `park` swaps relaxed",
    UnparkRelaxed: "park: `unpark` swaps relaxed",
    UnparkLooksFirst: "park: `unpark` does nothing if there is a token",
    ParkIgnoresToken: "park: `park` blocks first and clears the token after",
    PartsEndNoAcquire: "scope: a part's end is counted with Release alone",
    PartsEndNoRelease: "scope: a part's end is counted with Acquire alone",
    PartsSettleForgetsLocal: "scope: parts that ended on the owner's thread are forgotten",
    PartsSettleKeepsOwner: "scope: the owner counts by itself when it has settled, too",
    PartsNoneOpenRelaxed: "scope: the owner reads the count relaxed",
    PartsSettleRelaxed: "scope: the owner settles the count relaxed",
    ScopePanicLeaves: "scope: a panic of the body does not wait for the parts",
    JoinPanicLeaves: "join: a panic of the first branch does not wait for the second",
    HeldRootUncounted: "pool: the body of an `in_place_scope` does not count as a root",
    TerminateWakesOne: "pool: the end of a pool is told to one worker only",
    GiveUpLeavesStarted: "pool: a build that is given up does not tell those who have begun",
    GateChecksThenEnters: "pool: a submitter looks at the gate, then enters",
    GateCloseForgets: "pool: closing an empty pool does not end the workers",
    SitesRelaxed: "pool: a root's site is told relaxed",
    SitesEndRelaxed: "pool: a root's end is told relaxed",
    SitesReadRelaxed: "pool: the sites of running roots are read relaxed",
    GateLeaveNoAcquire: "pool: a root leaves with Release alone",
    GateLeaveNoRelease: "pool: a root leaves with Acquire alone",
    GateTallyRelaxed: "pool: the roots inside are read relaxed for a report",
    GateCloseNoAcquire: "pool: the gate is closed with Release alone",
    GateCloseNoRelease: "pool: the gate is closed with Acquire alone",
    GateRefusesRelaxed: "pool: a refused root does not acquire the reason",
    GateLeaveLooksNot: "pool: a root leaves by its stripe although the gate is being closed",
    GateAnnouncesNot: "pool: executors refuse before those who leave can know that the gate will be closed",
    GateStripeRelaxed: "pool: a root leaves an open gate relaxed",
    GateSumNoAcquire: "pool: the closer adds the sum of the stripes with Release alone",
    GateSumNoRelease: "pool: the closer adds the sum of the stripes with Acquire alone",
    GateClosesTwice: "pool: a second closer adds up the stripes again",
    ExitTellsNobody: "pool: the last worker to end tells nobody",
    ExitForgets: "pool: who asks for the end after it is not told",
    ExpiryIgnoresCall: "elastic: a thread whose time is over leaves although it has been called",
    ExpiryIgnoresGrant: "elastic: a thread whose time is over leaves although granted room counts on it",
    ExpiryStaysCounted: "elastic: a thread whose time is over still counts as active",
    CloseForgetsIdle: "elastic: the close does not wake idle threads",
    CloseForgetsWaiting: "elastic: the close does not tell who waits for room",
    GrantTellsNobody: "elastic: who waits for room is not told when it has some",
    GrantUncounted: "elastic: granted room is not kept",
    ClosingForgets: "pool: what is delayed after the close is not refused",
    CancelSkipsBatches: "registry: what workers have taken from the global queue for later is not cancelled",
    BatchNoLight: "worker: injected jobs are put into the batch without `light`",
    ForceSkipsBatch: "worker: no job is taken by force out of a batch",
    InjectorNextRelaxed: "injector: the next block is put in place without Release",
    InjectorLinkRelaxed: "injector: a block is linked to the one before without Release",
    InjectorPushRelaxed: "injector: a job is written into its slot without Release",
    InjectorClaimIgnored: "injector: a lost exchange of the head is taken for a claim",
    InjectorNoAcquire: "injector: slots are counted out with Release alone",
    InjectorNoRelease: "injector: slots are counted out with Acquire alone",
    SlabNoAcquire: "slab: a block is given back with Release alone",
    SlabNoRelease: "slab: a block is given back with Acquire alone",
    SlabForgetsUncarved: "slab: the blocks that were never used are not given back",
    SlabForgetsReady: "slab: the slabs that were made ready and never used are not given back",
    SlabForgetsReturns: "slab: the freed blocks that were to go back together are forgotten",
    CancelNoHeavy: "pool: a cancelling shutdown goes through the queues without `heavy`",
    CancelSkipsHeads: "pool: a cancelling shutdown leaves the heads to the workers",
    CancelSkipsQueues: "pool: a cancelling shutdown leaves the queued jobs to the workers",
    SubmitIgnoresCancel: "pool: who submits while the pool is cancelled leaves the job to the workers",
    GateLeaveForgets: "pool: the last root to leave does not end the workers",
    CellLoadRelaxed: "cell: the runner reads relaxed whether there is a handle",
    CellEndNoAcquire: "cell: a party ends with Release alone",
    CellEndNoRelease: "cell: a party ends with Acquire alone",
    CellClaimIgnored: "cell: a claim always succeeds",
    CellHandleNoAcquire: "cell: a handle without aborters ends with Release alone",
    CellHandleNoRelease: "cell: a handle without aborters ends with Acquire alone",
    CellLookRelaxed: "cell: a party looks relaxed whether the other has ended",
    CellDiscardsUnset: "cell: a party drops an outcome that is being written",
    CellOutcomeOverClosure: "cell: who aborts a closure writes that over it, and has not taken it",
    CellAborterNoAcquire: "cell: an aborter ends with Release alone",
    CellAborterNoRelease: "cell: an aborter ends with Acquire alone",
    CellAskRelaxed: "cell: who asks a running closure to stop does so relaxed",
    CellAskedRelaxed: "cell: a running closure reads relaxed that it is asked to stop",
    CellAskStores: "cell: who asks a running closure to stop writes the whole word",
    TokenReadRelaxed: "token: `is_cancelled` reads relaxed",
    TokenCancelRelaxed: "token: `cancel` sets the flag relaxed",
    TokenChildUnseen: "token: a child is made without a look whether its parent is cancelled",
    TokenChildStays: "token: a child that is dropped stays in its parent's list",
    TokenWaiterUnseen: "token: who waits does not look whether the token is cancelled",
    ReadyLooksOnce: "completion: a waiter leaves itself without another look",
    ReadyTellsNobody: "completion: what has finished is not told to the waiter",
    LimitLooksFirst: "limit: a ticket is given up some time after its holder has looked",
    LimitKeepsTicket: "limit: a ticket that is given up still counts",
    AdmitIgnoresClose: "executor: a closure goes into a queue that is closed",
    AdmitStandsBlindly: "executor: who begins to wait for room does not look whether there is some",
    AdmitKeepsWake: "executor: who gives up waiting for room does not pass it on",
    AdmitTakeTellsNobody: "executor: who takes an entry tells nobody of the room",
    AdmitRemoveTellsNobody: "executor: an aborted entry's room is given to nobody",
    AdmitCloseTellsNobody: "executor: a close tells nobody who waits for room",
    AdmitUntoldForgotten: "executor: who was not told of room yet is not told later",
    AdmitTicketEnds: "executor: a ticket is not put back while entries are left",
    AdmitRedeemsLoose: "executor: a ticket finds no entry where another worker has leased some that it has not begun",
    AdmitStandsBesideLeases: "executor: who begins to wait for room leaves to the workers what they have leased",
    AdmitIgnoresPool: "executor: a closure goes into a queue whose pool has closed",
    BriefLockRelaxed: "brief lock: who takes it does so relaxed",
    BriefDropRelaxed: "brief lock: it is given back relaxed",
    BriefTryGivesBack: "brief lock: who tries in vain gives it back",
    LeaseBeginsBlindly: "executor: a leased entry is begun with a load and a store",
    AdmitKeepsOwner: "executor: the last closure that is given back does not let go of its executor",
    AdmitKeptUncounted: "executor: a closure that comes while the executor is kept is not counted as one that keeps it",
    StayKeeps: "executor: a closure that is dropped unrun is not given back",
    RedeemKeeps: "executor: the last closures that a worker has run are not given back",
    CancelledGivenBackTwice: "executor: a closure that was dropped unrun is given back once more by whoever uses its entry up",
    AdmitOwesNothing: "executor: the root of a cancelled entry does not wait for its ticket",
}

/// `order`, or Relaxed if `fault` is seeded.
#[inline(always)]
pub(crate) fn unless(fault: Fault, order: Ordering) -> Ordering {
    if is(fault) { Ordering::Relaxed } else { order }
}

/// AcqRel, or the half of it that a seeded fault leaves.
#[inline(always)]
pub(crate) fn half(no_acquire: Fault, no_release: Fault) -> Ordering {
    if is(no_acquire) {
        Ordering::Release
    } else if is(no_release) {
        Ordering::Acquire
    } else {
        Ordering::AcqRel
    }
}

#[cfg(any(scheduler_loom, scheduler_shuttle))]
mod imp {
    use super::{ALL, Fault};
    use std::cell::Cell;

    std::thread_local! { static ACTIVE: Cell<Fault> = const { Cell::new(Fault::None) } }

    /// The faults that can be seeded: their names, and what each does.
    pub fn faults() -> impl Iterator<Item = (String, &'static str)> {
        ALL.iter().map(|(fault, what)| (format!("{fault:?}"), *what))
    }

    /// Seeds a fault, by its name, for the models that this OS thread runs from now on.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    pub fn seed(name: &str) {
        let found = ALL.iter().find(|(fault, _)| format!("{fault:?}") == name);
        ACTIVE.set(found.unwrap_or_else(|| panic!("no fault is called {name}")).0);
    }

    pub(crate) fn is(fault: Fault) -> bool {
        ACTIVE.get() == fault
    }
}

#[cfg(all(
    any(scheduler_tsan, scheduler_asan, scheduler_lsan),
    not(any(scheduler_loom, scheduler_shuttle))
))]
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

#[cfg(not(any(
    scheduler_loom,
    scheduler_shuttle,
    scheduler_tsan,
    scheduler_asan,
    scheduler_lsan
)))]
mod imp {
    #[inline(always)]
    pub(crate) const fn is(_: super::Fault) -> bool {
        false
    }
}

pub(crate) use imp::is;
#[cfg(any(scheduler_loom, scheduler_shuttle))]
pub use imp::{faults, seed};
