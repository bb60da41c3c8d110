// As for `scope`, although the body is on the caller.

fn main() {
    scheduler::in_place_scope(|s| {
        let mut local = [1, 2, 3];
        for n in &mut local {
            s.spawn(move || *n += 1);
        }
    });
}
