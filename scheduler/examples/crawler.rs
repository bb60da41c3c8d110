//! Crawls a web site on loopback that it serves itself, by an elastic pool with a bounded queue: the requests wait for the
//! server side by side, never more of them than is polite, while the pages that have come are read by workers. First the
//! whole site; then once more, until a token says that there are pages enough.
//!
//! ```text
//! cargo run --release --example crawler -- [--threads W] [--quick | N]
//! ```
//!
//! Exit code 1 if a page is not fetched or fetched twice, if a broken link is not reported, if more requests were made at a
//! time than there may be, or if it goes on after it was told to stop.

mod args;
mod gauge;
#[path = "crawler/links.rs"]
mod links;
mod loopback;
mod outcome;
#[path = "crawler/site.rs"]
mod site;

use loopback::Answer;
use scheduler::{CancellationToken, Elastic, RejectionPolicy, TaskSet, ThreadPool};
use site::Site;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Requests at a time: more would be impolite.
const POLITE: usize = 8;
/// Requests that wait for their turn.
const QUEUE: usize = 32;

fn main() -> ExitCode {
    let (pages, pool) = args::parse(&args::Spec {
        name: "crawler",
        about: "Crawls a web site of its own, of N pages, wholly and until it has a third of them.",
        range: 1..=100_000,
        default: 1000,
        quick: 100,
    });
    outcome::exit_code("crawler", run(pages, pool))
}

fn run(pages: usize, workers: ThreadPool) -> Result<bool, Box<dyn Error>> {
    let workers = Arc::new(workers);
    println!("all of {pages} pages");
    let whole = crawl(pages, usize::MAX, &workers)?;
    let asked = whole.site.visits();
    let once = asked.values().all(|&visits| visits == 1);
    let all =
        (0..pages).all(|page| asked.contains_key(&site::path(page))) && whole.fetched == pages;
    let broken = whole.broken();
    for (path, pages) in broken.iter().rev().take(3) {
        if let Some(first) = pages.first() {
            println!("broken: {path}, linked from {} pages, one of them {first}", pages.len());
        }
    }
    println!("broken links     {:>6}", broken.len());
    let told = broken == whole.site.broken();

    let enough = pages.div_ceil(3);
    println!("until there are {enough}");
    let part = crawl(pages, enough, &workers)?;
    let no_page_twice = part.site.visits().values().all(|&visits| visits == 1);
    // Those that were under way came as well.
    let stopped = (enough..enough + POLITE).contains(&part.fetched);

    let polite = [&whole, &part].iter().all(|crawl| crawl.site.most_at_a_time() <= POLITE);
    let mut right = true;
    for (what, is_so) in [
        ("each page once", all && once && no_page_twice),
        ("broken reported", told),
        ("polite", polite),
        ("stopped", stopped),
    ] {
        println!("{what:<16} {:>6}", if is_so { "yes" } else { "NO" });
        right &= is_so;
    }
    Ok(right)
}

/// What came of a crawl.
struct Crawl {
    site: Arc<Site>,
    /// Pages that came.
    fetched: usize,
    /// For each path that was found, the pages that lead to it.
    linked_from: BTreeMap<String, BTreeSet<String>>,
    /// What is not there.
    missing: BTreeSet<String>,
}

impl Crawl {
    /// The paths that are not there, and which pages lead to them.
    fn broken(&self) -> BTreeMap<String, BTreeSet<String>> {
        let links = self.missing.iter().map(|path| (path.clone(), self.linked_from[path].clone()));
        links.collect()
    }
}

/// What the requests share.
struct Fetcher {
    server: SocketAddr,
    workers: Arc<ThreadPool>,
    enough: usize,
    fetched: AtomicUsize,
    /// Cancelled when there is enough.
    stop: CancellationToken,
}

/// What came of a request.
enum Visit {
    /// A page, with the paths that it leads to.
    Page(String, BTreeSet<String>),
    Missing(String),
    /// It was not made any more.
    Stopped,
}

impl Fetcher {
    /// Makes a request, on a thread that may wait.
    fn visit(&self, path: String) -> io::Result<Visit> {
        // It has been queued for a while.
        if self.stop.is_cancelled() {
            return Ok(Visit::Stopped);
        }
        let Answer { status, body } = loopback::get(self.server, &path)?;
        if status != 200 {
            return Ok(Visit::Missing(path));
        }
        if self.fetched.fetch_add(1, Relaxed) + 1 == self.enough {
            self.stop.cancel();
        }
        // What computes is for workers, and this thread waits for one.
        let links = self.workers.install(|| links::links(&path, &body));
        Ok(Visit::Page(path, links))
    }
}

/// Crawls a new site, until all of it is there or `enough` pages are.
fn crawl(pages: usize, enough: usize, workers: &Arc<ThreadPool>) -> Result<Crawl, Box<dyn Error>> {
    let site = Arc::new(Site::new(pages));
    let server = loopback::serve({
        let site = Arc::clone(&site);
        move |path| site.answer(path)
    })?;
    let fetcher = Arc::new(Fetcher {
        server,
        workers: Arc::clone(workers),
        enough,
        fetched: AtomicUsize::new(0),
        stop: CancellationToken::new(),
    });
    let threads = Elastic::builder()
        .thread_name("fetch")
        .max_threads(POLITE)
        .queue_capacity(QUEUE)
        .on_full(RejectionPolicy::Block)
        .build()?;

    let begin = Instant::now();
    let mut linked_from = BTreeMap::from([(site::path(0), BTreeSet::new())]);
    let mut missing = BTreeSet::new();
    let mut found = vec![site::path(0)];
    let mut visits = TaskSet::new(workers);
    loop {
        for path in found.drain(..) {
            let fetcher = Arc::clone(&fetcher);
            // Waits while the queue is full.
            visits.insert(threads.submit(move || fetcher.visit(path))?);
        }
        // The first `?` is for a panic of the closure, the second for what it returned.
        match visits.join_next().transpose()?.transpose()? {
            None => break,
            Some(Visit::Stopped) => {}
            Some(Visit::Missing(path)) => _ = missing.insert(path),
            Some(Visit::Page(page, links)) => {
                for path in links {
                    let from = linked_from.entry(path).or_insert_with_key(|path| {
                        // Nobody led there before.
                        found.push(path.clone());
                        BTreeSet::new()
                    });
                    from.insert(page.clone());
                }
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let fetched = fetcher.fetched.load(Relaxed);
    let per_second = site.visits().len() as f64 / seconds;
    println!("pages            {fetched:>6} in {seconds:.3} s, {per_second:.0} requests a second");
    println!("at a time        {:>6} of {POLITE} that may be", site.most_at_a_time());
    Ok(Crawl { site, fetched, linked_from, missing })
}
