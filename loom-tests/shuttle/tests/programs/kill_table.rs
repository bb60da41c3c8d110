//! What the programs can find: each seeded fault, searched by a program that must notice.
//! `cargo test -p shuttle-tests kill_table -- --nocapture`
//!
//! A seeded fault may crash the process (a closure that runs twice is freed twice), so each is
//! searched in a child: this test binary once more.
//!
//! Shuttle takes every atomic operation as sequentially consistent. So a fence that is missing or an
//! ordering that is too weak cannot be seen here, by design: those faults are loom's, and
//! [`ORDERINGS`] lists them.

use super::search::{Search, Strategy};
use super::{PROGRAMS, program};
use scheduler_shuttle::checker::faults;
use std::collections::BTreeSet;
use std::env;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Read by the child: fault, program, strategy, schedules, with spaces between them.
const CASE: &str = "KILL_TABLE_CASE";
/// Within so many schedules each fault has to be found.
const WITHIN: usize = 4_000;

/// Longer than any search of so many schedules.
const PATIENCE: Duration = Duration::from_secs(120);

/// A fault, and the program that finds it.
#[derive(Clone, Copy, Debug)]
struct Seeded {
    fault: &'static str,
    program: &'static str,
    strategy: Strategy,
}

const fn random(fault: &'static str, program: &'static str) -> Seeded {
    Seeded { fault, program, strategy: Strategy::Random }
}

const fn pct(fault: &'static str, program: &'static str) -> Seeded {
    Seeded { fault, program, strategy: Strategy::Pct }
}

const FOUND_BY: &[Seeded] = &[
    random("HeadPopNoCas", "join_tree"),
    random("HeadPopKeepsBottom", "join_tree"),
    pct("HeadPopKeepsBottom", "join_tree"),
    random("HeadTakeNoCas", "join_tree_with_panics"),
    pct("HeadTakeNoCas", "two_pools_that_call_each_other"),
    random("ForkIndexReused", "calls_at_random"),
    pct("ForkIndexReused", "calls_at_random"),
    pct("PushIgnoresDemand", "branches_that_wait_for_each_other"),
    pct("PublishTellsNobody", "parts_that_wait_for_each_other"),
    random("NoForcedSteal", "parts_that_wait_for_each_other"),
    pct("NoForcedSteal", "branches_that_wait_for_each_other"),
    random("DequePopNoCas", "two_pools_that_call_each_other"),
    pct("DequePopNoCas", "two_pools_that_call_each_other"),
    random("SleepNoLook", "jobs_that_wait_for_each_other"),
    pct("SleepNoLook", "jobs_that_wait_for_each_other"),
    random("LookSkipsInjector", "two_pools_that_call_each_other"),
    pct("LookSkipsInjector", "install_racing_a_shutdown"),
    random("LookSkipsInbox", "broadcasts_to_sleepers"),
    pct("LookSkipsInbox", "broadcasts_to_sleepers"),
    random("ClaimIgnored", "jobs_that_wait_for_each_other"),
    random("ClaimUncounted", "shutdown_from_a_job"),
    pct("ClaimUncounted", "short_lives"),
    random("CancelWakesNobody", "branches_that_wait_for_each_other"),
    pct("CancelWakesNobody", "branches_that_wait_for_each_other"),
    random("SleepEndsTwice", "jobs_that_wait_for_each_other"),
    pct("SleepEndsTwice", "short_lives"),
    random("SleepTrustsToken", "nested_scopes_on_a_worker"),
    pct("SleepTrustsToken", "jobs_that_wait_for_each_other"),
    random("LeaveWakesNobody", "branches_that_wait_for_each_other"),
    pct("LeaveWakesNobody", "branches_that_wait_for_each_other"),
    pct("LatchHeldUnasked", "join_tree"),
    random("LatchSetNoWake", "short_lives"),
    pct("LatchSetNoWake", "short_lives"),
    random("LatchUnwatchForgets", "handles_at_random"),
    pct("LatchUnwatchForgets", "handles_at_random"),
    random("PartsSettleForgetsLocal", "nested_scopes_on_a_worker"),
    pct("PartsSettleForgetsLocal", "parts_that_wait_for_each_other"),
    random("PartsSettleKeepsOwner", "nested_scopes_on_a_worker"),
    pct("PartsSettleKeepsOwner", "nested_scopes_in_place"),
    random("JoinPanicLeaves", "join_tree_with_panics"),
    pct("JoinPanicLeaves", "join_tree_with_panics"),
    random("TerminateWakesOne", "short_lives"),
    pct("TerminateWakesOne", "short_lives"),
    random("GateChecksThenEnters", "submit_racing_drain"),
    pct("GateChecksThenEnters", "submit_racing_drain"),
    random("GateClosesTwice", "two_shutdowns_at_once"),
    pct("GateClosesTwice", "two_shutdowns_at_once"),
    random("ExitTellsNobody", "aborts_racing_a_shutdown"),
    pct("ExitTellsNobody", "aborts_racing_a_shutdown"),
    random("ExitForgets", "aborts_racing_a_shutdown"),
    pct("ExitForgets", "aborts_racing_a_shutdown"),
    random("GateCloseForgets", "short_lives"),
    pct("GateCloseForgets", "short_lives"),
    random("CancelSkipsHeads", "cancel_behind_stuck_workers"),
    pct("CancelSkipsHeads", "cancel_behind_stuck_workers"),
    random("CancelSkipsQueues", "cancel_behind_stuck_workers"),
    pct("CancelSkipsQueues", "cancel_behind_stuck_workers"),
    pct("SubmitIgnoresCancel", "cancel_behind_stuck_workers"),
    random("GateLeaveForgets", "shutdown_from_a_job"),
    pct("GateLeaveForgets", "shutdown_from_a_job"),
    random("CellClaimIgnored", "handles_at_random"),
    pct("CellClaimIgnored", "handles_at_random"),
    random("CellAskStores", "handles_at_random"),
    random("TokenChildUnseen", "children_of_a_cancelled_token"),
    pct("TokenWaiterUnseen", "children_of_a_cancelled_token"),
    random("AdmitIgnoresClose", "executors_at_random"),
    pct("AdmitIgnoresClose", "executors_at_random"),
    random("AdmitStandsBlindly", "executors_at_random"),
    random("AdmitKeepsWake", "executors_at_random"),
    pct("AdmitKeepsWake", "executors_at_random"),
    random("AdmitTakeTellsNobody", "executors_at_random"),
    pct("AdmitTakeTellsNobody", "executors_at_random"),
    random("AdmitCloseTellsNobody", "executors_at_random"),
    pct("AdmitCloseTellsNobody", "executors_at_random"),
    random("AdmitTicketEnds", "executors_at_random"),
    pct("AdmitTicketEnds", "executors_at_random"),
    random("AdmitKeepsOwner", "executors_at_random"),
    pct("AdmitKeepsOwner", "executors_at_random"),
    random("AdmitKeptUncounted", "executors_at_random"),
    pct("AdmitKeptUncounted", "executors_at_random"),
    random("StayKeeps", "executors_at_random"),
    pct("StayKeeps", "executors_at_random"),
    random("RedeemKeeps", "executors_at_random"),
    pct("RedeemKeeps", "executors_at_random"),
    random("CancelledGivenBackTwice", "executors_at_random"),
    pct("CancelledGivenBackTwice", "executors_at_random"),
    random("CellOutcomeOverClosure", "handles_at_random"),
    pct("CellOutcomeOverClosure", "handles_at_random"),
];

