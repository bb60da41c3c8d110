//! A service that shows what its pools do, as Prometheus reads it: it answers `GET /metrics` on loopback,
//! does some work, is scraped while it does and afterwards, and compares the page with what it knows. Exit
//! code 1 if a figure is wrong.
//!
//! ```text
//! cargo run --release --features metrics --example metrics -- [--threads W] [--quick | N]
//! ```
//!
//! The page is made by `metrics-exporter-prometheus`. That has an HTTP server as well, which would show what
//! was published last; here the figures are those of the moment of the scrape.

mod args;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scheduler::{Elastic, Executor, RejectionPolicy, Shutdown, ThreadPool, join};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

fn main() -> ExitCode {
    let (tasks, pool) = args::parse(&args::Spec {
        name: "metrics",
        about: "Runs N tasks, and scrapes its own metrics meanwhile.",
        range: 1..=10_000_000,
        default: 100_000,
        quick: 2_000,
    });
    match run(tasks, pool) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("metrics: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is shown.
struct Service {
    page: PrometheusHandle,
    pool: ThreadPool,
    executor: Executor,
    elastic: Elastic,
}

impl Service {
    fn scrape(&self) -> String {
        self.pool.metrics().publish("compute");
        self.executor.metrics().publish("sums");
        self.elastic.metrics().publish("http");
        self.page.render()
    }
}

fn run(tasks: usize, pool: ThreadPool) -> Result<bool, Box<dyn Error>> {
    let executor = Executor::builder(&pool)
        .queue_capacity(1000)
        .on_full(RejectionPolicy::Block)
        .timings(true)
        .build()?;
    let elastic = Elastic::builder().max_threads(8).thread_name("http").build()?;
    let page = PrometheusBuilder::new().install_recorder()?;
    let service = Arc::new(Service { page, pool, executor, elastic });
    let address = serve(&service)?;
    println!("http://{address}/metrics");

    let mut sums = Vec::new();
    let mut during = None;
    for n in 0..tasks as u64 {
        sums.push(service.executor.submit(move || sum(0, n % 1000))?);
        if n == tasks as u64 / 2 {
            during = Some(scrape(address)?);
        }
    }
    let mut right = true;
    for (n, handle) in sums.into_iter().enumerate() {
        let n = n as u64 % 1000;
        right &= handle.join()? == n * n.saturating_sub(1) / 2;
    }
    let report = service.executor.shutdown(Shutdown::Drain);
    right &= report.cancelled == 0;

    let page = scrape(address)?;
    let submitted = r#"scheduler_executor_submitted_total{executor="sums"}"#;
    let completed = r#"scheduler_executor_ended_total{executor="sums",how="completed"}"#;
    let run_time = r#"scheduler_executor_run_time_seconds_bucket{executor="sums",le="+Inf"}"#;
    let workers = r#"scheduler_workers{pool="compute"}"#;
    let threads = r#"scheduler_elastic_threads_limit{pool="http"}"#;
    let during = during.and_then(|page| value(&page, submitted)).unwrap_or(0.0);
    for (name, expected) in [
        (submitted, tasks),
        (completed, tasks),
        (run_time, tasks),
        (workers, service.pool.current_num_threads()),
        (threads, 8),
    ] {
        let value = value(&page, name);
        println!("{name} {}", value.map_or("is missing".to_owned(), |value| value.to_string()));
        right &= value == Some(expected as f64);
    }
    // The task at which it was scraped had been submitted.
    println!("submitted by the first scrape: {during}");
    right &= during > tasks as f64 / 2.0 && during <= tasks as f64;
    println!("right  {}", if right { "yes" } else { "NO" });
    Ok(right)
}

/// What each task does: sums up in halves.
fn sum(from: u64, to: u64) -> u64 {
    if to - from <= 64 {
        return (from..to).sum();
    }
    let middle = from.midpoint(to);
    let (left, right) = join(|| sum(from, middle), || sum(middle, to));
    left + right
}

/// Answers requests, as long as the process lives.
fn serve(service: &Arc<Service>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let service = Arc::clone(service);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = Arc::clone(&service);
            // A client whose connection breaks sees it itself.
            drop(service.elastic.submit(move || answer(stream, &server)));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream, service: &Service) -> io::Result<()> {
    let mut request = BufReader::new(&stream).lines();
    let first = request.next().transpose()?.unwrap_or_default();
    // To the empty line after the headers, so that the connection closes in good order.
    while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, page) = match first.split(' ').nth(1) {
        Some("/metrics") => ("200 OK", service.scrape()),
        _ => ("404 Not Found", String::new()),
    };
    let kind = "text/plain; version=0.0.4";
    let length = page.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{page}"
    )
}

/// What a Prometheus server does every few seconds.
fn scrape(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, page)) if head.starts_with("HTTP/1.1 200 ") => Ok(page.to_owned()),
        _ => Err(io::Error::other(format!("not a page: {answer}"))),
    }
}

/// The value of a series; `None` if the page does not have it.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}
