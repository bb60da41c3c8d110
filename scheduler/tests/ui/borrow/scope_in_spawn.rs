// A detached closure may not hold a scope: it could outlive it.

fn main() {
    scheduler::scope(|s| {
        scheduler::spawn(move || {
            s.spawn(|| ());
        });
    });
}
