//! Forks over a frame that waits for them: who runs them, and when the frame may go.

use super::ledger::{self, Drops};
use super::rig::{Job, Rig, spawn};
use crate::fork::parts::Parts;
use crate::job::{ForkJob, Plain, StackJob};
use crate::latch::Latch;
use crate::pool::worker::{Role, Watch, Worker};
use crate::sync::asymmetric::set_absent;
use crate::sync::{HEAD_CAPACITY, Instant, STILL_ROUNDS, UnsafeCell};
use crate::unwind;
use crate::{Context, broadcast, current_thread_index, join, scope, with_context, yield_now};
use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::rc::Rc;

/// `f` on worker 0, with another worker that steals.
fn with_a_thief(f: impl FnOnce(&Worker)) {
    let mut rig = Rig::new(2);
    rig.start(1);
    rig.work_here(0, f);
    rig.stop();
}

/// A job in this frame, run elsewhere: its result is visible, and then the frame goes.
pub(super) fn stack_job_against_its_frame_leaving() {
    let job = Box::new(StackJob::new(|| ledger::run(0)));
    // SAFETY: this function waits for the latch.
    let entry = unsafe { job.as_job_ref() };
    let runner = spawn(move || entry.run());
    job.latch().wait();
    // SAFETY: the latch is set.
    assert!(unsafe { job.take_result() }.is_ok());
    drop(job);
    super::rig::join(runner);
    ledger::all_ran(1);
}

/// A fork that is run elsewhere while its owner waits in the way of `wait`.
fn fork_job_while(wait: impl FnOnce(&Latch)) {
    let job = Box::new(ForkJob::of::<Plain>(|| ledger::run(0)));
    // SAFETY: this function waits for the latch.
    let entry = unsafe { job.as_job_ref() };
    let runner = spawn(move || entry.run());
    // SAFETY: this is the owner, which asks once, and `Plain` as above.
    wait(unsafe { job.latch::<Plain>() });
    // SAFETY: the latch is set.
    assert!(unsafe { job.take_result() }.is_ok());
    drop(job);
    super::rig::join(runner);
    ledger::all_ran(1);
}

/// The owner may have put itself into the word before the runner looks there for the function.
pub(super) fn fork_job_against_a_watch() {
    fork_job_while(Latch::wait);
}

/// As above, and out of it again: then nothing is there.
pub(super) fn fork_job_against_an_unwatch() {
    fork_job_while(|latch| {
        if !latch.wait_until(Instant::now()) {
            latch.wait();
        }
    });
}

pub(super) fn join_against_a_thief() {
    with_a_thief(|_| {
        let here = UnsafeCell::new(0);
        let there = NonNull::from(&here);
        let write = Written(there);
        join(|| ledger::run(0), move || write.by(1));
        // SAFETY: the other branch has ended.
        assert_eq!(here.with_mut(|value| unsafe { *value }), 1);
    });
    ledger::all_ran(2);
}

/// As above by a context, of which each branch has that of the worker that runs it.
pub(super) fn context_join_against_a_thief() {
    with_a_thief(|_| {
        let branch = |id| {
            move |cx: Context<'_>| {
                ledger::run(id);
                assert_eq!(current_thread_index(), Some(cx.thread_index()));
            }
        };
        with_context(|cx| cx.join(branch(0), branch(1)));
    });
    ledger::all_ran(2);
}

/// `join` where there is no asymmetric barrier: nobody takes by force.
pub(super) fn join_against_a_thief_without_a_barrier() {
    set_absent(true);
    join_against_a_thief();
}

/// A cell in a frame that waits.
struct Written(NonNull<UnsafeCell<usize>>);

// SAFETY: all threads of a model are one OS thread.
unsafe impl Send for Written {}

impl Written {
    fn by(self, id: usize) {
        ledger::run(id);
        // SAFETY: the frame waits.
        let cell = unsafe { self.0.as_ref() };
        // SAFETY: loom fails the model if this access is not exclusive.
        cell.with_mut(|value| unsafe { *value = id });
    }
}

