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
mod loopback;
mod outcome;

use loopback::{Answer, get, serve};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scheduler::{Elastic, Executor, RejectionPolicy, Shutdown, ThreadPool, join};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let (tasks, pool) = args::parse(&args::Spec {
        name: "metrics",
        about: "Runs N tasks, and scrapes its own metrics meanwhile.",
        range: 1..=10_000_000,
        default: 100_000,
        quick: 2_000,
    });
    outcome::exit_code("metrics", run(tasks, pool))
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
        self.elastic.metrics().publish("files");
        self.page.render()
    }

    fn answer(&self, path: &str) -> Answer {
        match path {
            "/metrics" => Answer { status: 200, body: self.scrape() },
            _ => Answer { status: 404, body: String::new() },
        }
    }
}

fn run(tasks: usize, pool: ThreadPool) -> Result<bool, Box<dyn Error>> {
    let executor = Executor::builder(&pool)
        .queue_capacity(1000)
        .on_full(RejectionPolicy::Block)
        .timings(true)
        .build()?;
    let elastic = Elastic::builder().max_threads(8).thread_name("files").build()?;
    let page = PrometheusBuilder::new().install_recorder()?;
    let service = Arc::new(Service { page, pool, executor, elastic });
    let server = Arc::clone(&service);
    let address = serve(move |path| server.answer(path))?;
    println!("http://{address}/metrics");

    // Something for each kind of pool.
    let is_folder = service.elastic.submit(|| std::fs::metadata(".").map(|file| file.is_dir()))?;
    let mut right = is_folder.join()??;
    let mut sums = Vec::new();
    let mut during = None;
    for n in 0..tasks as u64 {
        sums.push(service.executor.submit(move || sum(0, n % 1000))?);
        if n == tasks as u64 / 2 {
            during = Some(scrape(address)?);
        }
    }
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
    let threads = r#"scheduler_elastic_threads_largest{pool="files"}"#;
    let during = during.and_then(|page| value(&page, submitted)).unwrap_or(0.0);
    for (name, expected) in [
        (submitted, tasks),
        (completed, tasks),
        (run_time, tasks),
        (workers, service.pool.current_num_threads()),
        (threads, 1),
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

/// What a Prometheus server does every few seconds.
fn scrape(address: SocketAddr) -> io::Result<String> {
    let answer = get(address, "/metrics")?;
    match answer.status {
        200 => Ok(answer.body),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}

/// The value of a series; `None` if the page does not have it.
fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}
