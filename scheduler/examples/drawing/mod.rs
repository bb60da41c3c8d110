//! The command line of the examples that draw: one number, and a file for the picture.

#[path = "../args/number.rs"]
mod number;

pub(crate) use number::Spec;

use number::Extra;
use scheduler::ThreadPool;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use tempfile::TempDir;

/// Where the picture goes.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    /// Open from the start: it is no good to learn after the work that there is no such folder.
    pub(crate) file: File,
    /// Where nobody is to keep the picture: it goes when this goes.
    temporary: Option<TempDir>,
}

impl Target {
    fn new(path: Option<PathBuf>, name: &str, quick: bool) -> io::Result<Self> {
        let temporary = if path.is_none() && quick { Some(tempfile::tempdir()?) } else { None };
        let folder = temporary.as_ref().map_or_else(std::env::temp_dir, |dir| dir.path().into());
        let path = path.unwrap_or_else(|| folder.join(name));
        let file = File::create(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(Self { path, file, temporary })
    }

    /// Says where the picture is, if it stays there.
    pub(crate) fn announce(&self) {
        if self.temporary.is_none() {
            println!("see {}", self.path.display());
        }
    }
}

/// The number, a pool, and where to draw: to the file that was named, or else to `picture` in the folder for temporary
/// files; after a short run nothing stays there. Ends the process after `--help`, and after a mistake: one line on stderr,
/// exit code 2.
pub(crate) fn parse(spec: &Spec, picture: &str) -> (usize, ThreadPool, Target) {
    let help = format!(
        "is overwritten; default: {picture} in the folder for temporary files, \
         and with --quick nowhere to stay"
    );
    let out = Extra { name: "out", value: "FILE", help: &help };
    number::parse(spec, Some(&out), |n, pool, quick, file| {
        let target = Target::new(file.map(PathBuf::from), picture, quick);
        Ok((n, pool, target.map_err(|error| error.to_string())?))
    })
}
