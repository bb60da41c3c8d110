// The body of `scope` runs on a worker.

use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    scheduler::scope(move |_| drop(shared));
}
