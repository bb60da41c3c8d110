//! Hashes and compresses every file under a folder: `ThreadPool::map` gives the results in the order of the files, as
//! they are needed, with a few files in memory at a time. Then a plain loop does it again, and the results must be
//! equal. Exit code 1 if they are not, or if a file cannot be read.
//!
//! ```text
//! cargo run --release --example pool_map -- [--threads W] [--quick | DIR]
//! ```
//!
//! DIR is a folder or a file; without it, or with `--quick`, the sources of this crate. Links in it are not followed.
//!
//! In Python, `map` draws all its items at once, before the first result is asked for:
//!
//! ```python
//! with ThreadPoolExecutor(max_workers=10) as pool:
//!     results = list(pool.map(handle_request, range(1000)))
//! ```

#[path = "args/line.rs"]
mod line;
mod outcome;
mod walk;

use lexopt::{Arg, Parser};
use scheduler::ThreadPool;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const HELP: &str = "\
Hashes and compresses every file under a folder, on all cores; then again by a plain loop.

Usage: pool_map [--threads W] [--quick | DIR]

  DIR is a folder or a file, default (and --quick): the sources of this crate
  W workers, default 0: SCHEDULER_NUM_THREADS, or one for each core";

/// Of zlib, from 0 to 10.
const LEVEL: u8 = 6;

#[derive(Debug, PartialEq, Eq)]
struct Packed {
    bytes: usize,
    hash: u32,
    packed: Vec<u8>,
}

fn main() -> ExitCode {
    let (root, pool) = line::read("pool_map", HELP, parse);
    outcome::exit_code("pool_map", run(&root, &pool))
}

fn run(root: &Path, pool: &ThreadPool) -> io::Result<bool> {
    let files: Vec<_> = walk::files(root).collect::<Result<_, _>>()?;

    let begin = Instant::now();
    let mut results = Vec::with_capacity(files.len());
    for (path, result) in files.iter().zip(pool.map(files.clone(), |path| pack(&path))) {
        let Packed { bytes, hash, packed } = result.as_ref().map_err(|error| at(path, error))?;
        println!("{hash:08x} {bytes:>9} -> {:>9}  {}", packed.len(), path.display());
        results.extend(result);
    }
    let parallel = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    let expected: Vec<_> = files.iter().map(|path| pack(path)).collect::<io::Result<_>>()?;
    let sequential = begin.elapsed().as_secs_f64();
    let equal = results == expected && results.iter().all(unpacks);

    let bytes: usize = results.iter().map(|result| result.bytes).sum();
    let packed: usize = results.iter().map(|result| result.packed.len()).sum();
    println!("{} files, {bytes} bytes, packed into {packed}", files.len());
    println!("map          {parallel:>9.3} s, workers: {}", pool.current_num_threads());
    println!("plain loop   {sequential:>9.3} s, {:.2} times as long", sequential / parallel);
    println!("equal        {:>9}", if equal { "yes" } else { "NO" });
    Ok(equal)
}

fn pack(path: &Path) -> io::Result<Packed> {
    let content = std::fs::read(path).map_err(|error| at(path, &error))?;
    let packed = miniz_oxide::deflate::compress_to_vec(&content, LEVEL);
    Ok(Packed { bytes: content.len(), hash: crc32fast::hash(&content), packed })
}

/// Whether what was packed is what was hashed.
fn unpacks(result: &Packed) -> bool {
    let content = miniz_oxide::inflate::decompress_to_vec(&result.packed);
    content.is_ok_and(|content| crc32fast::hash(&content) == result.hash)
}

/// The error, with the file that it is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn parse(parser: &mut Parser) -> Result<Option<(PathBuf, ThreadPool)>, lexopt::Error> {
    let mut root = None;
    let mut threads = 0;
    let sources = || Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("threads") => threads = line::number(parser, "--threads", line::WORKERS)?,
            Arg::Long("quick") if root.is_none() => root = Some(sources()),
            Arg::Value(folder) if root.is_none() => root = Some(PathBuf::from(folder)),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some((root.unwrap_or_else(sources), line::pool(threads)?)))
}