/// Faults that are none where all operations are sequentially consistent.
const ORDERINGS: &[&str] = &[
    "DequePushNoFence",
    "DequePopNoFence",
    "DequeStealNoFence",
    "DequeGrowRelaxed",
    "HeadPushRelaxed",
    "HeadPopRelaxed",
    "HeadPopNoLight",
    "HeadLenRelaxed",
    "HeadForceRelaxed",
    "TopAfterHeavy",
    "HeadMoveTopRelaxed",
    "PushNoLight",
    "ForceNoHeavy",
    "AnnounceNoLight",
    "SleepNoHeavy",
    "AnnounceToNoLight",
    "WordNoAcquire",
    "WordNoRelease",
    "PrepareRelaxed",
    "ClaimRelaxed",
    "LatchIsSetRelaxed",
    "LatchHeldRelaxed",
    "LatchWatchRelaxed",
    "LatchWatchReadsRelaxed",
    "LatchSetNoAcquire",
    "LatchSetNoRelease",
    "ParkRelaxed",
    "UnparkRelaxed",
    "UnparkLooksFirst",
    "PartsEndNoAcquire",
    "PartsEndNoRelease",
    "PartsNoneOpenRelaxed",
    "PartsSettleRelaxed",
    "SitesRelaxed",
    "SitesEndRelaxed",
    "SitesReadRelaxed",
    "GateStripeRelaxed",
    "GateSumNoAcquire",
    "GateSumNoRelease",
    "GateLeaveNoAcquire",
    "GateLeaveNoRelease",
    "GateTallyRelaxed",
    "GateCloseNoAcquire",
    "GateCloseNoRelease",
    "GateRefusesRelaxed",
    "BatchNoLight",
    "InjectorNextRelaxed",
    "InjectorLinkRelaxed",
    "InjectorPushRelaxed",
    "InjectorNoAcquire",
    "InjectorNoRelease",
    "BriefLockRelaxed",
    "BriefDropRelaxed",
    "SlabNoAcquire",
    "SlabNoRelease",
    "CancelNoHeavy",
    "LeaveNoFence",
    "AnnounceNoFence",
    "CellLoadRelaxed",
    "CellEndNoAcquire",
    "CellEndNoRelease",
    "CellHandleNoAcquire",
    "CellHandleNoRelease",
    "CellLookRelaxed",
    "CellAborterNoAcquire",
    "CellAborterNoRelease",
    "CellAskRelaxed",
    "CellAskedRelaxed",
    "TokenReadRelaxed",
    "TokenCancelRelaxed",
];

