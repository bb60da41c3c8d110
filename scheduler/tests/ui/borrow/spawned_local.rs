// What is spawned may spawn, but not lend its own locals.

fn main() {
    scheduler::scope(|s| {
        s.spawn(move || {
            let local = String::from("short");
            let len = &local;
            s.spawn(move || len.len());
        });
    });
}
