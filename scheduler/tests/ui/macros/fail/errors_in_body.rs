// What is wrong in the body is reported there, once.

#[scheduler::main]
fn main() -> Result<(), String> {
    let count: usize = "two";
    __pool.install(|| ());
}
