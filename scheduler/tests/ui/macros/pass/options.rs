// Every option, and a trailing comma.

const MIB: usize = 1 << 20;

#[scheduler::main(
    num_threads = 1 + 2,
    stack_size = 16 * MIB,
    thread_name = "w",
    pinning = "off",
    crate = ::scheduler,
)]
fn main() {
    assert_eq!(scheduler::current_num_threads(), 3);
    let name = |_: scheduler::BroadcastContext<'_>| std::thread::current().name().map(String::from);
    let mut names = scheduler::broadcast(name);
    names.sort();
    assert_eq!(names, ["w-0", "w-1", "w-2"].map(|name| Some(name.to_string())));
}
