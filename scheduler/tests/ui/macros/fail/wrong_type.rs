// Expressions whose type is not that of the option.

const STACK: &str = "16 MiB";

mod size {
    #[scheduler::main(stack_size = super::STACK)]
    pub fn main() {}
}

#[scheduler::main(num_threads = 4_u32)]
fn main() {}
