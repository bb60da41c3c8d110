//! The instructions of the scheduler's operations have not grown over `counts.toml`.

use std::process::Command;

#[test]
#[ignore = "needs valgrind and a release build: `.ci/run counts`"]
fn none_has_grown() {
    let counts = Command::new(env!("CARGO_BIN_EXE_counts")).arg("check").status();
    assert!(counts.expect("the binary was built with this test").success());
}
