//! The pools, with the few things that are asked of all of them.

use std::{num::NonZero, sync::Arc, time::Instant};

/// Whose pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Ours,
    Rayon,
    Chili,
    Tokio,
}

impl Peer {
    pub(super) const ALL: [Peer; 4] = [Peer::Ours, Peer::Rayon, Peer::Chili, Peer::Tokio];

    pub(super) fn name(self) -> &'static str {
        match self {
            Peer::Ours => "ours",
            Peer::Rayon => "rayon",
            Peer::Chili => "chili",
            Peer::Tokio => "tokio",
        }
    }
}

#[derive(Debug)]
pub(super) enum Pool {
    Ours(scheduler::ThreadPool),
    Rayon(rayon::ThreadPool),
    /// Its caller is one of the workers.
    Chili(chili::ThreadPool),
    Tokio(tokio::runtime::Runtime),
}

impl Pool {
    /// # Panics
    /// If it cannot be started.
    pub(super) fn start(peer: Peer, workers: usize) -> Pool {
        match peer {
            Peer::Ours => Pool::Ours(
                scheduler::ThreadPool::new(workers)
                    .unwrap_or_else(|e| panic!("cannot start our pool of {workers}: {e}")),
            ),
            Peer::Rayon => Pool::Rayon(
                rayon::ThreadPoolBuilder::new()
                    .num_threads(workers)
                    .build()
                    .unwrap_or_else(|e| panic!("cannot start rayon's pool of {workers}: {e}")),
            ),
            Peer::Chili => Pool::Chili(chili::ThreadPool::with_config(chili::Config {
                thread_count: NonZero::new(workers),
                ..chili::Config::default()
            })),
            Peer::Tokio => Pool::Tokio(
                tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(workers)
                    .build()
                    .unwrap_or_else(|e| panic!("cannot start a tokio runtime of {workers}: {e}")),
            ),
        }
    }

    /// Runs `f` on a worker; on chili, on the calling thread with a scope open.
    pub(super) fn install<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> R {
        match self {
            Pool::Ours(pool) => pool.install(f),
            Pool::Rayon(pool) => pool.install(f),
            Pool::Chili(pool) => {
                let _scope = pool.scope();
                f()
            }
            Pool::Tokio(runtime) => {
                runtime.block_on(runtime.spawn(async { f() })).expect("no task panics")
            }
        }
    }

    /// Submits `f` from outside.
    pub(super) fn spawn(&self, f: impl FnOnce() + Send + 'static) {
        match self {
            Pool::Ours(pool) => drop(pool.spawn(f)),
            Pool::Rayon(pool) => pool.spawn(f),
            Pool::Chili(_) => panic!("chili has no spawn"),
            Pool::Tokio(runtime) => drop(runtime.spawn(async { f() })),
        }
    }

    /// One job forks `body` so many times, and waits: by a scope, on tokio by tasks, on chili by
    /// [`tree`](Self::tree). Gives the time of its first fork.
    pub(super) fn burst(
        &self,
        times: usize,
        body: Arc<impl Fn() + Send + Sync + 'static>,
    ) -> Instant {
        match self {
            Pool::Ours(pool) => pool.install(|| {
                let begun = Instant::now();
                scheduler::scope(|s| (0..times).for_each(|_| s.fork(|| body())));
                begun
            }),
            Pool::Rayon(pool) => pool.install(|| {
                let begun = Instant::now();
                rayon::scope(|s| (0..times).for_each(|_| s.spawn(|_| body())));
                begun
            }),
            Pool::Chili(_) => self.tree(times, &*body),
            Pool::Tokio(runtime) => {
                let root = async move {
                    let begun = Instant::now();
                    let fork = |_| {
                        let body = Arc::clone(&body);
                        tokio::spawn(async move { body() })
                    };
                    for task in (0..times).map(fork).collect::<Vec<_>>() {
                        task.await.expect("no task panics");
                    }
                    begun
                };
                runtime.block_on(runtime.spawn(root)).expect("no task panics")
            }
        }
    }

    /// One job forks `body` so many times by two-way joins, halving. Gives the time of its first
    /// fork.
    pub(super) fn tree(&self, times: usize, body: &(impl Fn() + Sync)) -> Instant {
        fn ours(times: usize, body: &(impl Fn() + Sync)) {
            match times {
                1 => body(),
                _ => {
                    let half = times / 2;
                    scheduler::join(|| ours(half, body), || ours(times - half, body));
                }
            }
        }
        fn rayon(times: usize, body: &(impl Fn() + Sync)) {
            match times {
                1 => body(),
                _ => {
                    let half = times / 2;
                    ::rayon::join(|| rayon(half, body), || rayon(times - half, body));
                }
            }
        }
        fn chili(scope: &mut ::chili::Scope<'_>, times: usize, body: &(impl Fn() + Sync)) {
            match times {
                1 => body(),
                _ => {
                    let half = times / 2;
                    scope.join(|s| chili(s, half, body), |s| chili(s, times - half, body));
                }
            }
        }
        match self {
            Pool::Ours(pool) => pool.install(|| {
                let begun = Instant::now();
                ours(times, body);
                begun
            }),
            Pool::Rayon(pool) => pool.install(|| {
                let begun = Instant::now();
                rayon(times, body);
                begun
            }),
            Pool::Chili(pool) => {
                let mut scope = pool.scope();
                let begun = Instant::now();
                chili(&mut scope, times, body);
                begun
            }
            Pool::Tokio(_) => panic!("tokio has no join"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_pool_runs_what_it_is_given() {
        for peer in Peer::ALL {
            let pool = Pool::start(peer, 2);
            let ran = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&ran);
            let body = Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
            pool.burst(100, Arc::clone(&body));
            if peer != Peer::Tokio {
                pool.tree(100, &*body);
            }
            let expected = if peer == Peer::Tokio { 100 } else { 200 };
            assert_eq!(ran.load(Ordering::Relaxed), expected, "{peer:?}");
            assert_eq!(pool.install(|| 5), 5, "{peer:?}");
        }
    }
}
