//! How it works.

use crate::canvas::Canvas;

const JOB: (&str, &str) = ("job", "");
const EMPTY: (&str, &str) = ("slot", "");

pub(super) fn single_queue() -> Canvas {
    let mut c = Canvas::new(
        680,
        270,
        "One queue",
        "Two submitters push into one queue, and four workers take from it. All six pass through one lock.",
    );
    for (n, y) in [60, 160].into_iter().enumerate() {
        c.boxed((20, y), (110, 44), "box", &[["submitter 1", "submitter 2"][n]]);
        c.arrow("line", &[(130, y + 22), (236, 132)]);
    }
    c.boxed((240, 60), (200, 144), "warm", &[]);
    c.text((340, 86), "strong", "one queue, one lock");
    c.slots((254, 117), 31, &[JOB, JOB, JOB, JOB, JOB]);
    c.text((340, 180), "soft", "one thread at a time");
    for n in 0..4 {
        let y = 20 + n * 60;
        c.boxed((560, y), (100, 44), "box", &[&format!("worker {n}")]);
        let class = if n == 1 { "thick" } else { "dashed" };
        c.arrow(class, &[(444, 132), (557, y + 22)]);
    }
    c.text((528, 137), "soft", "takes");
    c.text((478, 226), "soft", "wait for the lock");
    c
}

pub(super) fn stealing() -> Canvas {
    let mut c = Canvas::new(
        680,
        330,
        "A deque for each worker",
        "Each of three workers has a deque of its own. Worker 2 has nothing, and steals the oldest job of worker 0. \
         Work from outside comes through a global queue.",
    );
    c.boxed((20, 20), (640, 54), "box", &[]);
    c.text((150, 52), "strong", "global queue");
    c.slots((240, 32), 40, &[JOB, JOB, EMPTY, EMPTY]);
    c.text((530, 52), "soft", "from threads outside");
    let rows: [(&str, [(&str, &str); 5]); 3] = [
        ("worker 0", [("old", "oldest"), JOB, JOB, JOB, ("job", "newest")]),
        ("worker 1", [("old", ""), JOB, EMPTY, EMPTY, EMPTY]),
        ("worker 2", [EMPTY, EMPTY, EMPTY, EMPTY, EMPTY]),
    ];
    for (n, (name, slots)) in rows.into_iter().enumerate() {
        let y = 100 + 70 * n as i32;
        let class = if n == 2 { "warm" } else { "box" };
        let state = if n == 2 { "idle" } else { "busy" };
        c.boxed((540, y), (110, 50), class, &[name, state]);
        c.slots((180, y + 10), 60, &slots);
        if n < 2 {
            c.arrow("line", &[(537, y + 17), (502, y + 17)]);
            c.arrow("line", &[(502, y + 33), (537, y + 33)]);
        }
    }
    c.arrow("thick", &[(178, 125), (120, 125), (120, 305), (595, 305), (595, 293)]);
    c.text((62, 200), "soft", "steals the oldest");
    c.text(
        (340, 322),
        "soft",
        "the thief walks to the victim: whoever is idle pays for finding work",
    );
    c
}

pub(super) fn head_and_tail() -> Canvas {
    let mut c = Canvas::new(
        680,
        250,
        "Head and tail",
        "A deque in two parts. The tail holds the oldest jobs, and thieves steal there. The head holds the newest, \
         and only its owner pushes and pops there. The owner moves the oldest job of the head into the tail when somebody is idle.",
    );
    c.boxed((30, 70), (214, 70), "warm", &[]);
    c.boxed((256, 70), (394, 70), "good", &[]);
    c.slots((44, 90), 58, &[("old", "oldest"), ("old", ""), ("old", "")]);
    c.slots((270, 90), 48, &[JOB, JOB, JOB, JOB, ("job", "newest"), EMPTY, EMPTY]);
    c.text((137, 60), "strong", "tail: public");
    c.text((453, 60), "strong", "head: private");
    c.arrow("line", &[(73, 142), (73, 180)]);
    c.text((86, 198), "soft", "thieves steal, oldest first");
    c.arrow("thick", &[(290, 86), (290, 30), (215, 30), (215, 86)]);
    c.text((250, 22), "soft", "publish: when somebody is idle");
    c.arrow("line", &[(490, 180), (490, 142)]);
    c.arrow("line", &[(514, 142), (514, 180)]);
    c.text((502, 198), "soft", "the owner pushes and pops, newest first");
    c.text((502, 216), "soft", "plain loads and stores: no lock, no fence");
    c.arrow("dashed", &[(294, 142), (294, 226)]);
    c.text((250, 240), "soft", "by force: a thief that finds nothing else takes one");
    c
}

