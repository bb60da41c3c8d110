#[scheduler::test(num_threads)]
fn name_alone() {}

#[scheduler::test(thread_name = )]
fn nothing_after_equals() {}

#[scheduler::test(pinning = , num_threads = 2)]
fn comma_after_equals() {}

#[scheduler::test(stack_size(1 << 20))]
fn parentheses() {}

#[scheduler::test(num_threads = 2 stack_size = 3)]
fn no_comma() {}

#[scheduler::main(crate)]
fn main() {}
