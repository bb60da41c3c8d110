//! The command line of the small examples: one number, `--quick`, `--threads N`, `--help`.

mod line;

use lexopt::{Arg, ValueExt};
use scheduler::ThreadPool;
use std::ops::RangeInclusive;

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
    let Spec { name, about, range, default, quick } = spec;
    let (least, most) = range.clone().into_inner();
    let help = format!(
        "{about}

Usage: {name} [--threads W] [--quick | N]

  N from {least} to {most}, default {default}; --quick is N = {quick}
  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core"
    );
    line::read(name, &help, |parser| {
        let mut n = None;
        let mut threads = 0;
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
                Arg::Long("quick") if n.is_none() => n = Some(*quick),
                Arg::Value(value) if n.is_none() => match value.parse() {
                    Ok(number) if range.contains(&number) => n = Some(number),
                    _ => Err(format!("N is a number from {least} to {most}, not {value:?}"))?,
                },
                Arg::Value(_) | Arg::Long("quick") => Err("one N or --quick is enough")?,
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(Some((n.unwrap_or(*default), line::pool(threads)?)))
    })
}
