use std::rc::Rc;

fn main() {
    let pool = scheduler::ThreadPool::new(1).unwrap();
    let shared = pool.install(|| Rc::new(1));
    drop(shared);
}
