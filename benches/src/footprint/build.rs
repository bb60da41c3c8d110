//! Builds of a minimal program.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use crate::stats::median;

/// The folder of the workspace.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A program: what it is called, the dependency and the fork that it uses.
struct Program {
    name: &'static str,
    dependency: fn(&Path) -> String,
    code: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        name: "nobody",
        dependency: |_| String::new(),
        code: "fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\n\
               fn main() { println!(\"{}\", fib(20)); }\n",
    },
    Program {
        name: "ours",
        dependency: |workspace| {
            let path = toml::Value::from(workspace.join("scheduler").display().to_string());
            format!("scheduler = {{ path = {path} }}\n")
        },
        code: "fn fib(n: u64) -> u64 {\n    if n < 2 { return n; }\n\
               let (a, b) = scheduler::join(|| fib(n - 1), || fib(n - 2));\n    a + b\n}\n\
               fn main() { println!(\"{}\", fib(20)); }\n",
    },
    Program {
        name: "rayon",
        dependency: |_| "rayon = \"1.12\"\n".into(),
        code: "fn fib(n: u64) -> u64 {\n    if n < 2 { return n; }\n\
               let (a, b) = rayon::join(|| fib(n - 1), || fib(n - 2));\n    a + b\n}\n\
               fn main() { println!(\"{}\", fib(20)); }\n",
    },
    Program {
        name: "chili",
        dependency: |_| "chili = \"0.2.1\"\n".into(),
        code: "fn fib(s: &mut chili::Scope<'_>, n: u64) -> u64 {\n    if n < 2 { return n; }\n\
               let (a, b) = s.join(|s| fib(s, n - 1), |s| fib(s, n - 2));\n    a + b\n}\n\
               fn main() { println!(\"{}\", fib(&mut chili::Scope::global(), 20)); }\n",
    },
];

/// What each prints.
const PRINTS: &str = "6765\n";

/// Builds all programs from nothing, round by round.
///
/// # Errors
/// If a folder cannot be written or removed, or cargo cannot be started or fails.
pub(super) fn measure(
    rounds: usize,
    progress: &dyn Fn(&str),
) -> Result<Vec<(String, String)>, String> {
    let workspace = Path::new(WORKSPACE);
    if !workspace.join("scheduler/Cargo.toml").is_file() {
        return Err(format!(
            "the sources are no longer in {WORKSPACE}: rebuild this program there"
        ));
    }
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let projects: Vec<_> = PROGRAMS
        .iter()
        .map(|program| Project::lay_out(program, folder.path(), workspace))
        .collect::<Result<_, _>>()?;
    let mut seconds = vec![Vec::new(); projects.len()];
    for round in 0..rounds {
        for turn in 0..projects.len() {
            let index = (round + turn) % projects.len();
            progress(PROGRAMS[index].name);
            seconds[index].push(projects[index].build()?);
        }
    }
    let rows = PROGRAMS.iter().zip(&projects).zip(seconds).map(|((program, project), seconds)| {
        let time = median(seconds).expect("there are rounds");
        let kib = project.check_program()? as f64 / 1024.0;
        let crates = project.crates()?;
        Ok((program.name.into(), format!("{time:.2} s, {kib:.0} KiB, {crates} crates")))
    });
    rows.collect()
}

struct Project(PathBuf);

impl Project {
    /// Writes the sources, and has cargo find the dependencies, from its cache if it has them.
    fn lay_out(program: &Program, folder: &Path, workspace: &Path) -> Result<Project, String> {
        let project = Project(folder.join(program.name));
        let manifest = format!(
            "[package]\nname = \"minimal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{}\n[profile.release]\nstrip = true\n\n[workspace]\n",
            (program.dependency)(workspace)
        );
        let write = |name: &str, text: &str| {
            let path = project.0.join(name);
            fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
        };
        let sources = project.0.join("src");
        fs::create_dir_all(&sources).map_err(|e| format!("{}: {e}", sources.display()))?;
        write("Cargo.toml", &manifest)?;
        write("src/main.rs", program.code)?;
        // With the versions that this workspace is locked to; cargo drops what is not needed.
        write("Cargo.lock", crate::machine::LOCK)?;
        let offline = project.cargo(&["fetch", "--offline"]);
        offline.or_else(|offline| {
            let fetched = project.cargo(&["fetch"]);
            fetched.map_err(|online| format!("{offline}\nand with the network, {online}"))
        })?;
        Ok(project)
    }

    fn target(&self) -> PathBuf {
        self.0.join("target")
    }

    /// Builds from nothing; gives the seconds.
    fn build(&self) -> Result<f64, String> {
        let target = self.target();
        if target.exists() {
            let path = target.display();
            fs::remove_dir_all(&target).map_err(|e| format!("cannot remove {path}: {e}"))?;
        }
        let begun = Instant::now();
        self.cargo(&["build", "--release", "--offline", "--locked"])?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Runs what was built; gives its size in bytes.
    fn check_program(&self) -> Result<u64, String> {
        let name = format!("minimal{}", std::env::consts::EXE_SUFFIX);
        let path = self.target().join("release").join(name);
        let named = |error: std::io::Error| format!("{}: {error}", path.display());
        let out = Command::new(&path).output().map_err(named)?;
        let printed = String::from_utf8_lossy(&out.stdout);
        if printed.replace('\r', "") != PRINTS {
            return Err(format!("{} printed {printed:?}, {}", path.display(), out.status));
        }
        Ok(fs::metadata(&path).map_err(named)?.len())
    }

    /// How many crates are built for it, itself included.
    fn crates(&self) -> Result<usize, String> {
        let tree =
            self.cargo(&["tree", "--offline", "--locked", "--prefix=none", "--no-dedupe"])?;
        let mut lines: Vec<_> = tree.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        Ok(lines.len())
    }

    /// What cargo prints.
    fn cargo(&self, args: &[&str]) -> Result<String, String> {
        // Cargo tells its children which one it is.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(&cargo);
        command.args(args).current_dir(&self.0).env("CARGO_TARGET_DIR", self.target());
        let named = format!("{} {}", cargo.display(), args.join(" "));
        let out = command.output().map_err(|e| format!("cannot start {named}: {e}"))?;
        match out.status.success() {
            true => Ok(String::from_utf8_lossy(&out.stdout).into()),
            false => {
                let said = String::from_utf8_lossy(&out.stderr);
                Err(format!("{named}: {}\n{}", out.status, said.trim_end()))
            }
        }
    }
}
