// What a spawned closure writes belongs to it until the scope is over.

fn main() {
    let mut count = 0;
    scheduler::scope(|s| {
        s.spawn(|| count += 1);
        println!("{count}");
    });
}
