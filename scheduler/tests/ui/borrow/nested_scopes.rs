// The inner scope's body is over before the outer one waits for what it was given.

fn main() {
    scheduler::scope(|outer| {
        scheduler::scope(|_inner| {
            let local = String::from("short");
            outer.spawn(|| local.len());
        });
    });
}
