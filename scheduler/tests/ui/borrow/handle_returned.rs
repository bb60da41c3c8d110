// Nor is it the value of the scope.

fn main() {
    let handle = scheduler::scope(|s| s.spawn(|| 1));
    handle.join().unwrap();
}
