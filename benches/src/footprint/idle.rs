//! What workers without work cost.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    Case, Reading, Size,
    pool::{Peer, Pool},
    spin,
};
use crate::clock;

const WORKERS: usize = 8;
/// After the last work, for all to go to sleep.
const SETTLE: Duration = Duration::from_millis(200);

pub(super) fn cases() -> Vec<Case> {
    let case = |peer: Peer| Case::new(peer.name().into(), move |size| measure(peer, size));
    Peer::ALL.map(case).into()
}

fn measure(peer: Peer, size: Size) -> Reading {
    let length = Duration::from_secs(size.pick(5, 1) as u64);
    let pool = Pool::start(peer, WORKERS);
    // Everybody has worked once.
    pool.burst(WORKERS * 100, Arc::new(|| spin(Duration::from_micros(50))));
    thread::sleep(SETTLE);
    let mut reading = Reading::new();
    let mut put = |name: &str, cpu: Option<Duration>, length: Duration| {
        let per_second = cpu.map(|cpu| cpu.as_secs_f64() * 1e3 / length.as_secs_f64());
        reading.insert(name.into(), per_second.into_iter().collect());
    };

    let (begun, before) = (Instant::now(), clock::process());
    thread::sleep(length);
    let idle = since(clock::process(), before);
    put("idle", idle, begun.elapsed());

    let (others, took) = pool.install(move || {
        let begun = Instant::now();
        let before = (clock::process(), clock::thread());
        spin(length);
        let own = since(clock::thread(), before.1);
        (since(since(clock::process(), before.0), own), begun.elapsed())
    });
    put("busy", others, took);
    reading
}

fn since(now: Option<Duration>, before: Option<Duration>) -> Option<Duration> {
    Some(now?.saturating_sub(before?))
}
