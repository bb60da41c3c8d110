//! Thumbnails of the images in a folder, in two sizes, by two executors on one pool: one decodes images, the other scales
//! them down. Each has a bounded queue, so few decoded images are in memory at a time, however many the folder has: when
//! the second queue is full, whoever has decoded an image scales one that is queued, and so room comes about without
//! anybody waiting.
//!
//! ```text
//! cargo run --release --example thumbnails -- [--threads W] [--queue N] (--quick | FROM TO)
//! ```
//!
//! - The JPEG and PNG files of the folder FROM, not of those in it, go to TO as `NAME.SIZE.EXTENSION`, in the format that
//!   they have. A photograph that says how it was held is turned upright. None is made larger.
//! - An image that cannot be read is named on stderr, and counted; the rest is done.
//! - `--quick` makes a few images of its own, two of them broken, in a folder that is removed again.
//!
//! Exit code: 1 if a thumbnail is missing, cannot be written or has a wrong size, or if more images were in memory than
//! there may be; 2 if the command line is wrong.

mod gauge;
#[path = "thumbnails/images.rs"]
mod images;
#[path = "args/line.rs"]
mod line;
mod outcome;

use gauge::Gauge;
use image::ImageResult;
use images::{Decoded, Thumbnail};
use indicatif::ProgressBar;
use lexopt::{Arg, Parser};
use scheduler::{Executor, JoinError, RejectionPolicy, Shutdown, ThreadPool};
use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Instant;
use std::{fs, io};

const HELP: &str = "\
Makes thumbnails of the images in a folder.

Usage: thumbnails [--threads W] [--queue N] (--quick | FROM TO)

  FROM has JPEG and PNG files; TO is another folder, made if it is not there
  N thumbnails may wait to be made, with their images decoded; from 1 to 100000, default 8
  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core
  --quick is a short run on images of its own
";

/// Of the longer side.
const SIZES: [u32; 2] = [256, 64];

struct Options {
    /// From where to where; `None`: a short run.
    folders: Option<(PathBuf, PathBuf)>,
    queue: usize,
    pool: ThreadPool,
}

fn main() -> ExitCode {
    let Options { folders, queue, pool } = line::read("thumbnails", HELP, parse);
    let right = match folders {
        Some((from, to)) => run(&from, &to, queue, &pool).map(|(_, right)| right),
        None => short_run(queue, &pool),
    };
    outcome::exit_code("thumbnails", right)
}

fn parse(parser: &mut Parser) -> Result<Option<Options>, lexopt::Error> {
    let (mut quick, mut queue, mut threads) = (false, 8, 0);
    let (mut from, mut to) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
            Arg::Long("queue") => queue = line::number(parser, "--queue", 1..=100_000)?,
            Arg::Long("quick") if from.is_none() => quick = true,
            Arg::Value(folder) if from.is_none() && !quick => from = Some(PathBuf::from(folder)),
            Arg::Value(folder) if to.is_none() && !quick => to = Some(PathBuf::from(folder)),
            _ => return Err(arg.unexpected()),
        }
    }
    let folders = match (from, to) {
        _ if quick => None,
        (Some(from), Some(to)) => Some(check(from, to)?),
        _ => Err("FROM and TO are needed, or --quick")?,
    };
    Ok(Some(Options { folders, queue, pool: line::pool(threads)? }))
}

fn check(from: PathBuf, to: PathBuf) -> Result<(PathBuf, PathBuf), String> {
    let at = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    fs::read_dir(&from).map_err(|error| at(&from, error))?;
    fs::create_dir_all(&to).map_err(|error| at(&to, error))?;
    // Or the next run would make thumbnails of thumbnails.
    let same = from.canonicalize().ok() == to.canonicalize().ok();
    if same { Err("FROM and TO are the same folder".to_owned()) } else { Ok((from, to)) }
}

/// What all closures share.
struct Workshop {
    to: PathBuf,
    scaling: Executor,
    gauge: Gauge,
    bar: ProgressBar,
    outcomes: Sender<Outcome>,
}

/// What has become of a thumbnail, or of an image, and so of all of its thumbnails.
enum Outcome {
    Made(Thumbnail, u32),
    Unwritten(PathBuf, String),
    Unreadable(PathBuf, String),
}

impl Workshop {
    /// The first stage. What it decodes, it submits to the second one.
    fn read(self: &Arc<Self>, path: &Path) -> ImageResult<()> {
        let image = Arc::new(Decoded::read(path, &self.gauge)?);
        for size in SIZES {
            let (image, to) = (Arc::clone(&image), self.target(path, size));
            let make = move || image.thumbnail(size, to);
            // On a worker this does not wait: with a full queue it runs what is oldest there.
            let made = self.scaling.submit(make).expect("it is shut down after the first stage");
            let (this, path) = (Arc::clone(self), path.to_owned());
            made.on_done(move |result| {
                this.report(match told(result) {
                    Ok(thumbnail) => Outcome::Made(thumbnail, size),
                    Err(error) => Outcome::Unwritten(this.target(&path, size), error),
                });
            });
        }
        Ok(())
    }

