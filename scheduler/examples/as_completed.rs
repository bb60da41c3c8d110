//! Sends N requests to an HTTP server and looks at each answer as soon as it is there, with a progress bar. The server is
//! the example's own, on loopback; it takes its time over some of them. Exit code 1 if an answer is wrong or
//! missing.
//!
//! ```text
//! cargo run --release --example as_completed -- [--threads W] [--quick | N]
//! ```
//!
//! The same in Python:
//!
//! ```python
//! with ThreadPoolExecutor(max_workers=10) as pool:
//!     futures = [pool.submit(handle_request, i) for i in range(1000)]
//!     for future in as_completed(futures):
//!         result = future.result()
//! ```

mod args;
mod loopback;
mod outcome;

use indicatif::ProgressBar;
use loopback::{Answer, get, serve};
use scheduler::{ThreadPool, as_completed};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let (n, pool) = args::parse(&args::Spec {
        name: "as_completed",
        about: "Sends N requests to an HTTP server of its own, and takes the answers as they come.",
        range: 1..=100_000,
        default: 400,
        quick: 40,
    });
    outcome::exit_code("as_completed", run(n, &pool))
}

fn run(n: usize, pool: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let server = serve(answer)?;
    let begin = Instant::now();
    let bar = ProgressBar::new(n as u64);
    let handles = (0..n).map(|id| pool.spawn(move || request(server, id)));
    let mut overtaken = 0;
    let mut last = 0;
    let mut answered = vec![false; n];
    for (id, answer) in as_completed(handles) {
        // The first `?` is for a panic of the closure, the second for what it returned.
        let answer = answer??;
        answered[id] = answer == format!("done-{id}") && !answered[id];
        overtaken += usize::from(id < last);
        last = id;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let seconds = begin.elapsed().as_secs_f64();

    let right = answered.into_iter().all(|answered| answered);
    println!("{n} requests in {seconds:.3} s, workers: {}", pool.current_num_threads());
    println!("came after a later one  {overtaken:>6}");
    println!("answered, and right     {:>6}", if right { "yes" } else { "NO" });
    Ok(right)
}

/// The body of the server's answer.
fn request(server: SocketAddr, id: usize) -> io::Result<String> {
    let Answer { status, body } = get(server, &format!("/{id}"))?;
    if status != 200 {
        return Err(io::Error::other(format!("request {id}: status {status}")));
    }
    Ok(body)
}

/// What the server says.
fn answer(path: &str) -> Answer {
    let Some(id) = path.strip_prefix('/').and_then(|id| id.parse::<usize>().ok()) else {
        return Answer { status: 404, body: String::new() };
    };
    thread::sleep(Duration::from_millis(if id.is_multiple_of(7) { 20 } else { 1 }));
    Answer { status: 200, body: format!("done-{id}") }
}
