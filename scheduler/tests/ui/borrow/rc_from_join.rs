use std::rc::Rc;

fn main() {
    let (_, shared) = scheduler::join(|| 2, || Rc::new(1));
    drop(shared);
}
