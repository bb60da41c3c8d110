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
/// Instead of the model's own, if it is set.
const BOUND: &str = "KILL_TABLE_BOUND";
/// How long a child may search, in seconds.
const SECONDS: u64 = 120;

/// A fault, and the model that finds it.
#[derive(Clone, Copy, Debug)]
struct Seeded<'a> {
    fault: &'a str,
    model: &'a str,
    /// Preemptions, where the model's own bound is too low.
    bound: Option<usize>,
}

impl<'a> Seeded<'a> {
    const fn new(fault: &'a str, model: &'a str) -> Self {
        Self { fault, model, bound: None }
    }

    const fn with_bound(self, bound: usize) -> Self {
        Self { bound: Some(bound), ..self }
    }
}

const FOUND_BY: &[Seeded<'_>] = &[
    Seeded::new("DequePushNoFence", "deque_one_thief"),
    Seeded::new("DequePopNoFence", "deque_one_thief"),
    Seeded::new("DequePopNoCas", "deque_one_thief"),
    Seeded::new("DequeStealNoFence", "deque_one_thief"),
    Seeded::new("DequeGrowRelaxed", "deque_grows_under_a_thief"),
    Seeded::new("HeadPopRelaxed", "head_pop_against_one_force"),
    Seeded::new("HeadPopNoLight", "head_pop_against_one_force"),
    Seeded::new("HeadPopNoCas", "head_pop_against_one_force"),
    Seeded::new("HeadPopKeepsBottom", "head_goes_on_after_a_stolen_last_job"),
    Seeded::new("HeadTakeNoCas", "head_publish_against_force"),
    Seeded::new("PushNoLight", "stuck_leaf"),
    Seeded::new("PushIgnoresDemand", "stuck_leaf"),
    Seeded::new("PopIgnoresLatch", "fork_run_inside_its_first_branch"),
    Seeded::new("ForceNoHeavy", "nested_joins_against_a_thief"),
    Seeded::new("NoForcedSteal", "stuck_leaf"),
    Seeded::new("AnnounceNoLight", "sleep_one_worker_outside"),
    Seeded::new("SleepNoHeavy", "sleep_one_worker_outside"),
    Seeded::new("SleepNoLook", "sleep_one_worker_outside"),
    Seeded::new("LookSkipsInjector", "sleep_one_worker_outside"),
    Seeded::new("LookSkipsInbox", "sleep_inbox"),
    Seeded::new("TopAfterHeavy", "nested_joins_against_two_thieves").with_bound(3),
    Seeded::new("LookIgnoresRetry", "stuck_leaf_behind_a_published_one"),
    Seeded::new("AnnounceToNoLight", "sleep_inbox"),
    Seeded::new("ClaimIgnored", "sleep_one_worker_outside"),
    Seeded::new("ClaimUncounted", "sleep_one_worker_outside"),
    Seeded::new("CancelWakesNobody", "stuck_leaf_behind_a_published_one"),
    Seeded::new("SleepEndsTwice", "sleep_one_worker_outside"),
    Seeded::new("SleepTrustsToken", "broadcast_against_sleep"),
    Seeded::new("LeaveWakesNobody", "last_searcher_leaves"),
    Seeded::new("LatchSetNoWake", "latch_set_against_watch"),
    Seeded::new("LatchSetRelaxed", "latch_set_against_its_owner_leaving"),
    Seeded::new("LatchTouchedAfterSet", "latch_set_against_its_owner_leaving"),
    Seeded::new("LatchUnwatchForgets", "latch_set_against_unwatch"),
    Seeded::new("UnparkRelaxed", "park_against_unpark"),
    Seeded::new("UnparkLooksFirst", "two_unparks_in_one_token"),
    Seeded::new("ParkIgnoresToken", "two_unparks_in_one_token"),
    Seeded::new("PartsEndRelaxed", "scope_against_a_thief"),
    Seeded::new("PartsSettleForgetsLocal", "scope_against_a_thief"),
    Seeded::new("TerminateWakesOne", "shutdown_of_an_idle_pool"),
    Seeded::new("GateChecksThenEnters", "submit_racing_drain_one_worker"),
    Seeded::new("GateCloseForgets", "shutdown_of_an_idle_pool"),
    Seeded::new("CancelSkipsQueues", "cancel_behind_a_stuck_worker"),
    Seeded::new("SubmitIgnoresCancel", "cancel_before_a_stuck_spawner"),
    Seeded::new("GateLeaveForgets", "submit_racing_drain_one_worker"),
    Seeded::new("CellLoadRelaxed", "cell_handle_dropped_against_completion"),
    Seeded::new("CellReleaseRelaxed", "cell_handle_dropped_against_completion"),
    Seeded::new("CellClaimIgnored", "cell_abort_against_start"),
];

/// Faults that no model can find, because they change nothing that can be observed, and why.
const EQUIVALENT: &[(&str, &str)] = &[(
    "LatchWatchIgnoresSet",
    "every waiter looks at the latch again before it parks, and the exchange that failed has read \
     that it is set: a later look cannot read less",
)];

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
    let bound = env::var(BOUND).ok().map(|bound| bound.parse().expect("a number of preemptions"));
    let report = explore(model, bound.or(model.bound), Duration::from_secs(SECONDS));
    match report.verdict {
        Verdict::Complete => println!("\npassed {}", report.executions),
        Verdict::Cut => println!("\ncut {}", report.executions),
        // The runner has said so, on stderr, when it happened.
        Verdict::Failed(_) => {}
    }
}

fn search(Seeded { fault, model, bound }: Seeded<'_>) -> Outcome {
    let start = Instant::now();
    let exe = env::current_exe().expect("a test has a file");
    let mut child = Command::new(exe)
        .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads=1"])
        .envs([(FAULT, fault), (MODEL, model)])
        .envs(bound.map(|bound| (BOUND, bound.to_string())))
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
         ## Faults that nothing can find\n\n",
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
    for (Seeded { fault, model: name, bound }, outcome) in FOUND_BY.iter().zip(outcomes) {
        let own = model(name).unwrap_or_else(|| panic!("no model is called {name}")).bound;
        let bound = bound.or(own).map_or_else(|| "any".to_owned(), |bound| bound.to_string());
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
