// The crate under another name.

mod deep {
    pub use ::scheduler as pool;
}

mod quoted {
    #[crate::deep::pool::main(crate = "crate::deep::pool", pinning = "off", num_threads = 2)]
    pub fn main() -> usize {
        super::deep::pool::current_num_threads()
    }
}

#[deep::pool::main(crate = deep::pool, pinning = "auto", num_threads = 1)]
fn main() {
    assert_eq!(deep::pool::current_num_threads(), 1);
    assert_eq!(quoted::main(), 2);
}
