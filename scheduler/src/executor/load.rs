//! What is submitted at a time: a closure, or many that go in together.

use super::closure::{self, Origin, Source};
use super::core::Core;
use crate::job::cell::Reason;
use crate::job::party::{Entry, Handle};
use crate::pool::carried;
use crate::sync::Arc;
use crate::task::JoinHandle;
use crate::unwind;
use std::panic::Location;

/// Closures that are submitted together.
pub(super) trait Load {
    /// The closures, as they came.
    type Closures;
    /// What the submitter gets for them.
    type Handles;

    fn rooms(&self) -> usize;

    /// For who will make an entry under the queue's lock.
    fn prepare(&self, core: &Core);

    /// Makes the next one's entry.
    fn pack(&mut self, origin: Origin<'_>) -> Entry;

    /// Of those that are packed, which are all.
    fn into_handles(self) -> Self::Handles;

    /// If none is packed.
    fn into_closures(self) -> Self::Closures;

    /// Drops them all unrun.
    fn discard(self) -> Self::Handles;
}

/// Runs them all, here and now. They are no part of the task that submits them.
pub(super) fn run_here<L: Load>(
    mut load: L,
    core: &Arc<Core>,
    site: &'static Location<'static>,
) -> L::Handles {
    let source = Source::of_caller(core, site);
    for _ in 0..load.rooms() {
        let entry = load.pack(Origin::new(&source, None));
        carried::run_apart(|| entry.into_job().run());
    }
    load.into_handles()
}

/// One closure.
pub(super) enum One<F, T> {
    Loose(F),
    Packed(Handle<T>),
    /// While it is being packed.
    Empty,
}

impl<F, T> Load for One<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Closures = F;
    type Handles = JoinHandle<T>;

    fn rooms(&self) -> usize {
        1
    }

    #[inline]
    fn prepare(&self, _: &Core) {
        closure::prepare_cell::<F, T>();
    }

    fn pack(&mut self, origin: Origin<'_>) -> Entry {
        let Self::Loose(f) = std::mem::replace(self, Self::Empty) else { unreachable!("once") };
        let (entry, handle) = origin.cell(f);
        *self = Self::Packed(handle);
        entry
    }

    fn into_handles(self) -> JoinHandle<T> {
        match self {
            Self::Packed(handle) => JoinHandle::submitted(handle),
            Self::Loose(_) | Self::Empty => unreachable!("it is packed"),
        }
    }

    fn into_closures(self) -> F {
        match self {
            Self::Loose(f) => f,
            Self::Packed(_) | Self::Empty => unreachable!("it is not packed"),
        }
    }

    fn discard(self) -> JoinHandle<T> {
        unwind::drop_quietly(self.into_closures());
        JoinHandle::refused(Reason::Discarded)
    }
}

/// One closure whose value nobody wants: without a handle from the start, so that its runner is alone
/// with the cell.
pub(super) struct Unwatched<F>(Option<F>);

impl<F> Unwatched<F> {
    pub(super) fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F> Load for Unwatched<F>
where
    F: FnOnce() + Send + 'static,
{
    type Closures = F;
    type Handles = ();

    fn rooms(&self) -> usize {
        1
    }

    #[inline]
    fn prepare(&self, core: &Core) {
        closure::prepare_detached::<F>(core);
    }

    #[inline]
    fn pack(&mut self, origin: Origin<'_>) -> Entry {
        origin.detached(self.0.take().expect("asked once"))
    }

    fn into_handles(self) {}

    fn into_closures(self) -> F {
        self.0.expect("it is not packed")
    }

    fn discard(self) {
        unwind::drop_quietly(self);
    }
}

/// Closures that go in all together, or not at all.
pub(super) struct Many<F, T> {
    loose: std::vec::IntoIter<F>,
    packed: Vec<JoinHandle<T>>,
}

impl<F, T> Many<F, T> {
    pub(super) fn new(closures: Vec<F>) -> Self {
        let packed = Vec::with_capacity(closures.len());
        Self { loose: closures.into_iter(), packed }
    }
}

impl<F, T> Load for Many<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Closures = Vec<F>;
    type Handles = Vec<JoinHandle<T>>;

    fn rooms(&self) -> usize {
        self.loose.len()
    }

    fn prepare(&self, core: &Core) {
        let n = self.loose.len();
        // Else they are refused.
        if n <= core.queue.capacity() {
            closure::prepare_cells::<F, T>(n);
        }
    }

    fn pack(&mut self, origin: Origin<'_>) -> Entry {
        let (entry, handle) = origin.cell(self.loose.next().expect("asked once for each"));
        self.packed.push(JoinHandle::submitted(handle));
        entry
    }

    fn into_handles(self) -> Vec<JoinHandle<T>> {
        self.packed
    }

    fn into_closures(self) -> Vec<F> {
        self.loose.collect()
    }

    fn discard(self) -> Vec<JoinHandle<T>> {
        let discard = |f| {
            unwind::drop_quietly(f);
            JoinHandle::refused(Reason::Discarded)
        };
        self.loose.map(discard).collect()
    }
}
