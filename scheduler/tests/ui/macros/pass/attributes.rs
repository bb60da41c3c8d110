// Attributes stay on the function, and lints reach into the body; nothing in the expansion
// depends on what the names of the prelude mean here.
#![deny(warnings)]

#[allow(dead_code)]
enum Shadows {
    Ok,
    Err,
}
#[allow(unused_imports)]
use Shadows::{Err, Ok};

#[allow(unused_macros)]
macro_rules! format {
    () => {};
}

/// The entry.
#[allow(unused_variables)]
#[cfg_attr(all(), expect(non_snake_case))]
#[scheduler::main(thread_name = "w")]
#[inline(never)]
fn main() {
    #![allow(unused_mut)]
    let mut unused = 0;
    let NotSnake = 1;
    assert!(std::thread::current().name().is_some_and(|name| name.starts_with("w-")));
}
