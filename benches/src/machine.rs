//! Where and with what a measurement was taken, and who else used the machine meanwhile.

use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// The machine and the versions under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Hardware threads this process may use.
    pub cpus: usize,
    /// The operating system, with its kernel's release where that is known.
    pub system: String,
    /// The compiler of this package.
    pub rustc: String,
    /// Names and versions of the contenders' crates.
    pub crates: Vec<(String, String)>,
}

/// The versions that this build is locked to.
pub(crate) const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// What is compared, and what the works are made of.
const CRATES: [&str; 11] = [
    "scheduler",
    "rayon",
    "rayon-core",
    "chili",
    "crossbeam-channel",
    "crossbeam-utils",
    "threadpool",
    "tokio",
    "async-executor",
    "orx-parallel",
    "sha1",
];

impl Machine {
    /// Looks at this machine; what cannot be found out is called "unknown".
    pub fn here() -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let about = |key: &str| {
            let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            lines.find_map(|(name, value)| (name.trim() == key).then(|| value.trim()))
        };
        // Virtual machines may be told no more than the make.
        let [family, model] = ["cpu family", "model"].map(|key| about(key).unwrap_or("unknown"));
        let name = about("model name").unwrap_or("unknown processor");
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cpu: format!("{name} (family {family}, model {model})"),
            cpus: thread::available_parallelism().map_or(0, usize::from),
            system: format!("{} {}", std::env::consts::OS, release.trim()).trim().into(),
            rustc: env!("BENCHES_RUSTC").into(),
            crates: CRATES.map(|name| (name.into(), locked_version(name))).into(),
        }
    }
}

fn locked_version(name: &str) -> String {
    let name = format!("name = \"{name}\"");
    let mut lines = LOCK.lines().skip_while(|line| **line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"')).into()
}

/// The CPU time that was spent up to some moment; compare with a later one by [`Load::since`].
#[derive(Clone, Copy, Debug)]
pub struct Load(Option<Ticks>);

/// In the kernel's clock ticks, all processors added up.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    all: u64,
    busy: u64,
    stolen: u64,
    own: u64,
}

/// Shares of the machine's CPU time, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Used by other processes.
    pub others: f64,
    /// Kept by the host of this virtual machine.
    pub stolen: f64,
}

impl Load {
    /// The time spent up to now.
    pub fn now() -> Load {
        let machine = fs::read_to_string("/proc/stat").ok();
        let own = fs::read_to_string("/proc/self/stat").ok();
        Load(machine.zip(own).and_then(|(machine, own)| Ticks::parse(&machine, &own)))
    }

    /// What others took between `earlier` and this; `None` where the system does not tell, or no
    /// tick went by.
    pub fn since(&self, earlier: &Load) -> Option<Share> {
        let (from, to) = (earlier.0?, self.0?);
        // The kernel now and then takes waiting time back, and the two files are not read at the
        // same moment: no difference may wrap.
        let all = to.all.saturating_sub(from.all) as f64;
        let (busy, own) = (to.busy.saturating_sub(from.busy), to.own.saturating_sub(from.own));
        let others = busy.saturating_sub(own) as f64;
        (all > 0.0).then(|| Share {
            others: others / all,
            stolen: to.stolen.saturating_sub(from.stolen) as f64 / all,
        })
    }
}

impl Ticks {
    /// Reads `/proc/stat` (of the machine) and `/proc/self/stat` (of this process).
    fn parse(machine: &str, own: &str) -> Option<Ticks> {
        let fields = machine.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
        let fields: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
        // Guests' time, in the fields after these, is part of `user` and `nice`.
        let &[user, nice, system, idle, iowait, irq, softirq, stolen, ..] = fields.as_slice()
        else {
            return None;
        };
        let busy = user + nice + system + irq + softirq;
        // The name, in brackets, may contain anything; `utime` and `stime` are the 12th and 13th
        // field after it.
        let mut own = own.rsplit_once(')')?.1.split_whitespace().skip(11).map(str::parse::<u64>);
        let own = own.next()?.ok()? + own.next()?.ok()?;
        Some(Ticks { all: busy + idle + iowait + stolen, busy, stolen, own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_found_in_the_lock_file() {
        assert!(CRATES.iter().all(|name| locked_version(name) != "unknown"));
        assert!(locked_version("rayon").starts_with("1."), "rayon {}", locked_version("rayon"));
        assert_eq!(locked_version("no such crate"), "unknown");
    }

    #[test]
    fn others_are_what_we_did_not_use_ourselves() {
        let own = |utime: u64, stime: u64| {
            format!("7 (a) b) R 1 1 1 0 -1 0 0 0 0 0 {utime} {stime} 9 9 20 0 1")
        };
        let from = Load(Ticks::parse("cpu  100 0 10 500 5 1 4 20 7 7\ncpu0 0", &own(50, 5)));
        let to = Load(Ticks::parse("cpu  170 5 20 590 10 2 8 35 7 7\ncpu0 0", &own(100, 15)));
        let share = to.since(&from).expect("both parse");
        // 90 busy, of which 60 are ours; 90 idle, 5 waiting, 15 stolen.
        assert_eq!((share.others, share.stolen), (30.0 / 200.0, 15.0 / 200.0));
    }

    #[test]
    fn nonsense_is_not_a_load() {
        assert!(Ticks::parse("cpu  1 2 3", "7 (a) R").is_none());
        assert!(Ticks::parse("", "").is_none());
    }
}
