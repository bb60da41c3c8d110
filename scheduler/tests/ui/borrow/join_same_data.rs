// Two branches cannot both write.

fn main() {
    let mut data = vec![1, 2, 3];
    scheduler::join(|| data.push(4), || data.push(5));
}
