//! A search through real files that stops at its first hit, or when its time is over: one token, which
//! the forks of the search carry by themselves. Exit code 1 if it goes on after it was told to stop.
//!
//! ```text
//! cargo run --release --example cancellation -- [--quick | WORD [DIR]]
//! ```
//!
//! In Python a task asks a flag that somebody hands it:
//!
//! ```python
//! shutdown_event = threading.Event()
//!
//! def task():
//!     while not shutdown_event.is_set():
//!         chunk = process_next_chunk()
//!         if chunk is None:
//!             break
//! ```
//!
//! Here it asks `task::checkpoint()?`, wherever in the recursion it is and on whichever worker, and
//! nobody hands anything down.

use scheduler::{CancellationToken, Cancelled, ThreadPool, join, scope, task};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is searched for, and what was found.
struct Search<'a> {
    word: &'a [u8],
    hits: Mutex<Vec<PathBuf>>,
    files: AtomicUsize,
    /// Cancelled by the first hit.
    found: CancellationToken,
}

impl Search<'_> {
    /// A folder and all below it: a part of a scope for each entry.
    fn folder(&self, folder: &Path) -> Result<(), Cancelled> {
        task::checkpoint()?;
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        scope(|s| {
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                // Nobody looks at what a part returns: when one stops, all do.
                if kind.is_dir() {
                    s.fork(move || _ = self.folder(&entry.path()));
                } else if kind.is_file() {
                    s.fork(move || _ = self.file(&entry.path()));
                }
            }
        });
        task::checkpoint()
    }

    fn file(&self, path: &Path) -> Result<(), Cancelled> {
        task::checkpoint()?;
        let Ok(bytes) = fs::read(path) else { return Ok(()) };
        self.files.fetch_add(1, Ordering::Relaxed);
        if self.bytes(&bytes, 0)? {
            self.hits.lock().unwrap().push(path.to_owned());
            self.found.cancel();
        }
        Ok(())
    }

    /// Whether the word begins in `bytes` at `from` or later: both halves at once, as long as they are
    /// large.
    fn bytes(&self, bytes: &[u8], from: usize) -> Result<bool, Cancelled> {
        task::checkpoint()?;
        let len = bytes.len() - from;
        if len <= 64 << 10 {
            return Ok(bytes[from..].windows(self.word.len()).any(|part| part == self.word));
        }
        let middle = from + len / 2;
        // A hit may lie across the middle.
        let end = (middle + self.word.len() - 1).min(bytes.len());
        let (left, right) = join(|| self.bytes(&bytes[..end], from), || self.bytes(bytes, middle));
        Ok(left? || right?)
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (word, folder) = match &args[..] {
        [] => ("checkpoint", "."),
        [quick] if quick == "--quick" => ("checkpoint", "scheduler/src"),
        [word] if !word.starts_with('-') && !word.is_empty() => (&**word, "."),
        [word, folder] if !word.starts_with('-') && !word.is_empty() => (&**word, &**folder),
        _ => {
            eprintln!("cancellation: takes --quick, or WORD [DIR]");
            return ExitCode::from(2);
        }
    };
    let pool = match ThreadPool::new(0) {
        Ok(pool) => pool,
        Err(error) => {
            eprintln!("cancellation: {error}");
            return ExitCode::from(2);
        }
    };
    let first = first_hit(&pool, word, Path::new(folder));
    let limited = limited(&pool);
    ExitCode::from(u8::from(!(first && limited)))
}

/// Stops at the first hit.
fn first_hit(pool: &ThreadPool, word: &str, folder: &Path) -> bool {
    let found = CancellationToken::new();
    let search = Search {
        word: word.as_bytes(),
        hits: Mutex::default(),
        files: AtomicUsize::new(0),
        found: found.clone(),
    };
    let begin = Instant::now();
    let _ = found.run(|| pool.install(|| search.folder(folder)));
    let (files, seconds) = (search.files.into_inner(), begin.elapsed().as_secs_f64());
    let hits = search.hits.into_inner().unwrap();
    match hits.first() {
        Some(path) => println!("`{word}` is in {}", path.display()),
        None => println!("`{word}` is nowhere in {}", folder.display()),
    }
    // Those that were being read when the first one was found may have it as well.
    println!("{files} files read, in {seconds:.4} s");
    hits.is_empty() != found.is_cancelled()
}

/// Counts for a while, and stops when its time is over.
fn limited(pool: &ThreadPool) -> bool {
    const PATIENCE: Duration = Duration::from_millis(50);

    /// For ever, if nobody says stop.
    fn count(depth: u32, counted: &AtomicUsize) -> Result<(), Cancelled> {
        loop {
            task::checkpoint()?;
            if depth == 0 {
                counted.fetch_add(1, Ordering::Relaxed);
            } else {
                let (left, right) =
                    join(|| count(depth - 1, counted), || count(depth - 1, counted));
                left.and(right)?;
            }
        }
    }

    let counted = AtomicUsize::new(0);
    let begin = Instant::now();
    let token = CancellationToken::new().with_timeout(PATIENCE);
    let result = token.run(|| pool.install(|| count(4, &counted)));
    let elapsed = begin.elapsed();
    println!("counted to {counted:?} in {elapsed:.2?}, limited to {PATIENCE:?}");
    result == Err(Cancelled) && elapsed >= PATIENCE
}
