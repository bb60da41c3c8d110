// A reference to the scope stays in it: afterwards nobody waits for what it spawns.

fn main() {
    let mut escaped = None;
    scheduler::in_place_scope(|s| escaped = Some(s));
    escaped.unwrap().spawn(|| ());
}
