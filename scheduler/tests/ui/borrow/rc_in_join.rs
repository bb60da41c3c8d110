use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    scheduler::join(move || *shared + 1, || 2);
}
