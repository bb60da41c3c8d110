//! What all command lines have in common: `--help`, mistakes, numbers, a pool.

use lexopt::{Error, Parser, ValueExt};
use scheduler::ThreadPool;
use std::ops::RangeInclusive;
use std::process::exit;

/// Of `--threads`. A pool takes no more.
pub(crate) const WORKERS: RangeInclusive<usize> = 0..=65_535;

/// What `parse` makes of the command line. Ends the process where that is nothing, as for `--help`; and after a
/// mistake: one line on stderr, exit code 2.
pub(crate) fn read<T>(
    name: &str,
    help: &str,
    parse: impl FnOnce(&mut Parser) -> Result<Option<T>, Error>,
) -> T {
    match parse(&mut Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", help.trim_end());
            exit(0)
        }
        Err(error) => {
            eprintln!("{name}: {error}; --help lists what there is");
            exit(2)
        }
    }
}

/// The number after an option.
pub(crate) fn number(
    parser: &mut Parser,
    option: &str,
    range: RangeInclusive<usize>,
) -> Result<usize, Error> {
    let value = parser.value()?;
    match value.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let (least, most) = range.into_inner();
            Err(format!("{option} takes a number from {least} to {most}, not {value:?}").into())
        }
    }
}

/// A pool with so many workers; with 0, as many as `SCHEDULER_NUM_THREADS` says, or one for each core.
pub(crate) fn pool(threads: usize) -> Result<ThreadPool, Error> {
    ThreadPool::new(threads).map_err(|error| error.to_string().into())
}
