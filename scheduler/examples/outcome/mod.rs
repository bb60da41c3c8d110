//! How an example ends.

use std::fmt::Display;
use std::process::ExitCode;

/// Exit code 0 if everything was right; 1 if not, or after an error, which goes to stderr.
pub(crate) fn exit_code<E: Display>(name: &str, right: Result<bool, E>) -> ExitCode {
    match right {
        Ok(right) => ExitCode::from(u8::from(!right)),
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
