// `?` in the body, and a boxed error that is `Send`.

use std::error::Error;

#[scheduler::main(num_threads = 2)]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let threads: usize = "2".parse()?;
    if scheduler::current_num_threads() != threads {
        return Err("not two threads".into());
    }
    Ok(())
}
