mod arguments {
    #[scheduler::main]
    fn main(args: Vec<String>, count: usize) {}
}

mod is_async {
    #[scheduler::main]
    async fn main() {
        std::future::ready(()).await
    }
}

mod is_const {
    #[scheduler::main]
    const fn main() {}
}

mod is_unsafe {
    #[scheduler::main]
    unsafe fn main() {}
}

mod is_extern {
    #[scheduler::main]
    extern "C" fn main() {}
}

mod is_generic {
    #[scheduler::main]
    fn main<T: Default>() {}
}

mod has_where {
    #[scheduler::main]
    fn main()
    where
        String: Send,
    {
    }
}

mod method {
    struct Program;

    impl Program {
        #[scheduler::main]
        fn main(&self) {}
    }
}

mod other_name {
    #[scheduler::main]
    fn start() {}
}

mod twice {
    #[scheduler::main]
    #[scheduler::main]
    fn main() {}
}

// All that is wrong is reported at once, and nothing else.
#[scheduler::main(threads = 4)]
async unsafe fn main(args: Vec<String>) -> impl Sized {
    missing(args).await
}
