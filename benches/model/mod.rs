//! What more cores would do: schedulers as sums of a few measured costs.
//!
//! A discrete-event simulation of 1 to some hundred equal cores under three schedulers, in integer
//! picoseconds and with its own random numbers: the same costs and the same seed give the same
//! result on every machine.
//!
//! # What is modelled
//!
//! A task either splits one off and goes on with the rest, or has a body and ends. A tree splits
//! unevenly (at a quarter to three quarters), a flood splits off one leaf at a time, a loop
//! halves its range down to a grain. The idle cores sleep at first.
//!
//! - [`Scheme::Locked`]: one queue and one lock, FIFO. A core that has to wait for the lock gets
//!   it in its turn, at the cost of a hand-over; one that finds it free fetches lock and queue
//!   from the core that had them last. Each put notifies a condition variable, which is a call of the
//!   kernel even if nobody waits there.
//! - [`Scheme::LockFree`]: one queue. Each operation needs the queue's line for itself, and if
//!   another core had it, waits for it to come over; the rest of the operation overlaps.
//! - [`Scheme::Stealing`]: as this project does it. An owner pays for a fork or spawn, and nothing
//!   more as long as nobody is idle. If somebody is, it publishes its oldest task, or 64 of them
//!   as one, when it has none public. A thief looks round (32 rounds, and never more than half of
//!   the cores at a time), then pays for the heavy barrier, looks once more, takes a task by
//!   force if there is only private work, and sleeps if there is none. Publishing wakes a sleeper
//!   if nobody searches, and the last searcher to find something wakes the next.
//!
//! Under each of them, a task that runs on another core than the one that made it fetches
//! [`JOB_LINES`] lines first.
//!
//! # What is not
//!
//! Memory bandwidth, caches of finite size, the distance between cores (each line takes the same
//! time from everywhere), the kernel's scheduler, frequency, interrupts, what a barrier costs the
//! cores that it interrupts, and the wait for a stolen half at a join: a core that waits is taken
//! to help. A producer on one queue pays for a wake with every task as long as somebody sleeps. So
//! do the real pools, whose workers sleep as soon as the queue is empty; but one that is just on its
//! way to sleep is woken for less, and here is not. So with one producer and more cores than it can
//! feed, the curves of the queues fall off a cliff where real ones may only bend. Nor is there what a
//! long queue costs in the cache. Two real cores tell nothing about how a line's way grows with 256;
//! with the same costs for all, the shapes of the curves mean more than their heights.
//!
//! # Where the costs come from
//!
//! [`Costs::measure`] takes each on the machine at hand; its fields say how. [`check()`] runs the
//! same workloads on real pools of 1 and 2 workers and sets the times beside the predictions.

mod check;
mod costs;
mod report;
mod sim;

pub use check::check;
pub use costs::Costs;
pub(crate) use costs::probe;
pub use report::report;
pub use sim::{Outcome, Scheme, Workload, simulate};

/// Lines that a job brings along when it changes its core: queue slot, closure, result.
pub const JOB_LINES: u64 = 3;