/// Others that no program here can be counted on to find, and why.
const NOT_HERE: &[(&str, &str)] = &[
    (
        "AdmitRemoveTellsNobody",
        "the next closure that is taken makes up for it; loom's model takes none",
    ),
    (
        "AdmitUntoldForgotten",
        "who is not told looks for itself in the end; loom's models have no clock",
    ),
    (
        "ForceSkipsBatch",
        "no program has a worker that gets stuck before a batch; loom's models have",
    ),
    ("CancelSkipsBatches", "the same"),
    ("InjectorClaimIgnored", "the stand-in has no such line; loom's models have the real queue"),
    (
        "LeaseBeginsBlindly",
        "no program queues so many that a worker is leased some; loom's models do",
    ),
    ("AdmitRedeemsLoose", "as above"),
    (
        "BriefTryGivesBack",
        "the queue has a lock of shuttle's here; loom's models have the real one",
    ),
    ("AdmitStandsBesideLeases", "as above"),
    ("HeadSkipBottomFirst", "a narrow race: loom's model has nothing else in it"),
    ("AdmitIgnoresPool", "a narrow race: loom's model has nothing else in it"),
    (
        "AdmitOwesNothing",
        "leaves a ticket in a pool that has ended: no program looks there; loom's does",
    ),
    ("ReadyLooksOnce", "no program waits for many handles at once; loom's models do"),
    ("ReadyTellsNobody", "as above"),
    ("LimitLooksFirst", "as above: no program has a set with a limit"),
    ("LimitKeepsTicket", "as above"),
    ("GateLeaveLooksNot", "a report is off by one: loom's model looks at the figures"),
    ("GateAnnouncesNot", "a report is off by one: loom's model looks at the figures"),
    ("SlabForgetsUncarved", "cells come from the system here"),
    ("SlabForgetsReady", "the same"),
    ("SlabForgetsReturns", "cells come from the system here"),
    ("HeldRootUncounted", "no program opens a scope in place while its pool ends; loom's do"),
    (
        "LookSkipsTails",
        "a job that is left in a tail is mostly found by somebody else; loom's models wait",
    ),
    ("SpillTellsNobody", "as above, for what is spilled"),
    ("ScopePanicLeaves", "no program's scope panics in its body while parts run; loom's do"),
    ("LookIgnoresRetry", "a narrow race: no sample of some thousand schedules came to it"),
    ("HandHolds", "no program has a destructor that waits: a model and tests have"),
    ("HandTellsOnce", "as above"),
    ("CellDiscardsUnset", "a data race between two steps that shuttle does not take apart"),
    ("TokenChildStays", "keeps memory, and changes nothing else: a model of loom's looks for it"),
    ("LatchWatchIgnoresSet", "changes nothing that can be observed, see the kill table of loom"),
    ("LatchTouchedAfterSet", "reads freed memory: noticed when there is nonsense in it, by luck"),
    ("ExpiryIgnoresCall", "no program has an elastic pool; loom's models do"),
    ("ExpiryIgnoresGrant", "as above"),
    ("ExpiryStaysCounted", "as above"),
    ("CloseForgetsIdle", "as above"),
    ("CloseForgetsWaiting", "as above"),
    ("GrantTellsNobody", "as above"),
    ("GrantUncounted", "as above"),
    ("ClosingForgets", "nothing is delayed here, where the clock stands still"),
    ("GiveUpLeavesStarted", "no program has a build that fails"),
    ("WakeNearOnly", "nobody knows its core here; loom's models say one"),
    ("ParkIgnoresToken", "shuttle's park may end without a reason, as std's, and that helps"),
];

/// What a child came to: the first message, if the program noticed, and after how many schedules.
#[derive(Debug)]
struct Outcome {
    found: Option<String>,
    schedules: usize,
}

