// A pool's own `spawn` detaches too, though dropping the pool waits for it: the pool may be
// leaked.

fn main() {
    let local = String::from("short");
    let pool = scheduler::ThreadPool::new(1).unwrap();
    pool.spawn(|| local.len());
    drop(pool);
}
