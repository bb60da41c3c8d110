// A handle stays in its scope.

fn main() {
    let mut escaped = None;
    scheduler::scope(|s| {
        escaped = Some(s.spawn(|| 1));
    });
    drop(escaped);
}
