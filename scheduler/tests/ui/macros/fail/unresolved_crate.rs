#[scheduler::main(crate = "nowhere")]
fn main() {}
