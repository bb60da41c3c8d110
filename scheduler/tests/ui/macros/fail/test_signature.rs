#[scheduler::test]
fn arguments(_count: usize) {}

#[scheduler::test]
async fn is_async() {}

#[scheduler::test]
const fn is_const() {}

#[scheduler::test]
unsafe fn is_unsafe() {}

#[scheduler::test]
extern "C" fn is_extern() {}

#[scheduler::test]
fn is_generic<T>() {}

struct Suite;

impl Suite {
    #[scheduler::test]
    fn method(self) {}
}

#[scheduler::test]
#[test]
fn plain_test_too() {}

#[scheduler::test]
#[core::prelude::v1::test]
fn plain_test_by_its_path() {}

#[scheduler::test(num_threads = 1)]
#[should_panic]
#[scheduler::test(num_threads = 2)]
fn twice() {}

fn main() {}
