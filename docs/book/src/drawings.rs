//! The drawings of the guide.

mod concepts;
mod lifecycles;

use crate::Faults;
use crate::canvas::Canvas;
use std::fs;
use std::path::Path;

const FOLDER: &str = "docs/guide/drawings";

fn all() -> [(&'static str, Canvas); 11] {
    [
        ("single-queue", concepts::single_queue()),
        ("stealing", concepts::stealing()),
        ("head-and-tail", concepts::head_and_tail()),
        ("sleeping", concepts::sleeping()),
        ("full-queue", concepts::full_queue()),
        ("shutdown", concepts::shutdown()),
        ("life-of-a-pool", lifecycles::pool()),
        ("life-of-an-executor", lifecycles::executor()),
        ("life-of-an-elastic-thread", lifecycles::elastic_thread()),
        ("life-of-a-closure", lifecycles::closure()),
        ("life-of-a-token", lifecycles::token()),
    ]
}

/// Draws them anew.
pub(crate) fn write(root: &Path) -> Faults {
    let mut faults = Vec::new();
    for (name, drawing) in all() {
        let path = root.join(FOLDER).join(format!("{name}.svg"));
        let written =
            fs::create_dir_all(root.join(FOLDER)).and_then(|()| fs::write(&path, drawing.finish()));
        if let Err(error) = written {
            faults.push(format!("{}: {error}", path.display()));
        }
    }
    faults
}

/// Whether the files are what is drawn here.
pub(crate) fn check(root: &Path) -> Faults {
    let mut faults = Vec::new();
    for (name, drawing) in all() {
        let path = format!("{FOLDER}/{name}.svg");
        if fs::read_to_string(root.join(&path)).ok().as_deref() != Some(&drawing.finish()) {
            faults.push(format!("{path}: is not what `book draw` draws"));
        }
    }
    faults
}
