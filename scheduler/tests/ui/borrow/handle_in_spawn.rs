// A detached closure may not hold a handle of a scope, which is no more when the scope is over.

fn main() {
    scheduler::scope(|s| {
        let handle = s.spawn(|| 1);
        scheduler::spawn(move || handle.join().is_ok());
    });
}
