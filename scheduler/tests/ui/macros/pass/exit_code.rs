use std::process::ExitCode;

#[scheduler::main]
fn main() -> ExitCode {
    match scheduler::current_thread_index() {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
