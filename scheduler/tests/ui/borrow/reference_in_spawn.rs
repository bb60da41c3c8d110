// `move` does not help where a reference moves.

fn measure(text: &str) {
    scheduler::spawn(move || text.len());
}

fn main() {
    measure(&String::from("short"));
}
