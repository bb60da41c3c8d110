// Arguments and body that come out of a macro.

macro_rules! entry {
    ($threads:literal, $name:literal, $stack:expr, $body:block) => {
        #[scheduler::main(num_threads = $threads, thread_name = $name, stack_size = $stack)]
        fn main() $body
    };
}

entry!(2, "m", 4 << 20, {
    assert_eq!(scheduler::current_num_threads(), 2);
    assert!(std::thread::current().name().is_some_and(|name| name.starts_with("m-")));
});
