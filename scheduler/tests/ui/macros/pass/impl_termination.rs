// A return type without a name.

use std::process::{ExitCode, Termination};

#[scheduler::main]
fn main() -> impl Termination {
    ExitCode::from(u8::from(scheduler::current_thread_index().is_none()))
}
