//! Who is compared, and how each of them computes: a file per contender.
//!
//! To add one: a file here with a type that implements [`Pool`], its `mod` line and its line in
//! `contenders!` below. One that can join has a `Cx`, an `enter` and a `join` besides, and is
//! named in `joiners!`; one with scopes has an `enter`, a `scope` and a `spawn`, and is named in
//! `scopers!`.

use std::{
    fmt,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    process,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use crate::STACK;

mod async_executor;
mod bare_park;
mod channel_bounded;
mod channel_queue;
pub(crate) mod chili;
mod mutex_queue;
mod orx;
pub(crate) mod ours;
pub(crate) mod ours_cx;
mod ours_executor;
mod ours_free;
mod par_sort;
pub(crate) mod rayon;
mod rayon_ended;
mod serial;
mod std_scope;
mod std_sort;
mod threadpool;
mod tokio;
mod tokio_blocking;

/// What a contender may be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Two-way joins, within each other to any depth.
    Join,
    /// Scopes of any number of closures, within each other to any depth.
    Scope,
    /// Taking closures from outside without anybody waiting for them: [`Contender::submit`].
    Submit,
    /// Taking one closure from outside when it has nothing to do: [`Contender::submit`].
    HandOver,
    /// Running a closure for a thread outside that blocks meanwhile: [`Contender::call`].
    Call,
    /// Loops over a range, chunk by chunk: [`Contender::parallel_for`].
    Loop,
    /// Threads of its own, which start and end with it.
    Threads,
    /// Being started and ended with one loop between, which is all that it is there for.
    Life,
    /// Its library's own sort of a slice.
    Sort,
}

/// The body of a loop: computes one chunk.
///
/// It is called through a pointer, once for a chunk: all contenders run the same machine code
/// within.
pub(crate) type Body<'a> = &'a (dyn Fn(Range<usize>) + Sync);

/// How many jobs may wait where a bound is compared.
const BOUND: usize = 1024;

/// What each contender's file implements.
pub(crate) trait Pool: Sized {
    /// What reports call it.
    const NAME: &'static str;
    const ABILITIES: &'static [Ability];

    /// Starts it with `workers` threads that compute, at least one; the caller is one of them where
    /// it takes part. `None` if it cannot have just so many.
    fn start(workers: usize) -> Option<Self>;

    /// Has `job` run some time; with [`Ability::Submit`] or [`Ability::HandOver`].
    fn submit<F: FnOnce() + Send + 'static>(&self, _: F) {
        lacks::<Self>(Ability::Submit)
    }

    /// Has a thread of its own run `job`, and blocks until its value is there, by what its users would
    /// call for that; with [`Ability::Call`].
    fn call<F, R>(&self, _: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        lacks::<Self>(Ability::Call)
    }

    /// Runs `body` on each of `chunks`, and returns when all is done; with [`Ability::Loop`] or
    /// [`Ability::Life`].
    fn parallel_for(&self, _: &Chunks, _: Body<'_>) {
        lacks::<Self>(Ability::Loop)
    }

    /// Sorts; with [`Ability::Sort`].
    fn sort(&self, _: &mut [u64]) {
        lacks::<Self>(Ability::Sort)
    }
}

fn lacks<P: Pool>(ability: Ability) -> ! {
    panic!("{} lacks the ability {ability:?}", P::NAME)
}

/// Somebody who can compute.
#[derive(Debug)]
pub struct Contender {
    /// What reports call it.
    pub name: &'static str,
    /// How many threads compute, the caller included where it takes part.
    pub workers: usize,
    pub(crate) pool: AnyPool,
}

