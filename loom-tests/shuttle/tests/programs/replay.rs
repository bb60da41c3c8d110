//! Failing schedules, once more.

use super::record::Kept;
use super::search::{Search, Strategy};
use super::{number, program};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// From a kept seed, so many schedules are searched.
const PATIENCE: usize = 500;

fn fails_again(strategy: Strategy, program_name: &str, fault: &'static str) {
    let search = Search {
        program: program(program_name),
        strategy,
        seed: 1,
        schedules: 2_000,
        fault: Some(fault),
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-test-{strategy}"));
    let report = search.run(Some(path.clone()));
    let message = report.failure.expect("the fault is found");
    let kept = Kept::read(&path);
    assert_eq!(kept.to_string().parse(), Ok(kept.clone()));
    assert_eq!((kept.search.program, &kept.message), (search.program, &message));

    // The string: that schedule, every time.
    for _ in 0..3 {
        let again = kept.search.replay(&kept.string);
        assert_eq!((again.failure.as_ref(), again.schedules), (Some(&message), 1));
    }
    // The lines above it: a search that comes to it.
    let again = kept.search.run(None);
    assert_eq!((again.failure.as_ref(), again.schedules), (Some(&message), kept.nth));
    // It is the fault that fails, and not the replay.
    let without = Search { fault: None, ..kept.search };
    assert_ne!(without.replay(&kept.string).failure.as_ref(), Some(&message));
}

#[test]
fn a_random_schedule_fails_again() {
    fails_again(Strategy::Random, "submit_racing_drain", "GateChecksThenEnters");
}

#[test]
fn a_pct_schedule_fails_again() {
    fails_again(Strategy::Pct, "submit_racing_drain", "GateChecksThenEnters");
}

/// `PROGRAM_REPLAY` is the path of a kept schedule; or it is the replay string itself, with the
/// program's name in `PROGRAM`. Fails as the schedule did.
#[test]
#[ignore = "PROGRAM_REPLAY=path: that schedule once more"]
fn of_the_file() {
    let given = env::var("PROGRAM_REPLAY").expect("PROGRAM_REPLAY is set");
    let (search, string) = match env::var("PROGRAM") {
        Ok(name) => {
            let (program, strategy) = (program(&name), Strategy::Random);
            (Search { program, strategy, seed: 0, schedules: 1, fault: None }, given)
        }
        Err(_) => {
            let kept = Kept::read(Path::new(&given));
            println!("{}, to fail with: {}", kept.search.program.name, kept.message);
            (kept.search, kept.string)
        }
    };
    let report = search.replay(&string);
    println!("{report}");
    if let Some(message) = report.failure {
        panic!("{message}");
    }
    println!("it passed");
}

fn regressions() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = fs::read_dir(&folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|name| name == "txt")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
}

/// What failed once is searched for again, from the same seed; and if a seeded fault stands for the
/// error that it was, that has to be found.
#[test]
fn regressions_stay_away() {
    for path in regressions() {
        let kept = Kept::read(&path);
        assert_eq!(kept.string, "", "{}: a replay string does not last", path.display());
        let schedules = number("PROGRAM_SCHEDULES").map_or(PATIENCE, |n| n as usize);
        let search = Search { schedules: schedules.max(kept.nth), ..kept.search };
        let without = Search { fault: None, ..search }.run(None);
        assert_eq!(without.failure, None, "{} is back", path.display());
        if search.fault.is_some() {
            let found = search.run(None);
            println!("{}: {found}, {:?}", path.display(), found.failure);
            assert!(found.failure.is_some(), "{} finds its fault no more", path.display());
        }
    }
}