pub(super) fn sleeping() -> Canvas {
    let mut c = Canvas::new(
        680,
        250,
        "Busy, searching, sleeping",
        "A worker without work searches. If it finds nothing it counts itself asleep, looks once more at every source, \
         and only then blocks. Whoever makes work public looks at the count, and wakes one.",
    );
    c.boxed((30, 60), (120, 60), "good", &["busy", "runs jobs"]);
    c.boxed((270, 60), (130, 60), "box", &["searching", "a bounded time"]);
    c.boxed((520, 60), (130, 60), "warm", &["sleeping", "no CPU"]);
    c.arrow("line", &[(150, 78), (267, 78)]);
    c.text((209, 68), "soft", "nothing to do");
    c.arrow("line", &[(270, 104), (153, 104)]);
    c.text((211, 124), "soft", "has found a job");
    c.arrow("line", &[(400, 78), (517, 78)]);
    c.text((459, 30), "soft", "1 count yourself asleep");
    c.text((459, 48), "soft", "2 look everywhere again");
    c.text((459, 66), "soft", "3 block");
    c.arrow("thick", &[(520, 104), (403, 104)]);
    c.text((462, 124), "soft", "woken");
    c.boxed(
        (190, 180),
        (300, 50),
        "box",
        &["whoever makes work public", "push, look at the count, wake one"],
    );
    c.arrow("thick", &[(490, 205), (585, 205), (585, 123)]);
    c
}

pub(super) fn full_queue() -> Canvas {
    let mut c = Canvas::new(
        778,
        280,
        "A full queue",
        "A submitter meets a queue that is full. Six policies: it waits, it waits for some time, it gets the closure back, \
         it runs the closure itself, the closure is dropped, or the oldest one is dropped.",
    );
    c.boxed((20, 30), (110, 50), "box", &["submitter", "one closure"]);
    c.arrow("thick", &[(130, 55), (227, 55)]);
    c.boxed((230, 20), (250, 70), "warm", &[]);
    c.slots((244, 30), 50, &[("old", "oldest"), JOB, JOB, JOB]);
    c.text((355, 80), "soft", "capacity 4: full");
    c.arrow("line", &[(480, 55), (547, 55)]);
    c.boxed((550, 30), (110, 50), "good", &["workers", "all busy"]);
    c.line("line", &[(180, 55), (180, 120), (77, 120), (702, 120)]);
    let policies: [(&str, &str, &str); 6] = [
        ("Block", "waits until", "there is room"),
        ("BlockFor", "waits, but", "not longer"),
        ("Abort", "gets it back", "at once"),
        ("CallerRuns", "runs it", "itself"),
        ("Discard", "the new one", "is dropped"),
        ("DiscardOldest", "the oldest", "is dropped"),
    ];
    for (n, (name, first, second)) in policies.into_iter().enumerate() {
        let x = 16 + 125 * n as i32;
        c.arrow("line", &[(x + 61, 120), (x + 61, 147)]);
        let class = if n < 4 { "box" } else { "bad" };
        c.boxed((x, 150), (121, 80), class, &[name, first, second]);
    }
    c.text((264, 262), "soft", "no closure is lost");
    c.text((639, 262), "soft", "its handle says so");
    c.line("dashed", &[(16, 244), (512, 244)]);
    c.line("dashed", &[(516, 244), (762, 244)]);
    c
}

pub(super) fn shutdown() -> Canvas {
    let mut c = Canvas::new(
        680,
        290,
        "Four ways to end",
        "Drain runs what is queued. DrainFor does so up to a deadline, then cancels. CancelQueued drops what is queued at once. \
         Abort does so too, and asks running closures to stop.",
    );
    for (x, name) in [(90, "mode"), (214, "new work"), (362, "queued"), (564, "running")] {
        c.text((x, 30), "strong", name);
    }
    let rows: [(&str, &str, &str, &str, &str); 4] = [
        ("Drain", "runs", "good", "ends by itself", "good"),
        (
            "DrainFor(d)",
            "runs until d, then dropped",
            "warm",
            "until d, then asked to stop",
            "warm",
        ),
        ("CancelQueued", "dropped, told", "bad", "ends by itself", "good"),
        ("Abort", "dropped, told", "bad", "asked to stop", "warm"),
    ];
    for (n, (mode, queued, queued_class, running, running_class)) in rows.into_iter().enumerate() {
        let y = 46 + 58 * n as i32;
        c.boxed((16, y), (148, 46), "box", &[mode]);
        c.boxed((172, y), (84, 46), "bad", &[]);
        c.text((214, y + 28), "soft", "refused");
        c.boxed((264, y), (196, 46), queued_class, &[]);
        c.text((362, y + 28), "soft", queued);
        c.boxed((468, y), (196, 46), running_class, &[]);
        c.text((566, y + 28), "soft", running);
    }
    c.text((340, 282), "soft", "no mode kills a running closure; each returns a report of what ran, was dropped, and still runs");
    c
}
