// The value comes from a worker, so it has to be `Send`.

use std::process::{ExitCode, Termination};

struct Report(*const u8);

impl Termination for Report {
    fn report(self) -> ExitCode {
        ExitCode::from(u8::from(self.0.is_null()))
    }
}

#[scheduler::main]
fn main() -> Report {
    Report(&0)
}
