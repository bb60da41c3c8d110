use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    scheduler::join(|| 2, move || *shared + 1);
}
