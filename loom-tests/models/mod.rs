//! Models of the scheduler's own sources. Compiled into the crate under `cfg(scheduler_loom)`,
//! so that they reach what is private to it; run by `tests/`.
//!
//! A model is a small program, named after the race that it excludes. Loom runs it once for each
//! order in which its threads can interleave, and each value that a load may return, up to a
//! number of preemptions, the model's *bound*. See `runner.rs` for what counts as a pass.

mod deque;
mod head;
mod ledger;
mod rig;
mod runner;

pub use runner::{Report, Verdict, explore};

/// One model.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The race.
    pub name: &'static str,
    /// How many preemptions are searched; `None`: all.
    pub bound: Option<usize>,
    body: fn(),
}

macro_rules! models {
    ($($module:ident { $($name:ident: $bound:expr,)* })*) => {
        /// All of them.
        pub const MODELS: &[Model] = &[$($(
            Model { name: stringify!($name), bound: $bound, body: $module::$name },
        )*)*];
    };
}

models! {
    deque {
        deque_one_thief: None,
        deque_two_thieves: Some(3),
        deque_grows_under_a_thief: Some(3),
        injector_two_pushers_two_takers: Some(3),
    }
    head {
        head_pop_against_one_force: Some(3),
        head_pop_against_two_forces: Some(3),
        head_publish_against_force: Some(3),
        head_goes_on_after_a_stolen_last_job: Some(3),
        head_wraps_under_a_force: Some(3),
        head_spills_against_force: Some(3),
    }
}

/// The model of that name.
pub fn model(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}
