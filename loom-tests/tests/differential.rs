//! The stand-in for crossbeam-deque answers as crossbeam's own does: the same operations on both,
//! on one thread. What is between threads is in the models (`deque_*`), for the stand-in alone.
//!
//! `PROPTEST_CASES=1000000 cargo test -p loom-tests --test differential` for more.

use crossbeam_deque::{Injector, Steal, Worker};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use scheduler_loom::models::differential::{self as stand_in, Answer, INJECTOR_PUSHES, Operation};

const SEQUENCES: u32 = 100_000;
/// Enough to grow the stand-in's buffer from 2 to 32.
const LONGEST: usize = 48;

fn answer(steal: Steal<usize>) -> Answer {
    match steal {
        Steal::Success(value) => Answer::Taken(Some(value)),
        Steal::Empty => Answer::Taken(None),
        Steal::Retry => Answer::Retry,
    }
}

fn deque(operations: &[Operation]) -> Vec<Answer> {
    let (worker, mut next) = (Worker::new_lifo(), 0);
    let stealer = worker.stealer();
    let one = |&operation: &Operation| match operation {
        Operation::Push => {
            worker.push(next);
            next += 1;
            Answer::Pushed
        }
        Operation::Pop => Answer::Taken(worker.pop()),
        Operation::Steal => answer(stealer.steal()),
        Operation::Len => Answer::Len(stealer.len(), worker.is_empty()),
    };
    operations.iter().map(one).collect()
}

fn injector(operations: &[Operation]) -> Vec<Answer> {
    let (injector, mut next) = (Injector::new(), 0);
    let one = |&operation: &Operation| match operation {
        Operation::Push => {
            injector.push(next);
            next += 1;
            Answer::Pushed
        }
        Operation::Pop | Operation::Steal => answer(injector.steal()),
        Operation::Len => Answer::Len(injector.len(), injector.is_empty()),
    };
    operations.iter().map(one).collect()
}

/// Pushes somewhat more often than it takes, so that there is something to take.
fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => Just(Operation::Push),
        2 => Just(Operation::Pop),
        2 => Just(Operation::Steal),
        1 => Just(Operation::Len),
    ]
}

/// The stand-in's injector takes only so many values.
fn few_pushes(mut operations: Vec<Operation>) -> Vec<Operation> {
    let mut pushes = 0;
    operations.retain(|&operation| {
        pushes += usize::from(operation == Operation::Push);
        operation != Operation::Push || pushes <= INJECTOR_PUSHES
    });
    operations
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    // `PROPTEST_CASES`, if it is set.
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let cases = if asked { default.cases } else { SEQUENCES };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_deque_answers_as_crossbeams(operations in vec(operation(), 0..LONGEST)) {
        prop_assert_eq!(stand_in::deque(&operations), deque(&operations));
    }

    #[test]
    fn the_injector_answers_as_crossbeams(operations in vec(operation(), 0..LONGEST)) {
        let operations = few_pushes(operations);
        prop_assert_eq!(stand_in::injector(&operations), injector(&operations));
    }
}

/// The comparison is not vacuous: the sequences reach every kind of answer, and growth.
#[test]
fn the_sequences_reach_what_matters() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut popped, mut stolen, mut empty, mut most) = (0, 0, 0, 0);
    for _ in 0..1000 {
        let operations = vec(operation(), 0..LONGEST).new_tree(&mut runner).unwrap().current();
        for (operation, answer) in operations.iter().zip(deque(&operations)) {
            match (operation, answer) {
                (Operation::Pop, Answer::Taken(Some(_))) => popped += 1,
                (Operation::Steal, Answer::Taken(Some(_))) => stolen += 1,
                (_, Answer::Taken(None)) => empty += 1,
                (_, Answer::Len(len, _)) => most = most.max(len),
                _ => {}
            }
        }
    }
    assert!(popped > 1000 && stolen > 1000 && empty > 100, "{popped} {stolen} {empty}");
    assert!(most > 16, "the buffer has grown four times: {most}");
}
