//! The stand-in queues, driven by one thread: `tests/differential.rs` compares their answers with
//! those of crossbeam's.

use crate::queue::deque::{Injector, Steal, Worker};
use std::sync::{Arc, Mutex};

/// How many values an injector takes in its life.
pub const INJECTOR_PUSHES: usize = crate::sync::INJECTOR_BLOCK;

/// What is asked of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Put the next number in.
    Push,
    /// Take the newest (a deque's owner only).
    Pop,
    /// Take the oldest.
    Steal,
    /// How many are there, and are there none.
    Len,
}

/// What a queue answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It took the number.
    Pushed,
    /// A number, or none.
    Taken(Option<usize>),
    /// Somebody was in the way, which on one thread nobody is.
    Retry,
    /// The number of values, and whether it says that it is empty.
    Len(usize, bool),
}

impl From<Steal<usize>> for Answer {
    fn from(steal: Steal<usize>) -> Self {
        match steal {
            Steal::Success(value) => Self::Taken(Some(value)),
            Steal::Empty => Self::Taken(None),
            Steal::Retry => Self::Retry,
        }
    }
}

/// The answers of the stand-in deque.
pub fn deque(operations: &[Operation]) -> Vec<Answer> {
    inside(operations, || {
        let (worker, mut next) = (Worker::new_lifo(), 0);
        let stealer = worker.stealer();
        move |operation| match operation {
            Operation::Push => {
                worker.push(next);
                next += 1;
                Answer::Pushed
            }
            Operation::Pop => Answer::Taken(worker.pop()),
            Operation::Steal => stealer.steal().into(),
            Operation::Len => {
                assert_eq!(worker.is_empty(), stealer.is_empty());
                Answer::Len(stealer.len(), worker.is_empty())
            }
        }
    })
}

/// The answers of the stand-in injector, which has no owner: a pop is a steal.
pub fn injector(operations: &[Operation]) -> Vec<Answer> {
    inside(operations, || {
        let (injector, mut next) = (Injector::new(), 0);
        move |operation| match operation {
            Operation::Push => {
                injector.push(next);
                next += 1;
                Answer::Pushed
            }
            Operation::Pop | Operation::Steal => injector.steal().into(),
            Operation::Len => Answer::Len(injector.len(), injector.is_empty()),
        }
    })
}

/// Loom's atomics work inside a model only; with one thread that is one execution.
fn inside<F>(operations: &[Operation], queue: fn() -> F) -> Vec<Answer>
where
    F: FnMut(Operation) -> Answer + 'static,
{
    let answers = Arc::new(Mutex::new(Vec::new()));
    let (operations, given) = (operations.to_vec(), Arc::clone(&answers));
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    builder.check(move || {
        *given.lock().unwrap() = operations.iter().copied().map(queue()).collect();
    });
    let mut answers = answers.lock().unwrap();
    std::mem::take(&mut *answers)
}