pub(super) fn nested_joins_against_a_thief() {
    with_a_thief(|_| {
        join(|| join(|| ledger::run(0), || ledger::run(1)), || ledger::run(2));
    });
    ledger::all_ran(3);
}

/// Not before its last look, but in the midst of its search a thief takes by force what has stood still.
pub(super) fn nested_joins_against_a_searcher() {
    let mut rig = Rig::new(2);
    rig.start_with(1, |worker| {
        let mut watch = Watch::default();
        // The first look notes where the head is.
        for look in 1..=2 {
            if let Some(job) = worker.take_still(&mut watch, look * STILL_ROUNDS - 1) {
                worker.run(job);
            }
        }
    });
    rig.work_here(0, |_| {
        join(|| join(|| ledger::run(0), || ledger::run(1)), || ledger::run(2));
    });
    rig.stop();
    ledger::all_ran(3);
}

/// Two thieves: one moves `top` along while the other is about to take by force.
pub(super) fn nested_joins_against_two_thieves() {
    let mut rig = Rig::new(3);
    rig.start(1);
    rig.start(2);
    rig.work_here(0, |_| {
        join(|| join(|| ledger::run(0), || ledger::run(1)), || ledger::run(2));
    });
    rig.stop();
    ledger::all_ran(3);
}

/// The first branch panics while the second is in the head, or a thief has it: the panic goes on
/// only when nobody uses the frame.
pub(super) fn join_panics_against_a_thief() {
    with_a_thief(|_| {
        let captured = Drops(0);
        let result = unwind::catch(|| {
            join(
                || resume_unwind(Box::new("meant")),
                move || {
                    ledger::run(0);
                    drop(captured);
                },
            )
        });
        assert!(result.is_err());
        assert_eq!(ledger::drops(0), 1, "the second branch's closure");
    });
}

/// A job spawned inside the first branch lies on top of the fork.
pub(super) fn fork_below_a_spawned_job() {
    with_a_thief(|_| {
        scope(|s| {
            join(|| drop(s.spawn(|| ledger::run(0))), || ledger::run(1));
        });
    });
    ledger::all_ran(2);
}

/// The first branch runs the second one itself, then spawns another job at its index. (Below
/// both lies an older job, or the index would not come again.)
pub(super) fn fork_run_inside_its_first_branch() {
    with_a_thief(|_| {
        scope(|s| {
            let first = || {
                let _ = yield_now();
                s.spawn(|| ledger::run(0));
            };
            join(|| join(first, || ledger::run(1)), || ledger::run(2));
        });
    });
    ledger::all_ran(3);
}

/// The last part of the scope may end on the thief, while the owner settles its count.
pub(super) fn scope_against_a_thief() {
    with_a_thief(|_| {
        let here = UnsafeCell::new(0);
        let write = Written(NonNull::from(&here));
        scope(|s| {
            s.spawn(|| ledger::run(0));
            s.spawn(move || write.by(1));
        });
        // SAFETY: the scope's parts have ended.
        assert_eq!(here.with_mut(|value| unsafe { *value }), 1);
    });
    ledger::all_ran(2);
}

/// As above without handles.
pub(super) fn scope_forks_against_a_thief() {
    with_a_thief(|_| {
        let here = UnsafeCell::new(0);
        let write = Written(NonNull::from(&here));
        scope(|s| {
            s.fork(|| ledger::run(0));
            s.fork(move || write.by(1));
        });
        // SAFETY: the scope's parts have ended.
        assert_eq!(here.with_mut(|value| unsafe { *value }), 1);
    });
    ledger::all_ran(2);
}

/// Both parts of a scope end on threads of their own, and the body on a third: the last one hands on
/// what the others wrote.
pub(super) fn parts_that_end_elsewhere() {
    let shared = Rc::new((Parts::new(None), [UnsafeCell::new(0), UnsafeCell::new(0)]));
    let part = |index: usize| {
        shared.0.begin_elsewhere();
        let shared = Rc::clone(&shared);
        spawn(move || {
            // SAFETY: loom fails the model if this access is not exclusive.
            shared.1[index].with_mut(|value| unsafe { *value = 1 });
            // SAFETY: alive, begun above, and ended once.
            unsafe { Parts::end(&raw const shared.0) };
        })
    };
    let threads = [0, 1].map(part);
    // SAFETY: as above; the body is the part that was open from the start.
    unsafe { Parts::end(&raw const shared.0) };
    shared.0.latch().wait();
    // SAFETY: as above.
    shared.1.iter().for_each(|cell| cell.with_mut(|value| assert_eq!(unsafe { *value }, 1)));
    threads.into_iter().for_each(super::rig::join);
}

