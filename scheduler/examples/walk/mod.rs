//! The files below a folder.

use std::path::{Path, PathBuf};
use walkdir::{Error, WalkDir};

/// The files below `root`, in the order of their names, and what keeps from finding more. Links are followed only if `root`
/// is one; pipes, sockets and devices are left out.
pub(crate) fn files(root: &Path) -> impl Iterator<Item = Result<PathBuf, Error>> + use<> {
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    entries.filter_map(|entry| match entry {
        Ok(entry) => {
            let is_file = match entry.depth() {
                0 => entry.path().is_file(),
                _ => entry.file_type().is_file(),
            };
            is_file.then(|| Ok(entry.into_path()))
        }
        Err(error) => Some(Err(error)),
    })
}
