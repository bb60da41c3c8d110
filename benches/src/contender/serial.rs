//! The plain program: the thread that calls it, and no other.

use super::{Ability, Body, Chunks, Pool};

pub(crate) struct Serial;

impl Pool for Serial {
    const NAME: &'static str = "serial";
    const ABILITIES: &'static [Ability] =
        &[Ability::Join, Ability::Scope, Ability::Submit, Ability::Loop];

    fn start(workers: usize) -> Option<Serial> {
        (workers == 1).then_some(Serial)
    }

    fn submit<F: FnOnce() + Send + 'static>(&self, job: F) {
        job();
    }

    fn parallel_for(&self, chunks: &Chunks, body: Body<'_>) {
        (0..chunks.count()).for_each(|index| body(chunks.get(index)));
    }
}
