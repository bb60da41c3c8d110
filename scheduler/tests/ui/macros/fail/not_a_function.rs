#[scheduler::test]
struct Test;

trait Suite {
    #[scheduler::test]
    fn no_body();
}

#[scheduler::main]
mod main {}

fn main() {}