/// A part spawns another, perhaps on the thief.
pub(super) fn scope_part_spawns_against_a_thief() {
    with_a_thief(|_| {
        scope(|s| {
            s.spawn(|| {
                ledger::run(0);
                s.spawn(|| ledger::run(1));
            });
        });
    });
    ledger::all_ran(2);
}

/// A part panics, wherever it runs: the scope ends with that panic, after the other part.
pub(super) fn scope_panics_against_a_thief() {
    with_a_thief(|_| {
        let result = unwind::catch(|| {
            scope(|s| {
                s.spawn(|| resume_unwind(Box::new(Thrown(UnsafeCell::new("meant")))));
                s.spawn(|| ledger::run(0));
            })
        });
        let payload = result.expect_err("the part's panic");
        let thrown: &Thrown = payload.downcast_ref().expect("what it threw");
        // SAFETY: loom fails the model if this access is not exclusive.
        assert_eq!(thrown.0.with_mut(|text| unsafe { *text }), "meant");
        ledger::all_ran(1);
    });
}

/// A payload whose reader must come after the thrower.
struct Thrown(UnsafeCell<&'static str>);

// SAFETY: all threads of a model are one OS thread.
unsafe impl Send for Thrown {}

/// The body panics while the thief runs a part of it: the panic waits.
pub(super) fn scope_body_panics_against_a_thief() {
    with_a_thief(|_| {
        let here = UnsafeCell::new(0);
        let write = Written(NonNull::from(&here));
        let result = unwind::catch(|| {
            scope(|s| -> () {
                s.spawn(move || write.by(0));
                resume_unwind(Box::new("meant"));
            })
        });
        assert!(result.is_err());
        // SAFETY: the scope's parts have ended.
        assert_eq!(here.with_mut(|value| unsafe { *value }), 0);
    });
    ledger::all_ran(1);
}

/// One job more than the head has room for: the older half spills, as a bundle. The owner then
/// blocks, so the thief has to run all of them, bundled and not.
pub(super) fn full_head_spills_before_a_stuck_leaf() {
    let mut rig = Rig::new(2);
    let jobs: Vec<Job> = (0..=HEAD_CAPACITY).map(Job::new).collect();
    rig.start(1);
    rig.work_here(0, |worker| {
        for job in &jobs {
            worker.push(job.right());
        }
        // The newest runs last: with that wait over, the others end at once.
        jobs.iter().rev().for_each(Job::wait);
    });
    rig.stop();
    ledger::all_ran(HEAD_CAPACITY + 1);
}

/// As above, while the owner takes part, and a busy worker steals in passing.
pub(super) fn full_head_spills_against_a_thief() {
    let mut rig = Rig::new(2);
    let jobs: Vec<Job> = (0..=HEAD_CAPACITY).map(Job::new).collect();
    rig.start_with(1, |worker| {
        let mut job = worker.steal_public(Role::Waiting);
        while let Some(next) = job {
            worker.run(next);
            job = worker.take_local();
        }
    });
    rig.work_here(0, |worker| {
        for job in &jobs {
            worker.push(job.right());
        }
        jobs.iter().rev().for_each(|job| worker.run_until(job.latch(), Role::Waiting));
    });
    rig.stop();
    ledger::all_ran(HEAD_CAPACITY + 1);
}

/// One job for each worker, from one of them.
pub(super) fn broadcast_against_sleep() {
    with_a_thief(|_| {
        let indices = broadcast(|worker| {
            ledger::run(worker.index());
            worker.index()
        });
        assert_eq!(indices, [0, 1]);
    });
    ledger::all_ran(2);
}
