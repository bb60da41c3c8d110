//! The simulation.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{Costs, JOB_LINES};

/// How tasks find cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// One queue under a lock.
    Locked,
    /// One queue without a lock.
    LockFree,
    /// A deque for each core.
    Stealing,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 3] = [Scheme::Locked, Scheme::LockFree, Scheme::Stealing];

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Locked => "one locked queue",
            Scheme::LockFree => "one lock-free queue",
            Scheme::Stealing => "stealing",
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// An uneven binary tree with so many leaves of so many picoseconds.
    Tree {
        /// Leaves.
        leaves: u64,
        /// Of each leaf.
        body: u64,
    },
    /// Tasks from producers, which help when they are done.
    Flood {
        /// Tasks of all producers.
        tasks: u64,
        /// Of each task.
        body: u64,
        /// Whether every second core produces, or only the first.
        many: bool,
    },
    /// A range that is halved down to a grain. An iteration takes half to one and a half times
    /// its mean.
    Loop {
        /// Iterations.
        iterations: u64,
        /// Iterations that are not split any more.
        grain: u64,
        /// Of each iteration, on average.
        body: u64,
    },
}

/// Some leaves, still to be split or run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) size: u64,
    /// What its chances depend on: the same on whichever core, at whatever time.
    key: u64,
    maker: usize,
}

/// A number that follows from `x` without a visible pattern (SplitMix64's finaliser).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Workload {
    /// What is there at the start, one task for each producer.
    pub(super) fn roots(self, cores: usize, seed: u64) -> Vec<Task> {
        let (size, roots) = match self {
            Workload::Tree { leaves, .. } => (leaves, 1),
            Workload::Loop { iterations, .. } => (iterations, 1),
            Workload::Flood { tasks, many, .. } => {
                (tasks, if many { cores.div_ceil(2) } else { 1 })
            }
        };
        let share = |index: u64| size * (index + 1) / roots as u64 - size * index / roots as u64;
        let root = |index: usize| Task {
            size: share(index as u64),
            key: mix(seed ^ mix(index as u64)),
            maker: index,
        };
        (0..roots).map(root).filter(|task| task.size > 0).collect()
    }

    /// What goes on, and what is split off; `None` if the task is to be run.
    pub(super) fn split(self, task: Task) -> Option<(Task, Task)> {
        let first = match self {
            _ if task.size == 1 => return None,
            Workload::Tree { .. } => {
                let (low, span) = (task.size / 4, task.size / 2 + 1);
                (low + mix(task.key) % span).clamp(1, task.size - 1)
            }
            Workload::Flood { .. } => task.size - 1,
            Workload::Loop { grain, .. } if task.size <= grain => return None,
            Workload::Loop { .. } => task.size / 2,
        };
        let part = |size, salt| Task { size, key: mix(task.key ^ salt), ..task };
        Some((part(first, 1), part(task.size - first, 2)))
    }

    /// How long a task takes that is not split.
    pub(super) fn body(self, task: Task) -> u64 {
        match self {
            Workload::Tree { body, .. } | Workload::Flood { body, .. } => body,
            Workload::Loop { body, .. } => {
                let mean = body * task.size;
                mean / 2 + mix(task.key) % (mean + 1)
            }
        }
    }

    /// The plain program's time: all bodies, and nothing else.
    pub fn serial(self, cores: usize, seed: u64) -> u64 {
        let mut tasks = self.roots(cores, seed);
        let mut time = 0;
        while let Some(task) = tasks.pop() {
            match self.split(task) {
                Some((one, other)) => tasks.extend([one, other]),
                None => time += self.body(task),
            }
        }
        time
    }
}

/// What came out of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Until the last task has ended, in picoseconds.
    pub time: u64,
    /// Spent in bodies, by all cores together: the plain program's time.
    pub useful: u64,
    /// Tasks that went to another core than the one that made them.
    pub moved: u64,
}

impl Outcome {
    /// How much faster than the plain program.
    pub fn speed_up(&self) -> f64 {
        self.useful as f64 / self.time as f64
    }

    /// The share of the cores' time that was not spent in bodies.
    pub fn wasted(&self, cores: usize) -> f64 {
        1.0 - self.speed_up() / cores as f64
    }
}

/// Rounds of a search before the preparation to sleep, as in the scheduler.
const SEARCH_ROUNDS: u32 = 32;