macro_rules! contenders {
    ($($file:ident::$Type:ident)*) => {
        pub(crate) enum AnyPool {
            $($Type($file::$Type),)*
        }

        impl Contender {
            /// All there are, in the order in which reports list them; the first is the plain
            /// program.
            pub const NAMES: &[&str] = &[$($file::$Type::NAME),*];

            /// Starts the contender called `name` with `workers` threads that compute; `None` if
            /// it cannot have just so many, or there is none of that name.
            ///
            /// Serial code and chili compute on the thread that calls them: for the deepest trees
            /// that has to be one with a big stack.
            ///
            /// # Panics
            /// If its threads cannot be started.
            pub fn start(name: &str, workers: usize) -> Option<Contender> {
                let (name, pool) = match name {
                    _ if workers == 0 => return None,
                    $(<$file::$Type>::NAME => {
                        (<$file::$Type>::NAME, AnyPool::$Type(Pool::start(workers)?))
                    })*
                    _ => return None,
                };
                Some(Contender { name, workers, pool })
            }

            /// Whether it can do that.
            pub fn can(&self, ability: Ability) -> bool {
                match &self.pool {
                    $(AnyPool::$Type(_) => <$file::$Type>::ABILITIES.contains(&ability),)*
                }
            }

            /// Has `job` run some time; serial code runs it at once.
            ///
            /// # Panics
            /// If it lacks [`Ability::Submit`] and [`Ability::HandOver`].
            #[inline]
            pub fn submit(&self, job: impl FnOnce() + Send + 'static) {
                match &self.pool {
                    $(AnyPool::$Type(pool) => pool.submit(job),)*
                }
            }

            /// Has one of its threads run `job`, and blocks until its value is there.
            ///
            /// # Panics
            /// If it lacks [`Ability::Call`].
            #[inline]
            pub fn call<F, R>(&self, job: F) -> R
            where
                F: FnOnce() -> R + Send + 'static,
                R: Send + 'static,
            {
                match &self.pool {
                    $(AnyPool::$Type(pool) => pool.call(job),)*
                }
            }

            /// Runs `body` on each chunk of `range`, and returns when all is done. Chunks begin at
            /// multiples of `grain` from the range's start, and only the last may be shorter.
            ///
            /// # Panics
            /// If it lacks [`Ability::Loop`] and [`Ability::Life`]; if `grain` is 0.
            pub fn parallel_for(
                &self,
                range: Range<usize>,
                grain: usize,
                body: &(dyn Fn(Range<usize>) + Sync),
            ) {
                let chunks = Chunks::new(range, grain);
                match &self.pool {
                    $(AnyPool::$Type(pool) => pool.parallel_for(&chunks, body),)*
                }
            }

            /// Sorts `data` as its library does by itself.
            ///
            /// # Panics
            /// If it lacks [`Ability::Sort`].
            pub(crate) fn sort(&self, data: &mut [u64]) {
                match &self.pool {
                    $(AnyPool::$Type(pool) => pool.sort(data),)*
                }
            }
        }
    };
}

contenders! {
    serial::Serial
    ours::Ours
    ours_cx::OursCx
    ours_free::OursFree
    ours_executor::OursExecutor
    ours_executor::OursBounded
    rayon::Rayon
    rayon_ended::RayonEnded
    chili::Chili
    bare_park::BarePark
    bare_park::BoundPark
    mutex_queue::MutexQueue
    channel_queue::ChannelQueue
    channel_bounded::ChannelBounded
    threadpool::Threadpool
    tokio::Tokio
    tokio_blocking::TokioBlocking
    async_executor::AsyncExecutor
    orx::Orx
    std_scope::StdScope
    std_sort::StdSort
    par_sort::ParSort
}

/// Hands those with two-way joins to the macro `then`, and the rest along with them.
macro_rules! joiners {
    ($then:ident $($rest:tt)*) => {
        $then! { [ours::Ours ours_cx::OursCx rayon::Rayon chili::Chili] $($rest)* }
    };
}

/// As `joiners!`, for n-ary scopes.
macro_rules! scopers {
    ($then:ident $($rest:tt)*) => {
        $then! { [ours::Ours rayon::Rayon] $($rest)* }
    };
}

/// Instantiates the given functions for every contender with a two-way `join`, each in a module of
/// the name of the contender's file.
///
/// The functions hand a `cx: Cx<'_, '_>` down and fork by `join(cx, |cx| …, |cx| …)`. It goes by
/// value: what a contender keeps in it travels in registers.
macro_rules! per_join {
    ($($item:tt)*) => { joiners! { instantiate { $($item)* } } };
}

/// Instantiates the given functions for every contender with an n-ary `scope`, as `per_join!`.
///
/// The functions open a scope by `scope(|s| …)` and fork by `spawn(s, || …)`.
macro_rules! per_scope {
    ($($item:tt)*) => { scopers! { instantiate { $($item)* } } };
}

macro_rules! instantiate {
    ([$($file:ident::$Type:ident)*] $items:tt) => {
        $(mod $file {
            use crate::contender::$file::*;
            instantiate! { $items }
        })*
    };
    ({ $($item:item)* }) => { $($item)* };
}

/// `on_join!(contender, run(args))` runs `serial(args)`, or what `per_join!` made of `run` with a
/// context of the contender's.
macro_rules! on_join {
    ($contender:expr, $run:ident $args:tt) => {
        joiners! { dispatch $contender, (join $run $args) }
    };
}

/// As `on_join!`, for `per_scope!`.
macro_rules! on_scope {
    ($contender:expr, $run:ident $args:tt) => {
        scopers! { dispatch $contender, (scope $run $args) }
    };
}

macro_rules! dispatch {
    ([$($file:ident::$Type:ident)*] $contender:expr, ($fork:ident $run:ident $args:tt)) => {
        match &$contender.pool {
            crate::contender::AnyPool::Serial(_) => serial $args,
            $(crate::contender::AnyPool::$Type(pool) => {
                crate::contender::$file::enter(pool, |cx| call!($fork $file::$run cx $args))
            })*
            _ => panic!("{} has no {}", $contender.name, stringify!($fork)),
        }
    };
}

