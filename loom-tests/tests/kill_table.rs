//! What the models can find: each seeded fault, searched by a model that must notice.
//! `cargo test -p loom-tests --test kill_table`
//!
//! A seeded fault may crash the search (a closure taken twice is freed twice), so each runs in a
//! child process: this test binary once more, with [`FAULT`] and [`MODEL`] set.
//!
//! `docs/kill-table.md` is written anew by
//! `cargo test -p loom-tests --test kill_table -- --ignored --exact write_the_table`.

use scheduler_loom::models::{MODELS, Verdict, explore, faults, model, seed};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Read by the child.
const FAULT: &str = "KILL_TABLE_FAULT";
const MODEL: &str = "KILL_TABLE_MODEL";
/// How long a child may search, in seconds.
const SECONDS: u64 = 600;

/// A fault, and the model that finds it.
#[derive(Clone, Copy, Debug)]
struct Seeded<'a> {
    fault: &'a str,
    model: &'a str,
}

impl<'a> Seeded<'a> {
    const fn new(fault: &'a str, model: &'a str) -> Self {
        Self { fault, model }
    }
}

const FOUND_BY: &[Seeded<'_>] = &[
    Seeded::new("DequePushNoFence", "deque_one_thief"),
    Seeded::new("DequePopNoFence", "deque_one_thief"),
    Seeded::new("DequePopNoCas", "deque_one_thief"),
    Seeded::new("DequeStealNoFence", "deque_one_thief"),
    Seeded::new("DequeGrowRelaxed", "deque_grows_under_a_thief"),
    Seeded::new("HeadPushRelaxed", "head_pop_against_one_force"),
    Seeded::new("HeadPopRelaxed", "head_pop_against_one_force"),
    Seeded::new("HeadPopNoLight", "head_pop_against_one_force"),
    Seeded::new("HeadPopNoCas", "head_pop_against_one_force"),
    Seeded::new("HeadPopKeepsBottom", "head_goes_on_after_a_stolen_last_job"),
    Seeded::new("HeadTakeNoCas", "head_publish_against_force"),
    Seeded::new("HeadSkipBottomFirst", "head_skips_an_index_under_a_force"),
    Seeded::new("TopAfterHeavy", "head_pop_against_two_forces"),
    Seeded::new("HeadForceRelaxed", "head_pop_against_one_force"),
    Seeded::new("PushNoLight", "stuck_leaf"),
    Seeded::new("PushIgnoresDemand", "stuck_leaf"),
    Seeded::new("ForkIndexReused", "fork_run_inside_its_first_branch"),
    Seeded::new("ForceNoHeavy", "nested_joins_against_a_thief"),
    Seeded::new("NoForcedSteal", "stuck_leaf"),
    Seeded::new("PublishTellsNobody", "stuck_leaf"),
    Seeded::new("SpillTellsNobody", "full_head_spills_before_a_stuck_leaf"),
    Seeded::new("AnnounceNoLight", "sleep_one_worker_outside"),
    Seeded::new("SleepNoHeavy", "sleep_one_worker_outside"),
    Seeded::new("SleepNoLook", "sleep_one_worker_outside"),
    Seeded::new("LookSkipsInjector", "sleep_one_worker_outside"),
    Seeded::new("LookSkipsInbox", "sleep_inbox"),
    Seeded::new("LookSkipsTails", "stuck_leaf"),
    Seeded::new("LookIgnoresRetry", "stuck_leaf_behind_a_stolen_one"),
    Seeded::new("AnnounceToNoLight", "sleep_inbox"),
    Seeded::new("ClaimIgnored", "sleep_one_worker_outside"),
    Seeded::new("ClaimUncounted", "sleep_one_worker_outside"),
    Seeded::new("WakeNearOnly", "wake_near_a_worker_that_is_awake"),
    Seeded::new("CancelWakesNobody", "canceller_wakes_a_sleeper_that_it_counts"),
    Seeded::new("SleepEndsTwice", "sleep_one_worker_outside"),
    Seeded::new("SleepTrustsToken", "stale_token_against_the_next_sleep"),
    Seeded::new("LeaveWakesNobody", "leaver_wakes_a_sleeper_that_it_counts"),
    Seeded::new("LeaveNoFence", "last_searcher_leaves_a_sleeper"),
    Seeded::new("WordNoAcquire", "leaver_wakes_a_sleeper_that_it_counts"),
    Seeded::new("WordNoRelease", "leaver_wakes_a_sleeper_that_it_counts"),
    Seeded::new("PrepareRelaxed", "claim_against_a_worker_that_did_not_search"),
    Seeded::new("ClaimRelaxed", "claim_against_a_worker_that_did_not_search"),
    Seeded::new("HandHolds", "hand_of_who_waits_for_a_waiter"),
    Seeded::new("HandTellsOnce", "hand_that_tells_a_waiter"),
    Seeded::new("LatchIsSetRelaxed", "latch_set_against_its_owner_leaving"),
    Seeded::new("LatchHeldRelaxed", "fork_job_against_a_watch"),
    Seeded::new("LatchHeldUnasked", "fork_job_against_a_watch"),
    Seeded::new("LatchWatchRelaxed", "latch_set_against_watch"),
    Seeded::new("LatchWatchReadsRelaxed", "latch_set_against_watch"),
    Seeded::new("LatchSetNoAcquire", "latch_set_against_watch"),
    Seeded::new("LatchSetNoWake", "latch_set_against_watch"),
    Seeded::new("LatchSetNoRelease", "latch_set_against_its_owner_leaving"),
    Seeded::new("LatchTouchedAfterSet", "latch_set_against_its_owner_leaving"),
    Seeded::new("LatchUnwatchForgets", "cell_watched_handle_dropped_against_completion"),
    Seeded::new("ParkRelaxed", "park_against_unpark"),
    Seeded::new("UnparkRelaxed", "park_against_unpark"),
    Seeded::new("UnparkLooksFirst", "two_unparks_in_one_token"),
    Seeded::new("ParkIgnoresToken", "two_unparks_in_one_token"),
    Seeded::new("PartsEndNoAcquire", "parts_that_end_elsewhere"),
    Seeded::new("PartsEndNoRelease", "scope_against_a_thief"),
    Seeded::new("PartsSettleForgetsLocal", "scope_against_a_thief"),
    Seeded::new("PartsSettleKeepsOwner", "scope_part_spawns_against_a_thief"),
    Seeded::new("PartsNoneOpenRelaxed", "scope_against_a_thief"),
    Seeded::new("PartsSettleRelaxed", "scope_against_a_thief"),
    Seeded::new("ScopePanicLeaves", "scope_body_panics_against_a_thief"),
    Seeded::new("JoinPanicLeaves", "join_panics_against_a_thief"),
    Seeded::new("HeldRootUncounted", "in_place_scope_racing_drain"),
    Seeded::new("TerminateWakesOne", "shutdown_of_an_idle_pool"),
    Seeded::new("GiveUpLeavesStarted", "build_given_up"),
    Seeded::new("GateChecksThenEnters", "submit_racing_drain_one_worker"),
    Seeded::new("GateCloseForgets", "shutdown_of_an_idle_pool"),
    Seeded::new("GateLeaveNoAcquire", "last_root_against_close"),
    Seeded::new("GateLeaveNoRelease", "last_root_against_close"),
    Seeded::new("GateTallyRelaxed", "report_against_a_root_that_ends"),
    Seeded::new("GateCloseNoAcquire", "last_root_against_close"),
    Seeded::new("GateCloseNoRelease", "leaving_root_after_a_refusal"),
    Seeded::new("GateRefusesRelaxed", "leaving_root_after_a_refusal"),
    Seeded::new("GateLeaveLooksNot", "leaving_root_after_a_refusal"),
    Seeded::new("GateAnnouncesNot", "leaving_root_after_an_executors_refusal"),
    Seeded::new("SitesRelaxed", "sites_against_a_root_that_ended"),
    Seeded::new("SitesEndRelaxed", "sites_against_a_root_that_ended"),
    Seeded::new("SitesReadRelaxed", "sites_against_a_root_that_ended"),
    Seeded::new("GateStripeRelaxed", "last_root_against_close"),
    Seeded::new("GateSumNoAcquire", "last_root_against_close"),
    Seeded::new("GateSumNoRelease", "last_root_against_close"),
    Seeded::new("GateClosesTwice", "leaving_root_against_two_closers"),
    Seeded::new("ExitTellsNobody", "double_shutdown"),
    Seeded::new("ExitForgets", "double_shutdown"),
    Seeded::new("ExpiryIgnoresCall", "elastic_submit_against_keep_alive"),
    Seeded::new("ExpiryIgnoresGrant", "elastic_block_against_keep_alive"),
    Seeded::new("ExpiryStaysCounted", "elastic_submit_against_keep_alive"),
    Seeded::new("CloseForgetsIdle", "elastic_close_against_idle"),
    Seeded::new("CloseForgetsWaiting", "elastic_block_against_close"),
    Seeded::new("GrantTellsNobody", "elastic_block_against_room"),
    Seeded::new("GrantUncounted", "elastic_room_is_kept"),
    Seeded::new("ClosingForgets", "closing_against_a_new_call"),
    Seeded::new("BatchNoLight", "stuck_behind_a_batch"),
    Seeded::new("ForceSkipsBatch", "stuck_behind_a_batch"),
    Seeded::new("InjectorNextRelaxed", "blocks_two_pushers_one_taker"),
    Seeded::new("InjectorPushRelaxed", "blocks_two_pushers_two_takers"),
    Seeded::new("InjectorClaimIgnored", "blocks_two_pushers_two_takers"),
    Seeded::new("InjectorNoAcquire", "blocks_freed_by_the_last_taker"),
    Seeded::new("InjectorNoRelease", "blocks_freed_by_the_last_taker"),
    Seeded::new("SlabNoAcquire", "slab_retired_against_its_last_block"),
    Seeded::new("SlabNoRelease", "slab_retired_against_its_last_block"),
    Seeded::new("SlabForgetsUncarved", "slab_retired_against_its_last_block"),
    Seeded::new("SlabForgetsReady", "slabs_made_ready_for_more_than_came"),
    Seeded::new("SlabForgetsReturns", "slab_blocks_returned_together"),
    Seeded::new("CancelNoHeavy", "cancel_before_a_stuck_spawner"),
    Seeded::new("CancelSkipsHeads", "cancel_in_the_head_of_a_stuck_worker"),
    Seeded::new("CancelSkipsBatches", "cancel_in_the_batch_of_a_stuck_worker"),
    Seeded::new("CancelSkipsQueues", "cancel_behind_a_stuck_worker"),
    Seeded::new("SubmitIgnoresCancel", "cancel_before_a_stuck_spawner"),
    Seeded::new("GateLeaveForgets", "submit_racing_drain_one_worker"),
    Seeded::new("CellLoadRelaxed", "cell_handle_dropped_against_completion"),
    Seeded::new("CellEndNoAcquire", "cell_handle_dropped_against_an_aborter"),
    Seeded::new("CellEndNoRelease", "cell_join_against_completion"),
    Seeded::new("CellClaimIgnored", "cell_abort_against_start"),
    Seeded::new("CellHandleNoAcquire", "cell_handle_dropped_against_completion"),
    Seeded::new("CellHandleNoRelease", "cell_handle_dropped_against_completion"),
    Seeded::new("TokenReadRelaxed", "what_was_written_before_the_cancel"),
    Seeded::new("TokenCancelRelaxed", "what_was_written_before_the_cancel"),
    Seeded::new("TokenChildUnseen", "cancel_against_a_child_that_is_made"),
    Seeded::new("TokenChildStays", "cancel_against_a_child_that_goes"),
    Seeded::new("TokenWaiterUnseen", "cancel_against_wait"),
    Seeded::new("CellLookRelaxed", "cell_value_taken_beside_an_aborter"),
    Seeded::new("CellDiscardsUnset", "cell_handle_dropped_against_an_aborter"),
    Seeded::new("CellOutcomeOverClosure", "cell_abort_against_start"),
    Seeded::new("CellAborterNoAcquire", "cell_aborter_against_completion"),
    Seeded::new("CellAborterNoRelease", "cell_aborter_against_completion"),
    Seeded::new("CellAskRelaxed", "cell_abort_against_a_closure_that_looks"),
    Seeded::new("CellAskedRelaxed", "cell_abort_against_a_closure_that_looks"),
    Seeded::new("CellAskStores", "cell_abort_and_drop_against_start"),
    Seeded::new("ReadyLooksOnce", "completions_against_next"),
    Seeded::new("ReadyTellsNobody", "completions_against_next"),
    Seeded::new("LimitLooksFirst", "limit_end_against_enter"),
    Seeded::new("LimitKeepsTicket", "limit_end_against_enter"),
    Seeded::new("AdmitIgnoresClose", "push_against_close"),
    Seeded::new("AdmitStandsBlindly", "block_against_take"),
    Seeded::new("AdmitKeepsWake", "give_up_against_take"),
    Seeded::new("AdmitTakeTellsNobody", "block_against_take"),
    Seeded::new("AdmitRemoveTellsNobody", "block_against_abort"),
    Seeded::new("AdmitCloseTellsNobody", "block_against_close"),
    Seeded::new("AdmitUntoldForgotten", "calm_waiter_against_takes"),
    Seeded::new("AdmitTicketEnds", "tickets_against_push"),
    Seeded::new("AdmitRedeemsLoose", "a_ticket_against_a_waiting_lease"),
    Seeded::new("AdmitStandsBesideLeases", "block_against_a_lease"),
    Seeded::new("AdmitIgnoresPool", "push_against_the_pools_close"),
    Seeded::new("BriefLockRelaxed", "brief_lock_against_lock"),
    Seeded::new("BriefDropRelaxed", "brief_lock_against_lock"),
    Seeded::new("BriefTryGivesBack", "brief_lock_against_try"),
    Seeded::new("LeaseBeginsBlindly", "take_back_against_a_lease"),
    Seeded::new("AdmitKeepsOwner", "tickets_against_push"),
    Seeded::new("AdmitKeptUncounted", "abort_against_the_last_that_is_given_back"),
    Seeded::new("StayKeeps", "executor_aborted_closure_against_a_ticket"),
    Seeded::new("RedeemKeeps", "executor_dropped_against_its_closure"),
    Seeded::new("CancelledGivenBackTwice", "executor_aborted_closure_against_a_ticket"),
    Seeded::new("AdmitOwesNothing", "abort_against_take"),
];

