#[scheduler::test(num_threads = "4")]
fn string_for_number() {}

#[scheduler::test(num_threads = 4.0)]
fn float_for_number() {}

#[scheduler::test(stack_size = true)]
fn bool_for_size() {}

#[scheduler::test(thread_name = 4)]
fn number_for_name() {}

#[scheduler::test(thread_name = format!("w"))]
fn expression_for_name() {}

#[scheduler::test(thread_name = "w\0")]
fn nul_in_name() {}

#[scheduler::test(pinning = "on")]
fn unknown_pinning() {}

#[scheduler::test(pinning = off)]
fn unquoted_pinning() {}

#[scheduler::test(crate = 4)]
fn number_for_path() {}

#[scheduler::test(crate = "my scheduler")]
fn two_words_for_path() {}

#[scheduler::main(stack_size = "16 MiB")]
fn main() {}