#[test]
#[ignore = "run by the tests here, in a child process with KILL_TABLE_CASE set"]
fn child() {
    let case = env::var(CASE).expect("the case is set");
    let case: Vec<&str> = case.split(' ').collect();
    let [fault, name, strategy, schedules] = case[..] else { panic!("{case:?}") };
    // Memory that was freed twice may end in a loop as well as in a crash.
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        eprintln!("schedule 0: hangs");
        process::abort();
    });
    let fault = Some(&*fault.to_owned().leak());
    let (program, schedules) = (program(name), schedules.parse().expect("a number"));
    let strategy = strategy.parse().expect("a strategy");
    let report = Search { program, strategy, seed: 1, schedules, fault }.run(None);
    match report.failure {
        None => println!("\npassed {schedules}"),
        // As it was said on stderr when it happened, if it went through the panic hook.
        Some(message) => println!("\nschedule {}: {message}", report.schedules),
    }
}

fn search(Seeded { fault, program, strategy }: Seeded) -> Outcome {
    let exe = env::current_exe().expect("a test has a file");
    let output = Command::new(exe)
        .args(["--ignored", "--exact", "kill_table::child", "--nocapture", "--test-threads=1"])
        .env(CASE, format!("{fault} {program} {strategy} {WITHIN}"))
        .stdin(Stdio::null())
        .output()
        .expect("the test binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    let result = String::from_utf8_lossy(&output.stdout);
    let mut lines = errors.lines().chain(result.lines());
    let first = lines.find_map(|line| line.strip_prefix("schedule ")?.split_once(": "));
    if let Some((schedules, message)) = first {
        let schedules = schedules.parse().expect("the search writes a number");
        return Outcome { found: Some(message.to_owned()), schedules };
    }
    if result.lines().any(|line| line.starts_with("passed ")) {
        return Outcome { found: None, schedules: WITHIN };
    }
    assert!(!output.status.success(), "{fault}, {program}: the child said nothing");
    // Too suddenly for a word.
    Outcome { found: Some(format!("crash: {}", output.status)), schedules: 0 }
}

/// Searches for all of these, as many at a time as there are cores.
fn search_all(seeded: &[Seeded]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    let mut outcomes: Vec<(usize, Outcome)> = thread::scope(|s| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(seeded) = seeded.get(index) else { break };
                done.push((index, search(*seeded)));
            }
            done
        };
        let threads: Vec<_> = (0..workers).map(|_| s.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a search panicked")).collect()
    });
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn every_fault_is_in_one_table() {
    let found: BTreeSet<&str> = FOUND_BY.iter().map(|seeded| seeded.fault).collect();
    let not_here = NOT_HERE.iter().map(|(fault, _)| *fault);
    let rest: Vec<&str> = ORDERINGS.iter().copied().chain(not_here).collect();
    let mut tables: Vec<&str> = found.into_iter().chain(rest).collect();
    tables.sort_unstable();
    let mut all: Vec<String> = faults().map(|(fault, _)| fault).collect();
    all.sort_unstable();
    assert_eq!(tables, all);
}

#[test]
fn every_fault_is_found() {
    let outcomes = search_all(FOUND_BY);
    println!("| fault | program | strategy | after | message |\n|---|---|---|---|---|");
    for (Seeded { fault, program, strategy }, outcome) in FOUND_BY.iter().zip(&outcomes) {
        let message = outcome.found.as_deref().unwrap_or("**missed**");
        let after = outcome.schedules;
        println!("| `{fault}` | `{program}` | {strategy} | {after} | {message} |");
    }
    for (fault, why) in NOT_HERE {
        println!("not looked for: `{fault}`: {why}");
    }
    println!("not looked for, being about memory orderings: {ORDERINGS:?}");
    let pairs = FOUND_BY.iter().zip(&outcomes);
    let missed: Vec<_> = pairs.filter(|(_, outcome)| outcome.found.is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// For a new fault: which programs find it.
#[test]
#[ignore = "KILL_TABLE_FAULT=name, or all faults: searches them with every program: minutes"]
fn which_programs_find_it() {
    let all: Vec<String> = match env::var("KILL_TABLE_FAULT") {
        Ok(fault) => vec![fault],
        Err(_) => faults().map(|(fault, _)| fault).collect(),
    };
    for fault in all {
        let fault: &'static str = fault.leak();
        let seeded: Vec<Seeded> = PROGRAMS
            .iter()
            .flat_map(|program| [random(fault, program.name), pct(fault, program.name)])
            .collect();
        for (seeded, outcome) in seeded.iter().zip(search_all(&seeded)) {
            if let Some(message) = outcome.found {
                let (name, strategy) = (seeded.program, seeded.strategy);
                println!("{fault:24} {name:34} {strategy:8} {:5} {message}", outcome.schedules);
            }
        }
    }
}
