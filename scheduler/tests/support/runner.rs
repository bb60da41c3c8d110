//! Runs the tests of a file under ThreadSanitizer, in place of libtest: that hands a test's
//! result from thread to thread through a channel which the sanitizer does not see.
//!
//! Understands the options that the tests give to their children and `.ci/run` to the tests.

extern crate test;

use super::sync::{Mutex, thread};
use super::{silence_thrown, text};
use std::process::exit;
use test::{ShouldPanic, TestDesc, TestDescAndFn, TestFn};

struct Test<'a> {
    desc: &'a TestDesc,
    body: fn() -> Result<(), String>,
}

impl<'a> Test<'a> {
    fn new(test: &'a TestDescAndFn) -> Self {
        match test.testfn {
            TestFn::StaticTestFn(body) => Self { desc: &test.desc, body },
            _ => panic!("{} is no plain test", test.desc.name),
        }
    }

    fn passes(&self) -> bool {
        let builder = thread::Builder::new().name(self.desc.name.to_string());
        let ended = builder.spawn(self.body).expect("a thread for a test").join();
        match (ended, self.desc.should_panic) {
            (Ok(Ok(())), ShouldPanic::No) | (Err(_), ShouldPanic::Yes) => true,
            (Err(payload), ShouldPanic::YesWithMessage(part)) => {
                text(&*payload).is_some_and(|text| text.contains(part))
            }
            (Ok(Err(error)), _) => {
                eprintln!("{error}");
                false
            }
            _ => false,
        }
    }
}

#[derive(Default)]
struct Options {
    filters: Vec<String>,
    skip: Vec<String>,
    exact: bool,
    ignored: bool,
    threads: Option<usize>,
}

impl Options {
    fn from_arguments() -> Self {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (&*argument, None),
            };
            let mut value = || value.clone().or_else(|| arguments.next()).expect("a value");
            match name {
                "--exact" => options.exact = true,
                "--ignored" => options.ignored = true,
                "--nocapture" | "--show-output" => {}
                "--skip" => options.skip.push(value()),
                "--test-threads" => {
                    options.threads = Some(value().parse().expect("a number of threads"));
                }
                _ if name.starts_with('-') => panic!("{argument} is not known"),
                _ => options.filters.push(argument),
            }
        }
        options
    }

    fn select(&self, test: &Test<'_>) -> bool {
        let name = test.desc.name.as_slice();
        let fits = |filter: &String| {
            if self.exact { name == filter } else { name.contains(&**filter) }
        };
        (self.filters.is_empty() || self.filters.iter().any(fits))
            && !self.skip.iter().any(fits)
            && (test.desc.ignore || !self.ignored)
    }
}

/// What the compiler calls instead of libtest's `main`.
pub(crate) fn run(tests: &[&TestDescAndFn]) {
    // The collector of crossbeam-epoch is made at its first use, under a `std::sync::Once`. That
    // is to happen before there are threads.
    let _ = crossbeam_deque::Worker::<usize>::new_lifo().stealer().steal();
    // The panic hook as well: the lock around it is `std`'s, and not seen.
    silence_thrown();

    let options = Options::from_arguments();
    let tests = tests.iter().map(|test| Test::new(test));
    let (chosen, others): (Vec<_>, Vec<_>) = tests.partition(|test| options.select(test));
    println!("\nrunning {} tests", chosen.len());
    let left = Mutex::new(chosen.iter());
    let counts = Mutex::new([0; 3]);
    let threads = options.threads.unwrap_or_else(|| {
        thread::available_parallelism().map_or(1, |parallelism| parallelism.get())
    });
    thread::scope(|s| {
        for _ in 0..threads {
            s.spawn(|| {
                loop {
                    let test = left.lock().unwrap().next();
                    let Some(test) = test else { break };
                    let (count, outcome) = match test.desc.ignore && !options.ignored {
                        true => (2, "ignored"),
                        false if test.passes() => (0, "ok"),
                        false => (1, "FAILED"),
                    };
                    // Printed under the lock: the buffer behind it is one that only `std` guards.
                    let mut counts = counts.lock().unwrap();
                    counts[count] += 1;
                    println!("test {} ... {outcome}", test.desc.name);
                }
            });
        }
    });
    let [passed, failed, ignored] = *counts.lock().unwrap();
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {} \
         filtered out\n",
        if failed == 0 { "ok" } else { "FAILED" },
        others.len(),
    );
    if failed != 0 {
        exit(101);
    }
}
