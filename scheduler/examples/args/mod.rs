//! The command line of the small examples: one number, `--quick`, `--threads N`, `--help`.

use scheduler::ThreadPool;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::process::exit;

/// What an example takes.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// What it does, and what its number is.
    pub(crate) about: &'static str,
    pub(crate) range: RangeInclusive<usize>,
    pub(crate) default: usize,
    /// The number for a short run.
    pub(crate) quick: usize,
}

/// The number, and a pool with as many workers as were asked for. Ends the process after
/// `--help`, and after a mistake: one line on stderr, exit code 2.
pub(crate) fn parse(spec: &Spec) -> (usize, ThreadPool) {
    let mut n = None;
    let mut threads = 0;
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => {
                let Spec { name, about, range, default, quick } = spec;
                let (least, most) = range.clone().into_inner();
                println!("{about}\n\nUsage: {name} [--threads W] [--quick | N]\n");
                println!("  N from {least} to {most}, default {default}; --quick is N = {quick}");
                println!("  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core");
                exit(0);
            }
            Some("--threads") => {
                let value = args.next().unwrap_or_default();
                threads = match value.to_str().and_then(|text| text.parse().ok()) {
                    Some(number) => number,
                    None => fail(spec, format!("--threads needs a number, not {value:?}")),
                };
            }
            _ if n.is_some() => fail(spec, format!("one N or --quick is enough: what is {arg:?}?")),
            Some("--quick") => n = Some(spec.quick),
            Some(text) if text.starts_with('-') => {
                fail(spec, format!("there is no option {text:?}; --help lists all"))
            }
            text => match text.and_then(|text| text.parse().ok()) {
                Some(number) if spec.range.contains(&number) => n = Some(number),
                _ => {
                    let (least, most) = spec.range.clone().into_inner();
                    fail(spec, format!("N is a number from {least} to {most}, not {arg:?}"))
                }
            },
        }
    }
    let pool = ThreadPool::new(threads).unwrap_or_else(|error| fail(spec, error));
    (n.unwrap_or(spec.default), pool)
}

fn fail(spec: &Spec, message: impl Display) -> ! {
    eprintln!("{}: {message}", spec.name);
    exit(2)
}
