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

use indicatif::ProgressBar;
use scheduler::{ThreadPool, as_completed};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
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
    match run(n, &pool) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("as_completed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(n: usize, pool: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    // It ends with the process, as it does if a request fails.
    thread::Builder::new().name("server".to_owned()).spawn(move || serve(&listener))?;

    let begin = Instant::now();
    let bar = ProgressBar::new(n as u64);
    let handles = (0..n).map(|id| pool.spawn(move || request(address, id)));
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

/// GET, and the body of the answer.
fn request(address: SocketAddr, id: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{id} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(format!("request {id}: {head}")));
    }
    Ok(body.to_owned())
}

/// Answers each connection on a thread of its own.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        thread::spawn(|| {
            if let Err(error) = stream.and_then(|stream| answer(&stream)) {
                eprintln!("as_completed: the server: {error}");
            }
        });
    }
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    // The head ends with an empty line.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let Some(id) = path.strip_prefix('/').and_then(|id| id.parse::<usize>().ok()) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    };
    thread::sleep(Duration::from_millis(if id.is_multiple_of(7) { 20 } else { 1 }));
    let body = format!("done-{id}");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
