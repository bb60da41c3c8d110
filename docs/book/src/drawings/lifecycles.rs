//! The states of things, and who moves them on.

use crate::canvas::Canvas;

pub(super) fn pool() -> Canvas {
    let mut c = Canvas::new(
        680,
        190,
        "The life of a pool",
        "Building, running, draining, stopped. A shutdown closes a running pool; when the last root has left, the workers end.",
    );
    c.boxed((20, 60), (120, 60), "box", &["building", "threads wait"]);
    c.boxed((210, 60), (120, 60), "good", &["running", "takes work"]);
    c.boxed((400, 60), (120, 60), "warm", &["draining", "refuses roots"]);
    c.boxed((570, 60), (95, 60), "box", &["stopped", "no threads"]);
    c.arrow("line", &[(140, 90), (207, 90)]);
    c.text((174, 50), "soft", "all have started");
    c.arrow("line", &[(330, 90), (397, 90)]);
    c.text((364, 50), "soft", "shutdown, drop");
    c.arrow("line", &[(520, 90), (567, 90)]);
    c.text((545, 50), "soft", "last root has left");
    c.arrow("dashed", &[(80, 120), (80, 156)]);
    c.text((130, 174), "soft", "an error: what had started ends again");
    c.text((470, 150), "soft", "a later shutdown adds what its mode has more:");
    c.text((470, 168), "soft", "Abort after Drain cancels what still waits");
    c
}

pub(super) fn executor() -> Canvas {
    let mut c = Canvas::new(
        680,
        180,
        "The life of an executor",
        "Open, shut down, terminated. Its pool goes on.",
    );
    c.boxed((40, 50), (130, 60), "good", &["open", "takes closures"]);
    c.boxed((280, 50), (150, 60), "warm", &["shut down", "is_shut_down"]);
    c.boxed((520, 50), (130, 60), "box", &["terminated", "is_terminated"]);
    c.arrow("line", &[(170, 80), (277, 80)]);
    c.text((224, 70), "soft", "shutdown");
    c.arrow("line", &[(430, 80), (517, 80)]);
    c.text((475, 70), "soft", "all ended");
    c.arrow("dashed", &[(105, 110), (105, 140), (355, 140), (355, 113)]);
    c.text((230, 160), "soft", "shutdown_now: what has not begun comes back as tasks");
    c.text((570, 140), "soft", "its pool goes on;");
    c.text((570, 158), "soft", "a drop changes nothing");
    c
}

pub(super) fn elastic_thread() -> Canvas {
    let mut c = Canvas::new(
        680,
        230,
        "The life of a thread of an elastic pool",
        "A thread is spawned for a closure, runs closures, is idle, is called again, and leaves when it has been idle for too long.",
    );
    c.boxed((20, 60), (136, 60), "box", &["called", "looks at the queue"]);
    c.boxed((260, 60), (120, 60), "good", &["running", "a closure"]);
    c.boxed((490, 60), (120, 60), "warm", &["idle", "parked"]);
    c.boxed((490, 165), (120, 44), "box", &["gone"]);
    c.arrow("line", &[(90, 20), (90, 57)]);
    c.text((102, 34), "soft left", "spawned: below the maximum, and nobody idle");
    c.arrow("line", &[(156, 90), (257, 90)]);
    c.text((207, 80), "soft", "takes the oldest");
    c.arrow("line", &[(380, 90), (487, 90)]);
    c.text((434, 80), "soft", "queue is empty");
    c.arrow("line", &[(500, 60), (500, 46), (320, 46), (130, 46), (130, 57)]);
    c.text((560, 50), "soft", "a closure comes");
    c.arrow("line", &[(550, 120), (550, 162)]);
    c.text((400, 146), "soft", "keep-alive is over, or the pool has been closed");
    c
}

pub(super) fn closure() -> Canvas {
    let mut c = Canvas::new(
        680,
        280,
        "The life of a submitted closure",
        "A closure is queued, then runs, and ends with a value or a panic. While it is queued it can be aborted, \
         dropped by a shutdown, or discarded from a full queue. Its handle says which.",
    );
    c.boxed((30, 40), (110, 60), "box", &["queued"]);
    c.boxed((240, 40), (110, 60), "good", &["running"]);
    c.boxed((490, 20), (160, 44), "good", &["Ok(value)"]);
    c.boxed((490, 80), (160, 44), "bad", &["Err: is_panic"]);
    c.arrow("line", &[(140, 70), (237, 70)]);
    c.text((189, 60), "soft", "a worker has it");
    c.arrow("line", &[(350, 62), (487, 42)]);
    c.text((420, 36), "soft", "returns");
    c.arrow("line", &[(350, 78), (487, 102)]);
    c.text((420, 112), "soft", "panics");
    c.line("line", &[(85, 100), (85, 160), (570, 160)]);
    for (x, name, why) in [
        (30, "is_aborted", "abort, abort_on_drop"),
        (260, "is_shut_down", "a shutdown, or too late"),
        (490, "is_discarded", "a full queue"),
    ] {
        c.arrow("line", &[(x + 80, 160), (x + 80, 187)]);
        c.boxed((x, 190), (160, 56), "warm", &[name, why]);
    }
    c.text((340, 268), "soft", "is_cancelled: one of these three, the closure was dropped unrun");
    c.line("dashed", &[(30, 253), (650, 253)]);
    c
}

pub(super) fn token() -> Canvas {
    let mut c = Canvas::new(
        680,
        250,
        "A tree of tokens",
        "A server's token has two children, one for each request. The second has a deadline, and a child of its own. \
         When the second is cancelled, so is its child; its parent and its sibling are not.",
    );
    c.boxed((250, 20), (180, 50), "good", &["server", "active"]);
    c.boxed((60, 100), (180, 50), "good", &["request 1", "active"]);
    c.boxed((440, 100), (180, 50), "bad", &["request 2", "cancelled: its time is over"]);
    c.boxed((440, 180), (180, 50), "bad", &["part of request 2", "cancelled with it"]);
    c.arrow("line", &[(290, 70), (160, 97)]);
    c.arrow("line", &[(390, 70), (520, 97)]);
    c.arrow("thick", &[(530, 150), (530, 177)]);
    c.text((178, 80), "soft", "child_token");
    c.text((520, 80), "soft", "with_timeout");
    c.text((470, 168), "soft", "child_token");
    c.text((200, 200), "soft", "cancelling goes down the tree, never up,");
    c.text((200, 218), "soft", "and is final");
    c
}
