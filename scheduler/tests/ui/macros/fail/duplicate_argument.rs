#[scheduler::test(num_threads = 2, pinning = "off", num_threads = 3)]
fn test() {}

#[scheduler::main(crate = scheduler, crate = "scheduler")]
fn main() {}
