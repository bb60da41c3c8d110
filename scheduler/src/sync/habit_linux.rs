//! Whether a thread mostly blocks soon after it has asked, by `getrusage(2)` and `sched_getscheduler(2)`: from what it did
//! between its questions before.

use crate::sync::thread_local_const;
use libc::{RUSAGE_THREAD, getrusage, rusage, timeval};
use libc::{SCHED_DEADLINE, SCHED_FIFO, SCHED_RESET_ON_FORK, SCHED_RR, sched_getscheduler};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::time::Duration;

/// What a thread may run between two questions, on average, to be one that [blocks soon](blocks_soon). About twice what
/// another core takes to come out of idle, which is what is to be saved: a part of it is run before the submission.
const BRIEF: Duration = Duration::from_micros(100);

/// For so many questions an answer holds at most. The kernel's part of it takes a microsecond where nothing is in the
/// caches any more.
const HOLDS: u32 = 8;

/// Whether the calling thread is likely to block soon: since it asked before it has blocked at least as often, and has not
/// run for long.
pub(super) fn blocks_soon() -> bool {
    thread_local_const! {
        static HABIT: Cell<Habit> = Cell::new(Habit::NONE)
    }
    let mut habit = HABIT.with(Cell::get);
    if habit.left == 0 {
        match Usage::of_this_thread() {
            Some(usage) => habit.ask(usage),
            // Refused. It is not asked each time.
            None => habit = Habit { left: HOLDS, ..Habit::NONE },
        }
    }
    habit.left -= 1;
    HABIT.with(|last| last.set(habit));
    habit.blocks
}

/// What a thread was seen to do between its questions.
#[derive(Clone, Copy)]
struct Habit {
    blocks: bool,
    /// How many questions `blocks` answers, and how many of them are to come.
    holds: u32,
    left: u32,
    /// At the first of them.
    since: Usage,
}

impl Habit {
    const NONE: Self =
        Self { blocks: false, holds: 0, left: 0, since: Usage { blocked: 0, ran: Duration::ZERO } };

    /// The last answer has been used up. The more often it was the same, the longer the next one holds.
    fn ask(&mut self, now: Usage) {
        let blocked = now.blocked.saturating_sub(self.since.blocked) >= self.holds.into();
        let ran = now.ran.saturating_sub(self.since.ran);
        // Of the first question nothing comes before.
        let blocks = self.holds != 0 && blocked && ran <= self.holds * BRIEF;
        self.holds = if blocks == self.blocks { (2 * self.holds).clamp(1, HOLDS) } else { 1 };
        (self.blocks, self.left, self.since) = (blocks, self.holds, now);
    }
}

/// What the kernel has counted for a thread.
#[derive(Clone, Copy)]
struct Usage {
    /// How often it has given up its core because it had to wait.
    blocked: u64,
    ran: Duration,
}

impl Usage {
    /// `None`: it is not known, or once such a thread goes on nobody else gets its core.
    fn of_this_thread() -> Option<Self> {
        // SAFETY: it has no preconditions.
        let policy = unsafe { sched_getscheduler(0) } & !SCHED_RESET_ON_FORK;
        if [SCHED_FIFO, SCHED_RR, SCHED_DEADLINE].contains(&policy) {
            return None;
        }
        let mut usage = MaybeUninit::zeroed();
        // SAFETY: the kernel writes no more than `usage` has.
        let result = unsafe { getrusage(RUSAGE_THREAD, usage.as_mut_ptr()) };
        // SAFETY: all zeroes is a usage as well.
        let usage: rusage = unsafe { usage.assume_init() };
        // Neither is negative; how wide they are depends on the target.
        let time = |time: timeval| Duration::new(time.tv_sec as u64, 1000 * time.tv_usec as u32);
        let ran = time(usage.ru_utime) + time(usage.ru_stime);
        (result == 0).then_some(Self { blocked: usage.ru_nvcsw as u64, ran })
    }
}

#[cfg(test)]
mod tests {
    use super::{BRIEF, HOLDS, Habit, Usage};
    use std::time::Duration;

    /// Asks so many times; between two questions the thread blocks, and runs for, so much. The answers, and how often the
    /// kernel was asked.
    fn asks(habit: &mut Habit, times: u32, blocked: u64, ran: Duration) -> (Vec<bool>, u32) {
        let mut asked = 0;
        let mut now = habit.since;
        // What has passed since then.
        let passed = habit.holds - habit.left;
        (now.blocked, now.ran) =
            (now.blocked + u64::from(passed) * blocked, now.ran + passed * ran);
        let answers = (0..times).map(|_| {
            if habit.left == 0 {
                habit.ask(now);
                asked += 1;
            }
            habit.left -= 1;
            now = Usage { blocked: now.blocked + blocked, ran: now.ran + ran };
            habit.blocks
        });
        (answers.collect(), asked)
    }

    #[test]
    fn who_blocks_between_its_questions_is_known_from_the_second_one_on() {
        let (answers, asked) = asks(&mut Habit::NONE.clone(), 100, 1, BRIEF);
        assert!(!answers[0] && answers[1..].iter().all(|&blocks| blocks));
        assert!(asked < 3 + 3 + 100 / HOLDS, "{asked}");
    }

    #[test]
    fn who_goes_on_is_not_taken_for_one_that_blocks() {
        let runs_long = BRIEF + Duration::from_micros(1);
        for (blocked, ran) in [(0, Duration::ZERO), (1, runs_long), (3, 100 * BRIEF)] {
            let (answers, _) = asks(&mut Habit::NONE.clone(), 100, blocked, ran);
            assert!(answers.iter().all(|blocks| !blocks), "{blocked} {ran:?}");
        }
    }

    #[test]
    fn who_changes_its_habit_is_known_again_soon() {
        let mut habit = Habit::NONE;
        for _ in 0..3 {
            let (answers, _) = asks(&mut habit, 50, 1, Duration::ZERO);
            assert!(answers[HOLDS as usize + 1..].iter().all(|&blocks| blocks));
            let (answers, _) = asks(&mut habit, 50, 0, 2 * BRIEF);
            assert!(answers[HOLDS as usize + 1..].iter().all(|blocks| !blocks));
        }
    }
}
