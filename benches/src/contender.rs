//! Who is compared, and how each of them forks.

use std::num::NonZero;

use crate::STACK;

/// Somebody who can compute.
///
/// A run is timed as a caller sees it: a visit to the pool and back by `install`, for chili the
/// making of a scope. Every work is long enough for that not to count.
#[derive(Debug)]
pub struct Contender {
    /// What reports call it.
    pub name: &'static str,
    /// How many threads compute, the caller included where the caller takes part.
    pub workers: usize,
    pub(crate) pool: Pool,
}

#[derive(Debug)]
pub(crate) enum Pool {
    /// The calling thread.
    Serial,
    Ours(scheduler::ThreadPool),
    Rayon(::rayon::ThreadPool),
    /// Its callers compute as well.
    Chili(::chili::ThreadPool),
}

impl Contender {
    /// All there are, in the order in which reports list them; the first is the plain program.
    pub const NAMES: &[&str] = &["serial", "ours", "rayon", "chili"];

    /// Starts everybody: serial code, then each contender with 1 and with 2 workers.
    ///
    /// Serial code and chili compute on the thread that calls them: that has to be one with a big
    /// stack.
    ///
    /// # Panics
    /// If a pool cannot be started.
    pub fn line_up() -> Vec<Contender> {
        let both = |name| [1, 2].into_iter().filter_map(move |workers| Self::start(name, workers));
        Self::NAMES.iter().copied().flat_map(both).collect()
    }

    /// Starts the contender called `name` with `workers` threads that compute; `None` if it cannot
    /// have just so many, or there is none of that name.
    ///
    /// # Panics
    /// If its threads cannot be started.
    pub fn start(name: &str, workers: usize) -> Option<Contender> {
        let name = Self::NAMES.iter().copied().find(|known| *known == name)?;
        let possible = workers == 1 || workers > 1 && name != Self::NAMES[0];
        possible.then(|| Contender { name, workers, pool: Pool::start(name, workers) })
    }

    /// Whether it has n-ary scopes.
    pub(crate) fn has_scopes(&self) -> bool {
        !matches!(self.pool, Pool::Chili(_))
    }
}

impl Pool {
    fn start(name: &str, workers: usize) -> Pool {
        match name {
            "serial" => Pool::Serial,
            "ours" => {
                let pool =
                    scheduler::ThreadPool::builder().num_threads(workers).stack_size(STACK).build();
                Pool::Ours(
                    pool.unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}")),
                )
            }
            "rayon" => {
                let pool = ::rayon::ThreadPoolBuilder::new()
                    .num_threads(workers)
                    .stack_size(STACK)
                    .build();
                Pool::Rayon(
                    pool.unwrap_or_else(|e| panic!("cannot start rayon's pool of {workers}: {e}")),
                )
            }
            // chili starts one thread less than it is asked for, and its caller makes up for that.
            "chili" => Pool::Chili(::chili::ThreadPool::with_config(::chili::Config {
                thread_count: NonZero::new(workers),
                ..::chili::Config::default()
            })),
            _ => panic!("no contender is called {name}"),
        }
    }
}

/// Instantiates the given functions for every contender with a two-way `join`, each in a module of
/// the contender's name.
///
/// The functions hand a `cx: Cx<'_, '_>` down and fork by `join(cx, |cx| …, |cx| …)`.
macro_rules! per_join {
    ($($item:item)*) => {
        mod ours {
            use crate::contender::ours::*;
            $($item)*
        }
        mod rayon {
            use crate::contender::rayon::*;
            $($item)*
        }
        mod chili {
            use crate::contender::chili::*;
            $($item)*
        }
    };
}

/// `on_join!(pool, run(args))` runs `serial(args)`, or what `per_join!` made of `run` for the pool.
macro_rules! on_join {
    ($pool:expr, $run:ident($($arg:expr),*)) => {
        match $pool {
            Pool::Serial => serial($($arg),*),
            Pool::Ours(pool) => pool.install(|| ours::$run(crate::contender::Plain, $($arg),*)),
            Pool::Rayon(pool) => pool.install(|| rayon::$run(crate::contender::Plain, $($arg),*)),
            Pool::Chili(pool) => chili::$run(&mut pool.scope(), $($arg),*),
        }
    };
}

/// Instantiates the given functions for every contender with an n-ary `scope`, each in a module of
/// the contender's name.
///
/// The functions open a scope by `scope(|s| …)` and fork by `spawn(s, || …)`.
macro_rules! per_scope {
    ($($item:item)*) => {
        mod ours {
            use crate::contender::ours::*;
            $($item)*
        }
        mod rayon {
            use crate::contender::rayon::*;
            $($item)*
        }
    };
}

/// As `on_join!`, for `per_scope!`.
macro_rules! on_scope {
    ($pool:expr, $run:ident($($arg:expr),*)) => {
        match $pool {
            Pool::Serial => serial($($arg),*),
            Pool::Ours(pool) => pool.install(|| ours::$run($($arg),*)),
            Pool::Rayon(pool) => pool.install(|| rayon::$run($($arg),*)),
            Pool::Chili(_) => panic!("chili has no scopes"),
        }
    };
}

/// The context of those who find their worker by themselves; it costs nothing to pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

/// This project.
pub(crate) mod ours {
    use super::Plain;

    pub(crate) use scheduler::scope;

    pub(crate) type Cx<'a, 's> = Plain;

    /// Which closure of a `join` the caller begins with.
    pub(crate) const LEFT_FIRST: bool = true;

    // The wrappers must vanish: what is left of them would be charged to the contender.
    #[inline(always)]
    pub(crate) fn join<A, B, RA, RB>(_: Plain, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(Plain) -> RA + Send,
        B: FnOnce(Plain) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        scheduler::join(|| a(Plain), || b(Plain))
    }

    #[inline(always)]
    pub(crate) fn spawn<'scope, 'env, F>(s: &'scope scheduler::Scope<'scope, 'env>, f: F)
    where
        F: FnOnce() + Send + 'scope,
    {
        s.spawn(f);
    }
}

/// rayon.
pub(crate) mod rayon {
    use super::Plain;

    pub(crate) use ::rayon::scope;

    pub(crate) type Cx<'a, 's> = Plain;

    pub(crate) const LEFT_FIRST: bool = true;

    #[inline(always)]
    pub(crate) fn join<A, B, RA, RB>(_: Plain, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(Plain) -> RA + Send,
        B: FnOnce(Plain) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        ::rayon::join(|| a(Plain), || b(Plain))
    }

    #[inline(always)]
    pub(crate) fn spawn<'scope, F>(s: &::rayon::Scope<'scope>, f: F)
    where
        F: FnOnce() + Send + 'scope,
    {
        s.spawn(|_| f());
    }
}

/// chili.
pub(crate) mod chili {
    use ::chili::Scope;

    pub(crate) type Cx<'a, 's> = &'a mut Scope<'s>;

    pub(crate) const LEFT_FIRST: bool = false;

    #[inline(always)]
    pub(crate) fn join<A, B, RA, RB>(cx: &mut Scope<'_>, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut Scope<'_>) -> RA + Send,
        B: FnOnce(&mut Scope<'_>) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        cx.join(a, b)
    }
}