macro_rules! call {
    (join $file:ident::$run:ident $cx:ident ($($arg:expr),*)) => { $file::$run($cx, $($arg),*) };
    (scope $file:ident::$run:ident $cx:ident $args:tt) => {{
        let _ = $cx;
        $file::$run $args
    }};
}

impl Contender {
    /// Starts everybody, with each of these numbers of workers that they can have.
    pub fn line_up(workers: &[usize]) -> Vec<Contender> {
        let start = |name| workers.iter().filter_map(move |&workers| Self::start(name, workers));
        Self::NAMES.iter().copied().flat_map(start).collect()
    }
}

impl fmt::Debug for AnyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyPool").finish_non_exhaustive()
    }
}

/// A range in chunks of `grain`, the last of which may be shorter.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    range: Range<usize>,
    grain: usize,
}

impl Chunks {
    fn new(range: Range<usize>, grain: usize) -> Chunks {
        assert!(grain > 0, "chunks of nothing");
        Chunks { range, grain }
    }

    pub(crate) fn count(&self) -> usize {
        self.range.len().div_ceil(self.grain)
    }

    pub(crate) fn get(&self, index: usize) -> Range<usize> {
        let start = self.range.start + index * self.grain;
        start..self.range.end.min(start + self.grain)
    }
}

/// The context of those who find their worker by themselves; it costs nothing to pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

/// Starts `workers` threads that each run `work`. If that panics the process ends: others would
/// wait for ever for what the thread has left undone.
fn start_threads(workers: usize, work: impl Fn() + Clone + Send + 'static) -> Vec<JoinHandle<()>> {
    let start = |_| {
        let work = AssertUnwindSafe(work.clone());
        let work = || panic::catch_unwind(work).unwrap_or_else(|_| process::abort());
        let thread = thread::Builder::new().stack_size(STACK).spawn(work);
        thread.unwrap_or_else(|e| panic!("cannot start {workers} threads: {e}"))
    };
    (0..workers).map(start).collect()
}

fn join_threads(threads: &mut Vec<JoinHandle<()>>) {
    threads.drain(..).for_each(|thread| thread.join().expect("a panic ends the process"));
}

/// A loop for pools that know nothing but jobs that own what they use: a job for each chunk.
fn submit_chunks<P: Pool>(pool: &P, chunks: &Chunks, body: Body<'_>) {
    /// Waits on drop, so that a panic cannot leave too early.
    struct AllDone(mpsc::Receiver<()>);

    impl Drop for AllDone {
        fn drop(&mut self) {
            // Nobody sends: this fails as soon as the last sender is dropped.
            let _ = self.0.recv();
        }
    }

    let (open, receiver) = mpsc::channel();
    let _all_done = AllDone(receiver);
    // Dropped before the other one, and so before the wait.
    let open = open;
    // SAFETY: the body is alive for as long as anybody uses it: each job drops its sender after
    // its last use of the body, and this frame does not end before all senders are dropped.
    let body = unsafe { std::mem::transmute::<Body<'_>, Body<'static>>(body) };
    for index in 0..chunks.count() {
        let (open, chunk) = (open.clone(), chunks.get(index));
        pool.submit(move || {
            let _open = open;
            body(chunk);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    #[test]
    fn loops_visit_each_element_once_in_chunks_of_the_grain() {
        for contender in Contender::line_up(&[1, 2, 3]) {
            if !contender.can(Ability::Loop) {
                continue;
            }
            for (range, grain) in [(0..0, 1), (3..4, 1), (5..1_000, 7), (0..64, 64), (0..9, 10)] {
                let visits: Vec<_> = range.clone().map(|_| AtomicU32::new(0)).collect();
                contender.parallel_for(range.clone(), grain, &|chunk| {
                    let index = chunk.start - range.start;
                    assert_eq!((index % grain, chunk.len()), (0, grain.min(visits.len() - index)));
                    visits[index..][..chunk.len()].iter().for_each(|visit| {
                        visit.fetch_add(1, Relaxed);
                    });
                });
                let name = contender.name;
                assert!(visits.iter().all(|visit| visit.load(Relaxed) == 1), "{name}: {range:?}");
            }
        }
    }

    #[test]
    fn calls_run_on_another_thread() {
        let caller = thread::current().id();
        for contender in Contender::line_up(&[1, 2]) {
            if contender.can(Ability::Call) {
                let callee = contender.call(|| thread::current().id());
                assert_ne!(callee, caller, "{}", contender.name);
            }
        }
    }

    #[test]
    fn nobody_starts_without_workers_or_under_another_name() {
        assert!(Contender::NAMES.iter().all(|name| Contender::start(name, 0).is_none()));
        assert!(Contender::start("nobody", 1).is_none());
        assert!(Contender::start("serial", 2).is_none());
    }
}