    fn target(&self, path: &Path, size: u32) -> PathBuf {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let name = path.with_extension(format!("{size}.{extension}"));
        self.to.join(name.file_name().unwrap_or_default())
    }

    fn report(&self, outcome: Outcome) {
        let unreadable = matches!(outcome, Outcome::Unreadable(..));
        self.bar.inc(if unreadable { SIZES.len() as u64 } else { 1 });
        // It is received as long as the workshop is there.
        let _ = self.outcomes.send(outcome);
    }
}

/// The value, or what to say of the error or the panic that is there instead.
fn told<T>(result: Result<ImageResult<T>, JoinError>) -> Result<T, String> {
    match result {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Makes all thumbnails, and checks them. What could not be read, and whether the rest is right.
fn run(
    from: &Path,
    to: &Path,
    queue: usize,
    pool: &ThreadPool,
) -> Result<(Vec<PathBuf>, bool), Box<dyn Error>> {
    let files = images::list(from)?;
    let stage = |name| {
        let stage = Executor::builder(pool).name(name).queue_capacity(queue);
        stage.on_full(RejectionPolicy::Block).build()
    };
    let (decoding, scaling) = (stage("decode")?, stage("scale")?);
    let (sender, outcomes) = mpsc::channel();
    let shop = Arc::new(Workshop {
        to: to.to_owned(),
        scaling: scaling.clone(),
        gauge: Gauge::default(),
        bar: ProgressBar::new((files.len() * SIZES.len()) as u64),
        outcomes: sender,
    });

    let begin = Instant::now();
    for path in &files {
        let (reader, reporter) = (Arc::clone(&shop), Arc::clone(&shop));
        let (path, file) = (path.clone(), path.clone());
        // This one waits while the queue is full.
        decoding.submit(move || reader.read(&file))?.on_done(move |result| {
            if let Err(error) = told(result) {
                reporter.report(Outcome::Unreadable(path, error));
            }
        });
    }
    // First the stage that feeds the other one.
    let reports = [decoding.shutdown(Shutdown::Drain), scaling.shutdown(Shutdown::Drain)];
    let seconds = begin.elapsed().as_secs_f64();
    shop.bar.finish_and_clear();
    let (gauge, metrics) = (shop.gauge.clone(), scaling.metrics());
    drop(shop);

    let (mut made, mut unwritten, mut unreadable) = (Vec::new(), 0, Vec::new());
    // Until nobody is left who could report anything.
    for outcome in outcomes {
        let (path, error) = match outcome {
            Outcome::Made(thumbnail, size) => {
                made.push((thumbnail, size));
                continue;
            }
            Outcome::Unwritten(path, error) => {
                unwritten += 1;
                (path, error)
            }
            Outcome::Unreadable(path, error) => {
                unreadable.push(path.clone());
                (path, error)
            }
        };
        eprintln!("thumbnails: {}: {error}", path.display());
    }
    let thumbnails = made.len();
    let wrong = pool.map_unordered(made, |(made, size)| made.is_right(size));
    let wrong = wrong.filter(|right| !right).count();
    // Those that are queued, and for each worker one that it has decoded and one that it scales.
    let limit = queue + 2 * pool.current_num_threads();
    let complete = reports.iter().all(|report| report.cancelled == 0)
        && thumbnails + SIZES.len() * unreadable.len() == SIZES.len() * files.len();

    println!("{} images, {} unreadable, in {seconds:.3} s", files.len(), unreadable.len());
    println!("thumbnails            {thumbnails:>6}, {wrong} wrong, {unwritten} not written");
    println!("in memory, at most    {:>6} of {limit} that may be", gauge.most());
    println!("full queues           {:>6}, met by who had decoded an image", metrics.blocked);
    let right = complete && wrong == 0 && gauge.most() <= limit;
    println!("right                 {:>6}", if right { "yes" } else { "NO" });
    Ok((unreadable, right))
}

/// On images of its own.
fn short_run(queue: usize, pool: &ThreadPool) -> Result<bool, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir(&from)?;
    fs::create_dir(&to)?;
    let broken = images::samples(&from)?;
    let (unreadable, right) = run(&from, &to, queue, pool)?;
    let named = unreadable.iter().collect::<BTreeSet<_>>() == broken.iter().collect();
    println!("broken ones named     {:>6}", if named { "yes" } else { "NO" });
    Ok(right && named)
}
