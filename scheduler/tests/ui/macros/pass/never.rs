// A body that does not return.

#[scheduler::main]
fn main() -> ! {
    std::process::exit(i32::from(scheduler::current_thread_index().is_none()))
}
