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
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Read by the child.
const FAULT: &str = "KILL_TABLE_FAULT";
const MODEL: &str = "KILL_TABLE_MODEL";
/// How long a child may search, in seconds.
const SECONDS: u64 = 120;

/// Each fault, and the model that finds it.
const FOUND_BY: &[(&str, &str)] = &[];

/// Faults that no model can find, because they change nothing that can be observed.
const EQUIVALENT: &[(&str, &str)] = &[];

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
    if fault != "None" {
        seed(&fault);
    }
    let bound = env::var("B").map_or(model.bound, |b| Some(b.parse().unwrap()));
    let report = explore(model, bound, Duration::from_secs(SECONDS));
    match report.verdict {
        Verdict::Complete => println!("\npassed {}", report.executions),
        Verdict::Cut => println!("\ncut {}", report.executions),
        // The runner has said so, on stderr, when it happened.
        Verdict::Failed(_) => {}
    }
}

fn search(fault: &str, model: &str) -> Outcome {
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
    assert!(said("cut ").is_none_or(|_: u64| false), "{fault}: {model} was cut after {SECONDS} s");
    match status {
        Some(status) if status.success() => panic!("{fault}, {model}: the child said nothing"),
        Some(status) => Outcome { found: Some(format!("crash: {status}")), executions: 0, time },
        None => Outcome { found: Some("hangs".to_owned()), executions: 0, time },
    }
}

fn read(from: &mut impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("a pipe can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `None`: it had to be ended.
fn wait(child: &mut std::process::Child, patience: Duration) -> Option<ExitStatus> {
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

/// Searches all pairs, as many at a time as there are cores.
fn search_all(pairs: &[(&str, &str)]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, |n| n.get());
    let mut outcomes: Vec<(usize, Outcome)> = thread::scope(|s| {
        let work = || {
            let mut done = Vec::new();
            while let Some((index, pair)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, pairs.get(i)?)))
            {
                done.push((index, search(pair.0, pair.1)));
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
    let found: BTreeSet<String> = FOUND_BY.iter().map(|(name, _)| (*name).to_owned()).collect();
    let equivalent: BTreeSet<String> =
        EQUIVALENT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found.intersection(&equivalent).next(), None);
    assert_eq!(found.union(&equivalent).cloned().collect::<BTreeSet<_>>(), all);
}

#[test]
fn every_fault_is_found() {
    let outcomes = search_all(FOUND_BY);
    let table = table(&outcomes);
    println!("{table}");
    let missed: Vec<_> = FOUND_BY
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.found.is_none())
        .map(|(pair, _)| pair)
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

fn table(outcomes: &[Outcome]) -> String {
    let what: BTreeMap<String, &str> = faults().collect();
    let mut text = String::from(
        "| fault | what it weakens | found by | after executions | message |\n|---|---|---|---|---|\n",
    );
    for ((fault, model), outcome) in FOUND_BY.iter().zip(outcomes) {
        let message = outcome.found.as_deref().unwrap_or("**missed**").replace('|', "\\|");
        writeln!(
            text,
            "| `{fault}` | {} | `{model}` | {} | {message} |",
            what[*fault], outcome.executions,
        )
        .expect("a String takes everything");
    }
    text
}

#[test]
#[ignore = "searches every fault with every model until one finds it: ten minutes"]
fn which_model_finds_which_fault() {
    let only = env::var("KILL_TABLE_ONLY").unwrap_or_default();
    let slow = [
        "sleep_two_workers", "last_searcher_leaves", "stuck_leaf_behind_a_published_one",
        "pool_job_and_child_two_workers", "pool_install_and_join_two_workers",
        "sleep_one_worker_two_jobs", "submit_racing_drain_two_workers",
        "full_head_spills_against_a_thief",
    ];
    for (fault, _) in faults().filter(|(fault, _)| fault.contains(&only)) {
        let (slow, fast): (Vec<_>, Vec<_>) =
            MODELS.iter().map(|m| m.name).partition(|name| slow.contains(name));
        let mut hits = 0;
        for name in fast.into_iter().chain(slow) {
            let outcome = search(&fault, name);
            if let Some(message) = outcome.found {
                println!("{fault:24} {name:44} {:8} {:6.2?} {message}", outcome.executions, outcome.time);
                hits += 1;
                if hits == 1 {
                    break;
                }
            }
        }
        if hits == 0 {
            println!("{fault:24} MISSED by all");
        }
    }
}
