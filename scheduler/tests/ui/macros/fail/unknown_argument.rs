mod unknown {
    #[scheduler::main(threads = 4)]
    fn main() {}
}

mod unknown_without_value {
    #[scheduler::main(num_threads = 4, pinned)]
    fn main() {}
}

mod no_name {
    #[scheduler::main(4)]
    fn main() {}
}

#[scheduler::test(flavor = "multi_thread")]
fn test() {}

fn main() {}
