use std::rc::Rc;

fn main() {
    let shared = Rc::new(1);
    // The body stays on the caller and may hold it; what it spawns may not.
    scheduler::in_place_scope(|s| {
        let shared = Rc::clone(&shared);
        s.spawn(move || *shared + 1);
    });
}
