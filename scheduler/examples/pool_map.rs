//! Hashes and compresses every file under a folder: `ThreadPool::map` gives the results in the order of the files, as
//! they are needed, with a few files in memory at a time. Then a plain loop does it again, and the results must be
//! equal. Exit code 1 if they are not, or if a file cannot be read.
//!
//! ```text
//! cargo run --release --example pool_map -- [--threads W] [--quick | DIR]
//! ```
//!
//! DIR is a folder or a file; without it, or with `--quick`, the sources of this crate. Links are not followed.
//!
//! In Python, `map` draws all its items at once, before the first result is asked for:
//!
//! ```python
//! with ThreadPoolExecutor(max_workers=10) as pool:
//!     results = list(pool.map(handle_request, range(1000)))
//! ```

use scheduler::ThreadPool;
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, exit};
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
    let (root, pool) = parse();
    match run(&root, &pool) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pool_map: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, pool: &ThreadPool) -> io::Result<bool> {
    let mut files = Vec::new();
    list(root, &mut files)?;
    files.sort();

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

/// The files at or below `path`.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let kind = std::fs::symlink_metadata(path).map_err(|error| at(path, &error))?.file_type();
    if kind.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| at(path, &error))? {
            list(&entry?.path(), files)?;
        }
    } else if kind.is_file() {
        files.push(path.to_owned());
    }
    Ok(())
}

/// The error, with the file that it is about.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn parse() -> (PathBuf, ThreadPool) {
    let mut root = None;
    let mut threads = 0;
    let mut args = std::env::args_os().skip(1);
    let sources = || Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => {
                println!("{HELP}");
                exit(0);
            }
            Some("--threads") => threads = number(&args.next().unwrap_or_default()),
            _ if root.is_some() => fail(format!("one DIR is enough: what is {arg:?}?")),
            Some("--quick") => root = Some(sources()),
            Some(text) if text.starts_with('-') => {
                fail(format!("there is no option {text:?}; --help lists all"))
            }
            _ => root = Some(PathBuf::from(arg)),
        }
    }
    let pool = ThreadPool::new(threads).unwrap_or_else(|error| fail(error));
    (root.unwrap_or_else(sources), pool)
}

fn number(value: &OsString) -> usize {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| fail(format!("--threads needs a number, not {value:?}")))
}

fn fail(message: impl Display) -> ! {
    eprintln!("pool_map: {message}");
    exit(2)
}
