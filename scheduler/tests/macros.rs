//! `#[scheduler::main]` and `#[scheduler::test]`.
#![cfg(feature = "macros")]

use std::panic::catch_unwind;
use std::process::{Command, ExitCode, Output, Termination};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use scheduler as renamed;

const THREADS: usize = 3;

fn thread_name() -> String {
    thread::current().name().expect("a worker has a name").to_owned()
}

// Unpinned, for a pool that is built on a pinned worker finds one core.
#[scheduler::test(pinning = "off")]
fn the_body_is_on_a_worker_of_a_default_pool() {
    let defaults = scheduler::ThreadPool::builder().build().expect("a pool");
    assert!(scheduler::current_thread_index().is_some());
    assert_eq!(scheduler::current_num_threads(), defaults.current_num_threads());
}

#[scheduler::test(num_threads = 2)]
fn a_literal_number_of_threads() {
    assert_eq!(scheduler::current_num_threads(), 2);
}

#[scheduler::test(num_threads = THREADS * 2, thread_name = "crunch", pinning = "off")]
fn many_options() {
    assert_eq!(scheduler::current_num_threads(), 6);
    let mut names = scheduler::broadcast(|_| thread_name());
    names.sort();
    assert_eq!(names, ["crunch-0", "crunch-1", "crunch-2", "crunch-3", "crunch-4", "crunch-5"]);
}

#[scheduler::test(thread_name = "{braces}", pinning = "auto")]
fn a_name_is_no_format() {
    assert!(thread_name().starts_with("{braces}-"), "{}", thread_name());
}

#[scheduler::test(stack_size = 64 << 20)]
fn a_large_stack() {
    #[inline(never)]
    fn descend(depth: usize) -> usize {
        let frame = std::hint::black_box([1_u8; 1 << 20]);
        let below = if depth == 0 { 0 } else { descend(depth - 1) };
        below + usize::from(std::hint::black_box(&frame)[depth])
    }
    // A debug build needs some copies of each frame: beyond 8 MiB in any build, far below 64.
    assert_eq!(descend(12), 13);
}

#[scheduler::test(num_threads = 1, crate = renamed)]
fn a_renamed_crate() {
    assert_eq!(scheduler::current_num_threads(), 1);
}

#[scheduler::test(num_threads = 1, crate = "self::renamed")]
fn a_renamed_crate_in_quotes() {
    assert_eq!(scheduler::current_num_threads(), 1);
}

#[scheduler::test(num_threads = 2)]
fn forks_stay_in_the_pool() {
    let mut name = String::new();
    let (a, b) = scheduler::join(scheduler::current_num_threads, scheduler::current_num_threads);
    scheduler::scope(|s| {
        s.spawn(|| name = thread_name());
    });
    assert_eq!((a, b), (2, 2));
    assert!(name.starts_with("scheduler-"), "{name}");
}

#[scheduler::test]
#[should_panic(expected = "of the body")]
fn a_panic_of_the_body() {
    panic!("of the body");
}

#[should_panic(expected = "of a branch: 7")]
#[scheduler::test]
fn a_panic_of_a_branch() {
    scheduler::join(|| (), || panic!("of a branch: {}", 7));
}

#[scheduler::test(num_threads = 70_000)]
#[should_panic(expected = "cannot build the thread pool of this test: 70000 threads")]
fn a_pool_that_cannot_be_built() {}

#[scheduler::test]
fn a_result() -> Result<(), std::num::ParseIntError> {
    let number: i32 = "12".parse()?;
    assert_eq!(number, 12);
    Ok(())
}

#[scheduler::test]
fn an_opaque_result() -> impl Termination {
    assert!(scheduler::current_thread_index().is_some());
    ExitCode::SUCCESS
}

#[scheduler::test]
#[ignore = "the test below looks for it"]
fn an_ignored_test() {
    assert!(scheduler::current_thread_index().is_some());
}

/// Runs this binary, as the test harness that it is.
fn harness(args: &[&str]) -> Output {
    let exe = std::env::current_exe().expect("the path of this binary");
    Command::new(exe).args(args).env(CHILD, "1").output().expect("a run of this binary")
}

const CHILD: &str = "SCHEDULER_TEST_CHILD";

#[test]
fn ignore_is_kept() {
    let output = harness(&["--list", "--ignored"]);
    let list = String::from_utf8_lossy(&output.stdout);
    let tests: Vec<&str> = list.lines().filter(|line| line.ends_with(": test")).collect();
    assert_eq!(tests, ["an_ignored_test: test"]);
}

mod drained {
    use super::*;

    pub(super) static SPAWNED_HAS_RUN: AtomicBool = AtomicBool::new(false);

    #[scheduler::main(num_threads = 2)]
    pub(super) fn main() {
        drop(scheduler::spawn(|| {
            // Long enough for a `main` that does not wait to be back.
            thread::sleep(Duration::from_millis(100));
            SPAWNED_HAS_RUN.store(true, Ordering::Release);
        }));
    }
}

#[test]
fn main_waits_for_what_was_spawned() {
    drained::main();
    assert!(drained::SPAWNED_HAS_RUN.load(Ordering::Acquire));
}

mod failed {
    #[scheduler::main]
    pub(super) fn main() -> Result<(), String> {
        Err(super::thread_name())
    }
}

#[test]
fn main_returns_the_value_of_its_body() {
    let name = failed::main().expect_err("an error");
    assert!(name.starts_with("scheduler-"), "{name}");
}

mod panicked {
    #[scheduler::main]
    pub(super) fn main() {
        panic!("of main");
    }
}

#[test]
fn main_panics_as_its_body() {
    let payload = catch_unwind(panicked::main).expect_err("a panic");
    assert_eq!(payload.downcast_ref(), Some(&"of main"));
}

mod recursive {
    use super::*;

    static CALLED: AtomicBool = AtomicBool::new(false);

    #[scheduler::main(num_threads = 2)]
    pub(super) fn main() -> ThreadId {
        let here = thread::current().id();
        if !CALLED.swap(true, Ordering::Relaxed) {
            assert_eq!(main(), here);
        }
        here
    }
}

#[test]
fn main_that_calls_itself_stays_in_its_pool() {
    assert_ne!(recursive::main(), thread::current().id());
}

mod unbuilt {
    #[scheduler::main(num_threads = 70_000)]
    pub(super) fn main() {
        println!("the body has run");
    }
}

#[test]
fn main_without_a_pool_says_why_and_exits_with_1() {
    let name = "main_without_a_pool_says_why_and_exits_with_1";
    if std::env::var_os(CHILD).is_some() {
        unbuilt::main();
        return;
    }
    let output = harness(&["--exact", name, "--nocapture"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: cannot build the thread pool of `main`: \
         70000 threads are too many: a pool has at most 65535\n"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("the body has run"));
}

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/macros/pass/*.rs");
    cases.compile_fail("tests/ui/macros/fail/*.rs");
}
