//! Requests to a server that takes 90 ms to answer, each with 10 ms of work on the answer: with a
//! thread for each of 4 cores, and with the 40 threads that `sizing::io_bound` gives for them. The
//! server is one on loopback that the example starts. Exit code 1 if an answer is wrong, or if more
//! threads did not get more done.
//!
//! ```text
//! cargo run --release --example elastic_blocking -- [--quick | N]
//! ```
//!
//! In Python it would be, with a number of threads from the same formula:
//!
//! ```python
//! cores, wait, compute = 4, 0.090, 0.010
//! with ThreadPoolExecutor(max_workers=int(cores * (1 + wait / compute))) as pool:
//!     for answer in pool.map(handle_request, range(200)):
//!         ...
//! ```
//!
//! There the threads are started as work comes in, as here, and stay until the end; the queue has no
//! bound. Here threads end when they have nothing to do, and a full queue makes the submitter wait.

mod args;
mod loopback;
mod outcome;

use loopback::{Answer, get, serve};
use scheduler::{Elastic, RejectionPolicy, ThreadPool, sizing};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const CORES: usize = 4;
const WAIT: Duration = Duration::from_millis(90);
const COMPUTE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let (requests, pool) = args::parse(&args::Spec {
        name: "elastic_blocking",
        about: "Makes N requests that mostly wait, with few threads and with enough.",
        range: 1..=100_000,
        default: 200,
        quick: 80,
    });
    outcome::exit_code("elastic_blocking", run(requests, &pool))
}

fn run(requests: usize, workers: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let server = serve(square)?;
    let steps = steps_in(COMPUTE);
    let enough = sizing::io_bound(CORES, WAIT, COMPUTE);
    println!("{requests} requests, each {WAIT:?} of waiting and about {COMPUTE:?} of work");
    // What computes and does not wait is for workers.
    let expected = (0..requests as u64).map(|n| workers.spawn(move || work(n * n, steps)));
    let expected: Vec<_> = expected.collect();
    let expected = expected.into_iter().map(|handle| handle.join()).collect::<Result<_, _>>()?;

    let few = sizing::io_bound(CORES, Duration::ZERO, COMPUTE);
    let few = measure(&expected, few, server, steps)?;
    let many = measure(&expected, enough, server, steps)?;
    println!("{:.1} times as many a second", many.per_second / few.per_second);
    println!(
        "for {} cores it would be {} threads",
        workers.current_num_threads(),
        sizing::io_bound(workers.current_num_threads(), WAIT, COMPUTE)
    );
    let right = enough == 40 && few.right && many.right;
    // With so few requests that the few threads have one each, there is nothing to gain.
    let more = requests <= 2 * CORES || many.per_second > few.per_second;
    println!("answers  {}", if right { "all right" } else { "WRONG" });
    println!("gain     {}", if more { "yes" } else { "NO" });
    Ok(right && more)
}

struct Measured {
    per_second: f64,
    right: bool,
}

/// All requests, on so many threads.
fn measure(
    expected: &Vec<u64>,
    threads: usize,
    server: SocketAddr,
    steps: u64,
) -> Result<Measured, Box<dyn Error>> {
    let pool = Elastic::builder()
        .max_threads(threads)
        .queue_capacity(2 * threads)
        .on_full(RejectionPolicy::Block)
        .thread_name("request")
        .build()?;
    let begin = Instant::now();
    let request = |number: usize| pool.submit(move || answer(server, number as u64, steps));
    // As soon as the queue is full, this waits for room.
    let handles: Vec<_> = (0..expected.len()).map(request).collect::<Result<_, _>>()?;
    let mut answers = Vec::new();
    for handle in handles {
        answers.push(handle.join()??);
    }
    let per_second = expected.len() as f64 / begin.elapsed().as_secs_f64();
    println!("{:>3} threads {per_second:>8.1} requests/s", pool.metrics().largest);
    Ok(Measured { per_second, right: answers == *expected })
}

/// One request: asks, waits, and works on the answer.
fn answer(server: SocketAddr, number: u64, steps: u64) -> io::Result<u64> {
    let square = get(server, &format!("/{number}"))?.body.parse().map_err(io::Error::other)?;
    Ok(work(square, steps))
}

/// What the server says: the square, after a while.
fn square(path: &str) -> Answer {
    let Some(number) = path.strip_prefix('/').and_then(|number| number.parse::<u64>().ok()) else {
        return Answer { status: 404, body: String::new() };
    };
    thread::sleep(WAIT);
    Answer { status: 200, body: (number * number).to_string() }
}

/// A hash of a number that takes so many steps.
fn work(number: u64, steps: u64) -> u64 {
    (0..steps).fold(number, |hash, step| (hash ^ step).wrapping_mul(0x100_0000_01B3).rotate_left(5))
}

/// How many steps take so long on this machine.
fn steps_in(time: Duration) -> u64 {
    let mut steps = 1000;
    loop {
        let begin = Instant::now();
        std::hint::black_box(work(std::hint::black_box(7), steps));
        if begin.elapsed() >= time {
            return steps;
        }
        steps += steps / 4;
    }
}
