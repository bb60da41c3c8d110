// All workers run the same closure at once.

use std::cell::Cell;

fn main() {
    let count = Cell::new(0);
    scheduler::broadcast(|_| count.set(count.get() + 1));
}
