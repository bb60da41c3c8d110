//! Examples as their users meet them: run as processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::SystemTime;
use std::{env, fs};

/// A run of an example: where cargo puts it when it builds all targets. Built here if it is missing or stale, as after
/// `cargo test --test NAME`.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_remove("SCHEDULER_NUM_THREADS").stdin(Stdio::null());
    command
}

/// The file that is run.
pub(crate) fn binary(name: &str) -> PathBuf {
    /// What has been looked after. Locked meanwhile, so that a test waits for another one's build.
    static READY: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut ready = READY.lock().unwrap();
    ready.entry(name.to_owned()).or_insert_with_key(|name| up_to_date(name)).clone()
}

fn up_to_date(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).expect("tests are in PROFILE/deps");
    let binary = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["src", "examples"].map(|folder| newest(&package.join(folder)));
    let built = fs::metadata(&binary).and_then(|metadata| metadata.modified());
    if built.is_ok_and(|built| sources.iter().all(|source| *source <= built)) {
        return binary;
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "-p", "scheduler", "--example", name]).current_dir(package);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().expect("cargo starts");
    assert!(status.success(), "{build:?}: {status}");
    assert!(binary.exists(), "{build:?} did not make {}", binary.display());
    binary
}

/// When the newest file under `path` was written.
fn newest(path: &Path) -> SystemTime {
    if path.is_file() {
        return fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap();
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
    entries.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
