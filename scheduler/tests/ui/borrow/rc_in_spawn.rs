use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    scheduler::spawn(move || *shared + 1);
}
