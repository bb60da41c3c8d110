//! A command line with one number, `--quick`, `--threads W`, `--help`, and perhaps an option more.

#[path = "line.rs"]
mod line;

use lexopt::{Arg, Error, ValueExt};
use scheduler::ThreadPool;
use std::ffi::OsString;
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

/// An option with a value.
pub(crate) struct Extra<'a> {
    pub(crate) name: &'static str,
    /// What `--help` calls the value.
    pub(crate) value: &'static str,
    /// What it says of the value.
    pub(crate) help: &'a str,
}

/// What `finish` makes of the number, a pool, whether the run is to be a short one, and the value of the extra option. Ends
/// the process after `--help`, and after a mistake: one line on stderr, exit code 2.
pub(crate) fn parse<T>(
    spec: &Spec,
    extra: Option<&Extra<'_>>,
    finish: impl FnOnce(usize, ThreadPool, bool, Option<OsString>) -> Result<T, Error>,
) -> T {
    let Spec { name, about, range, default, quick } = spec;
    let (least, most) = range.clone().into_inner();
    let usage = extra.map(|Extra { name, value, .. }| format!("[--{name} {value}] "));
    let line = extra.map(|Extra { value, help, .. }| format!("\n  {value} {help}"));
    let (usage, line) = (usage.unwrap_or_default(), line.unwrap_or_default());
    let help = format!(
        "{about}

Usage: {name} [--threads W] {usage}[--quick | N]

  N from {least} to {most}, default {default}; --quick is N = {quick}
  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core{line}"
    );
    line::read(name, &help, |parser| {
        let (mut n, mut is_quick, mut value, mut threads) = (None, false, None, 0);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
                Arg::Long("quick") if n.is_none() => (n, is_quick) = (Some(*quick), true),
                Arg::Long(name) if extra.is_some_and(|extra| extra.name == name) => {
                    value = Some(parser.value()?);
                }
                Arg::Value(text) if n.is_none() => match text.parse() {
                    Ok(number) if range.contains(&number) => n = Some(number),
                    _ => Err(format!("N is a number from {least} to {most}, not {text:?}"))?,
                },
                Arg::Value(_) | Arg::Long("quick") => Err("one N or --quick is enough")?,
                _ => return Err(arg.unexpected()),
            }
        }
        finish(n.unwrap_or(*default), line::pool(threads)?, is_quick, value).map(Some)
    })
}
