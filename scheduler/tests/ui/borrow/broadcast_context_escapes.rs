// What a worker is told about itself stays with it.

fn main() {
    let contexts = scheduler::broadcast(|context| context);
    drop(contexts);
}
