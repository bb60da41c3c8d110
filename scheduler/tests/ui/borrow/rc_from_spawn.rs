use std::rc::Rc;

fn main() {
    let handle = scheduler::spawn(|| Rc::new(1));
    handle.join().unwrap();
}
