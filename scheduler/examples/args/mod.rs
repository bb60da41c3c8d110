//! The command line of the small examples: one number, `--quick`, `--threads W`, `--help`.

mod number;

pub(crate) use number::Spec;

use scheduler::ThreadPool;

/// The number, and a pool with as many workers as were asked for. Ends the process after
/// `--help`, and after a mistake: one line on stderr, exit code 2.
pub(crate) fn parse(spec: &Spec) -> (usize, ThreadPool) {
    number::parse(spec, None, |n, pool, _, _| Ok((n, pool)))
}