/// Tasks that are published as one, as in the scheduler.
const BUNDLE: usize = 64;

/// What a core does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Splits or runs it.
    Go(Task),
    /// Its body is over.
    End,
    /// Looks for a task.
    Next,
    /// Has the queue, and puts this in.
    Put { put: Task, rest: Task },
    /// Has the queue, and takes from it.
    Take,
    /// Goes round the others, so many rounds already.
    Search(u32),
    /// Has paid for the barrier.
    LastLook,
}

/// Runs `workload` on so many cores.
///
/// # Panics
/// If there is no core.
pub fn simulate(
    costs: &Costs,
    scheme: Scheme,
    workload: Workload,
    cores: usize,
    seed: u64,
) -> Outcome {
    assert!(cores > 0, "a simulation needs a core");
    let roots = workload.roots(cores, seed);
    let mut sim = Sim {
        costs,
        scheme,
        workload,
        events: BinaryHeap::new(),
        made: 0,
        steps: vec![Step::Next; cores],
        pending: roots.len() as u64,
        random: mix(seed),
        queue: VecDeque::new(),
        free_at: 0,
        last_user: 0,
        cores: vec![Core::default(); cores],
        asleep: (roots.len()..cores).map(Reverse).collect(),
        searching: 0,
        outcome: Outcome { time: 0, useful: 0, moved: 0 },
    };
    for (core, &task) in roots.iter().enumerate() {
        sim.at(0, core, Step::Go(task));
    }
    while let Some(Reverse((time, _, core))) = sim.events.pop() {
        sim.perform(time, core, sim.steps[core]);
        if sim.pending == 0 {
            break;
        }
    }
    assert_eq!(sim.pending, 0, "all cores sleep, and tasks are left");
    sim.outcome
}

#[derive(Clone, Debug, Default)]
struct Core {
    private: VecDeque<Task>,
    /// Each entry is taken as a whole.
    public: VecDeque<Vec<Task>>,
}

struct Sim<'a> {
    costs: &'a Costs,
    scheme: Scheme,
    workload: Workload,
    /// Time, number, core: at the same time, what was made first comes first.
    events: BinaryHeap<Reverse<(u64, u64, usize)>>,
    /// Events made so far.
    made: u64,
    /// What each core does at its event. It has one, unless it sleeps.
    steps: Vec<Step>,
    /// Tasks that have not ended.
    pending: u64,
    random: u64,
    /// The one queue, when it is free, and who had it last.
    queue: VecDeque<Task>,
    free_at: u64,
    last_user: usize,
    cores: Vec<Core>,
    /// The first of them is woken first.
    asleep: BinaryHeap<Reverse<usize>>,
    searching: usize,
    outcome: Outcome,
}