/// Faults that no model can find, and why.
const EQUIVALENT: &[(&str, &str)] = &[
    (
        "LatchWatchIgnoresSet",
        "every waiter looks at the latch again before it parks, and the exchange that failed has \
         read that it is set: a later look cannot read less",
    ),
    (
        "HeadMoveTopRelaxed",
        "loom does not move a load behind a later store, and that is what the Release prevents: a \
         thief's read of a slot coming after the exchange that lets the owner use the slot again. \
         The job that is read is ordered by `bottom`, and `top` against `bottom` by the barriers",
    ),
    ("HeadLenRelaxed", "the other side of the same pair"),
    (
        "InjectorLinkRelaxed",
        "what the new block begins with is in atomics, and loom shows their first values to \
         everybody, made before or not",
    ),
    (
        "AnnounceNoFence",
        "under loom the `light` before it is a full fence already; in a process with an asymmetric \
         barrier it is none",
    ),
];

/// What a child came to.
#[derive(Debug)]
struct Outcome {
    /// The first message, if the model noticed.
    found: Option<String>,
    executions: u64,
    time: Duration,
}

#[test]
#[ignore = "run by the tests here, in a child process with KILL_TABLE_FAULT set"]
fn child() {
    let variable = |name| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (fault, name) = (variable(FAULT), variable(MODEL));
    let model = model(&name).unwrap_or_else(|| panic!("no model is called {name}"));
    seed(&fault);
    let report = explore(model, model.bound, Duration::from_secs(SECONDS));
    match report.verdict {
        Verdict::Complete => println!("\npassed {}", report.executions),
        Verdict::Cut => println!("\ncut {}", report.executions),
        // The runner has said so, on stderr, when it happened.
        Verdict::Failed(_) => {}
    }
}

