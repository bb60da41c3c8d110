// A plain `main`, which returns early.

#[scheduler::main]
fn main() {
    assert!(scheduler::current_thread_index().is_some());
    let (a, b) = scheduler::join(|| 1, || 2);
    if a + b == 3 {
        return;
    }
    std::process::exit(1);
}
