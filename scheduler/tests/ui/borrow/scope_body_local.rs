// The body of a scope ends before what it has spawned.

fn main() {
    scheduler::scope(|s| {
        let local = String::from("short");
        s.spawn(|| local.len());
    });
}
