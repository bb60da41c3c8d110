//! What must not compile: borrows that would outlive what they borrow, and values that must not
//! change threads.

#[test]
fn borrows_and_threads() {
    trybuild::TestCases::new().compile_fail("tests/ui/borrow/*.rs");
}