fn search(Seeded { fault, model }: Seeded<'_>) -> Outcome {
    let start = Instant::now();
    let exe = env::current_exe().expect("a test has a file");
    let mut child = Command::new(exe)
        .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads=1"])
        .envs([(FAULT, fault), (MODEL, model)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test binary starts");
    let mut stderr = child.stderr.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let errors = thread::spawn(move || read(&mut stderr));
    let output = thread::spawn(move || read(&mut stdout));
    let status = wait(&mut child, Duration::from_secs(2 * SECONDS));
    let errors = errors.join().expect("it only reads");
    let output = output.join().expect("it only reads");
    let time = start.elapsed();

    let first = errors.lines().find_map(|line| line.strip_prefix("execution ")?.split_once(": "));
    if let Some((executions, message)) = first {
        let executions = executions.parse().expect("the runner writes a number");
        return Outcome { found: Some(message.to_owned()), executions, time };
    }
    let said = |word| output.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    if let Some(executions) = said("passed ") {
        return Outcome { found: None, executions, time };
    }
    let cut: Option<u64> = said("cut ");
    assert_eq!(cut, None, "{fault}: {model} was cut after so many executions, in {SECONDS} s");
    match status {
        Some(status) if status.success() => panic!("{fault}, {model}: the child said nothing"),
        Some(status) => Outcome { found: Some(format!("crash: {status}")), executions: 0, time },
        None => Outcome { found: Some("hangs".to_owned()), executions: 0, time },
    }
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `None`: it had to be ended.
fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() > deadline {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Searches for all of `FOUND_BY`, as many at a time as there are cores.
fn search_all() -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    let mut outcomes: Vec<(usize, Outcome)> = thread::scope(|s| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(seeded) = FOUND_BY.get(index) else { break };
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
    let all: BTreeSet<String> = faults().map(|(name, _)| name).collect();
    let found: BTreeSet<String> = FOUND_BY.iter().map(|seeded| seeded.fault.to_owned()).collect();
    let equivalent: BTreeSet<String> =
        EQUIVALENT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found.intersection(&equivalent).next(), None);
    assert_eq!(found.union(&equivalent).cloned().collect::<BTreeSet<_>>(), all);
}

#[test]
fn every_fault_is_found() {
    let outcomes = search_all();
    println!("{}", table(&outcomes));
    assert_all_found(&outcomes);
}

#[test]
#[ignore = "writes docs/kill-table.md: one minute"]
fn write_the_table() {
    let outcomes = search_all();
    assert_all_found(&outcomes);
    let mut text = format!(
        "# What the models can find\n\n\
         Written by `cargo test -p loom-tests --test kill_table -- --ignored --exact \
         write_the_table`. Every run of the test suite searches all of it again.\n\n\
         Each fault weakens one line of the sources (`scheduler/src/sync/fault.rs`), and is \
         compiled for the models only. A model that passes with none of them seeded shows \
         something, because it fails with one of them. The executions are those of the search \
         up to the one that failed.\n\n{}\n\
         ## Faults that no model finds\n\n",
        table(&outcomes),
    );
    let what: BTreeMap<String, &str> = faults().collect();
    for (fault, why) in EQUIVALENT {
        writeln!(text, "- `{fault}` ({}): {why}.", what[*fault])
            .expect("a String takes everything");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kill-table.md");
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn assert_all_found(outcomes: &[Outcome]) {
    let pairs = FOUND_BY.iter().zip(outcomes);
    let missed: Vec<_> = pairs.filter(|(_, outcome)| outcome.found.is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

fn table(outcomes: &[Outcome]) -> String {
    let what: BTreeMap<String, &str> = faults().collect();
    let mut text = String::from(
        "| fault | what it weakens | found by | preemptions | after | message |\n\
         |---|---|---|---|---|---|\n",
    );
    for (Seeded { fault, model: name }, outcome) in FOUND_BY.iter().zip(outcomes) {
        let model = model(name).unwrap_or_else(|| panic!("no model is called {name}"));
        let bound = model.bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
        let message = outcome.found.as_deref().unwrap_or("**missed**").replace('|', "\\|");
        let (what, executions) = (what[*fault], outcome.executions);
        writeln!(text, "| `{fault}` | {what} | `{name}` | {bound} | {executions} | {message} |")
            .expect("a String takes everything");
    }
    text
}

/// For a new fault: which model finds it.
#[test]
#[ignore = "KILL_TABLE_FAULT=name: searches that fault with every model: minutes"]
fn which_models_find_it() {
    let fault = env::var(FAULT).unwrap_or_else(|_| panic!("{FAULT} is not set"));
    for model in MODELS {
        let outcome = search(Seeded::new(&fault, model.name));
        let message = outcome.found.as_deref().unwrap_or("-");
        println!("{:44} {:8} {:8.2?} {message}", model.name, outcome.executions, outcome.time);
    }
}
