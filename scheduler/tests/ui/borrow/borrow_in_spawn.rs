// A detached closure may run after its caller has returned.

fn main() {
    let local = String::from("short");
    scheduler::spawn(|| local.len());
}
