// What the outer scope runs may outlive the inner scope, so it cannot spawn there.

fn main() {
    scheduler::scope(|outer| {
        scheduler::scope(|inner| {
            outer.spawn(|| {
                inner.spawn(|| ());
            });
        });
    });
}