impl Sim<'_> {
    fn at(&mut self, time: u64, core: usize, step: Step) {
        self.events.push(Reverse((time, self.made, core)));
        self.made += 1;
        self.steps[core] = step;
    }

    fn perform(&mut self, now: u64, core: usize, step: Step) {
        match step {
            Step::Go(task) if task.maker != core => {
                self.outcome.moved += 1;
                let here = Task { maker: core, ..task };
                self.at(now + JOB_LINES * self.costs.line, core, Step::Go(here));
            }
            Step::Go(task) => match self.workload.split(task) {
                None => self.run(now, core, task),
                Some((rest, put)) => {
                    self.pending += 1;
                    self.put(now, core, put, rest);
                }
            },
            Step::End => {
                self.pending -= 1;
                self.outcome.time = now;
                self.next(now, core);
            }
            Step::Next => self.next(now, core),
            Step::Put { put, rest } => {
                self.queue.push_back(put);
                let told = match self.wake_one(now, Step::Next) {
                    0 if self.scheme == Scheme::Locked => self.costs.notify,
                    woken => woken,
                };
                self.at(now + told, core, Step::Go(rest));
            }
            Step::Take => match self.queue.pop_front() {
                Some(task) => self.at(now, core, Step::Go(task)),
                None => self.asleep.push(Reverse(core)),
            },
            Step::Search(round) => self.search(now, core, round),
            Step::LastLook => self.last_look(now, core),
        }
    }

    fn run(&mut self, now: u64, core: usize, task: Task) {
        let body = self.workload.body(task);
        self.outcome.useful += body;
        self.at(now + body, core, Step::End);
    }

    fn put(&mut self, now: u64, core: usize, put: Task, rest: Task) {
        if self.scheme != Scheme::Stealing {
            return self.use_queue(now, core, Step::Put { put, rest });
        }
        let flood = matches!(self.workload, Workload::Flood { .. });
        let made = now + if flood { self.costs.spawn } else { self.costs.fork };
        self.cores[core].private.push_back(put);
        let published = self.answer_demand(made, core);
        self.at(made + published, core, Step::Go(rest));
    }

    fn next(&mut self, now: u64, core: usize) {
        if self.scheme != Scheme::Stealing {
            return self.use_queue(now, core, Step::Take);
        }
        if let Some(task) = self.cores[core].private.pop_back() {
            let published = self.answer_demand(now, core);
            self.at(now + published, core, Step::Go(task));
        } else if let Some(bundle) = self.cores[core].public.pop_back() {
            self.got(now + self.costs.cas, core, bundle);
        } else if self.searching < (self.cores.len() / 2).max(1) {
            self.searching += 1;
            self.at(now, core, Step::Search(0));
        } else {
            self.at(now + self.costs.barrier, core, Step::LastLook);
        }
    }

    /// Waits for the one queue, and has it: then comes `step`.
    fn use_queue(&mut self, now: u64, core: usize, step: Step) {
        let costs = self.costs;
        let (same, waits) = (self.last_user == core, self.free_at > now);
        let held = match self.scheme {
            Scheme::Locked if same => costs.lock,
            Scheme::Locked if waits => costs.hand_over,
            // Lock and queue.
            Scheme::Locked => costs.lock + 2 * costs.line,
            _ if same => costs.cas,
            _ => costs.line + costs.cas,
        };
        let overlapped = if self.scheme == Scheme::Locked { 0 } else { costs.queue };
        self.free_at = self.free_at.max(now) + held;
        self.last_user = core;
        self.at(self.free_at + overlapped, core, step);
    }

    /// Wakes a sleeper, which goes on with `step`. Returns what that costs the waker.
    fn wake_one(&mut self, now: u64, step: Step) -> u64 {
        let Some(Reverse(woken)) = self.asleep.pop() else { return 0 };
        self.searching += usize::from(self.scheme == Scheme::Stealing);
        self.at(now + self.costs.wake, woken, step);
        self.costs.unpark
    }

    /// Publishes if somebody is idle and there is nothing public. Returns what that costs.
    fn answer_demand(&mut self, now: u64, core: usize) -> u64 {
        let idle = self.searching + self.asleep.len() > 0;
        let Core { private, public } = &mut self.cores[core];
        if !idle || !public.is_empty() || private.is_empty() {
            return 0;
        }
        let count = if private.len() > BUNDLE { BUNDLE } else { 1 };
        public.push_back(private.drain(..count).collect());
        let woken = if self.searching == 0 { self.wake_one(now, Step::Search(0)) } else { 0 };
        self.costs.cas + self.costs.line + woken
    }

    /// Has tasks from elsewhere, or its own public ones back, the oldest first.
    fn got(&mut self, now: u64, core: usize, mut bundle: Vec<Task>) {
        let newest = bundle.pop().expect("nobody publishes nothing");
        self.cores[core].private.extend(bundle);
        let published = self.answer_demand(now, core);
        self.at(now + published, core, Step::Go(newest));
    }

    fn leave_search(&mut self, now: u64) -> u64 {
        self.searching -= 1;
        if self.searching == 0 { self.wake_one(now, Step::Search(0)) } else { 0 }
    }

    /// The others, from a random one on.
    fn victims(&mut self, core: usize) -> impl Iterator<Item = usize> + use<> {
        self.random = mix(self.random);
        let n = self.cores.len();
        let first = (self.random % n as u64) as usize;
        (first..n).chain(0..first).filter(move |&victim| victim != core)
    }

    /// A public task, and what the look round has cost.
    fn steal(&mut self, core: usize) -> (Option<Vec<Task>>, u64) {
        let mut cost = 0;
        for victim in self.victims(core) {
            cost += self.costs.probe;
            if let Some(bundle) = self.cores[victim].public.pop_front() {
                return (Some(bundle), cost + self.costs.line + self.costs.cas);
            }
        }
        (None, cost)
    }

    fn search(&mut self, now: u64, core: usize, round: u32) {
        match self.steal(core) {
            (Some(bundle), cost) => {
                let woken = self.leave_search(now);
                self.got(now + cost + woken, core, bundle);
            }
            (None, cost) if round + 1 < SEARCH_ROUNDS => {
                self.at(now + cost + self.costs.pause, core, Step::Search(round + 1));
            }
            (None, cost) => {
                self.searching -= 1;
                self.at(now + cost + self.costs.barrier, core, Step::LastLook);
            }
        }
    }

    fn last_look(&mut self, now: u64, core: usize) {
        let (found, cost) = self.steal(core);
        if let Some(bundle) = found {
            return self.got(now + cost, core, bundle);
        }
        for victim in self.victims(core) {
            if let Some(task) = self.cores[victim].private.pop_front() {
                let taken = now + cost + self.costs.line + self.costs.cas;
                return self.got(taken, core, vec![task]);
            }
        }
        self.asleep.push(Reverse(core));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        lock: 40_000,
        hand_over: 150_000,
        cas: 10_000,
        line: 60_000,
        queue: 30_000,
        notify: 100_000,
        probe: 12_000,
        pause: 200_000,
        fork: 3_000,
        spawn: 25_000,
        barrier: 2_000_000,
        unpark: 1_500_000,
        wake: 6_000_000,
    };

    const WORKLOADS: [Workload; 4] = [
        Workload::Tree { leaves: 3_000, body: 500_000 },
        Workload::Flood { tasks: 3_000, body: 500_000, many: false },
        Workload::Flood { tasks: 3_000, body: 500_000, many: true },
        Workload::Loop { iterations: 100_000, grain: 64, body: 10_000 },
    ];

    #[test]
    fn a_seed_gives_the_same_outcome_everywhere() {
        let tree = |scheme| simulate(&COSTS, scheme, WORKLOADS[0], 16, 7);
        let times = Scheme::ALL.map(|scheme| tree(scheme).time);
        assert_eq!(times, [910_760_000, 431_790_000, 144_477_000]);
        let other = simulate(&COSTS, Scheme::Stealing, WORKLOADS[0], 16, 8);
        assert_ne!(other.time, times[2]);
    }

    #[test]
    fn one_core_takes_the_sum_of_all_costs() {
        let forks = 2_999;
        let each = |scheme| simulate(&COSTS, scheme, WORKLOADS[0], 1, 1).time;
        let bodies = 3_000 * 500_000;
        assert_eq!(each(Scheme::Stealing), bodies + forks * COSTS.fork);
        assert_eq!(each(Scheme::Locked), bodies + forks * (2 * COSTS.lock + COSTS.notify));
        assert_eq!(each(Scheme::LockFree), bodies + forks * 2 * (COSTS.cas + COSTS.queue));
    }

    #[test]
    fn every_task_is_run_once_and_no_core_does_more_than_its_time() {
        for workload in WORKLOADS {
            for scheme in Scheme::ALL {
                for cores in [1, 2, 3, 16, 64] {
                    let outcome = simulate(&COSTS, scheme, workload, cores, 3);
                    let what = format!("{scheme:?}, {workload:?}, {cores} cores");
                    assert_eq!(outcome.useful, workload.serial(cores, 3), "{what}");
                    assert!(outcome.speed_up() <= cores as f64, "{what}: {outcome:?}");
                    assert!(outcome.moved > 0 || cores == 1, "{what}: {outcome:?}");
                }
            }
        }
    }

    #[test]
    fn one_locked_queue_ends_at_one_operation_a_hand_over() {
        let tasks = 20_000;
        let workload = Workload::Flood { tasks, body: 1_000_000, many: true };
        let limit = 2 * tasks * COSTS.hand_over;
        for cores in [64, 128] {
            let time = simulate(&COSTS, Scheme::Locked, workload, cores, 1).time;
            let of_limit = time as f64 / limit as f64;
            assert!((0.9..1.1).contains(&of_limit), "{cores} cores: {of_limit} of the limit");
        }
    }

    #[test]
    fn stealing_goes_on_where_one_queue_has_ended() {
        let workload = Workload::Tree { leaves: 1 << 15, body: 1_000_000 };
        let speed_up = |scheme| simulate(&COSTS, scheme, workload, 64, 1).speed_up();
        let [locked, _, stealing] = Scheme::ALL.map(speed_up);
        assert!(stealing > 2.0 * locked, "{stealing} against {locked}");
    }
}
