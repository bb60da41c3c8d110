//! Tells the package which compiler builds it: a measurement names its compiler.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let compiler = std::env::var_os("RUSTC").expect("cargo sets RUSTC for build scripts");
    let version = Command::new(&compiler).arg("--version").output();
    let version = version.ok().and_then(|out| String::from_utf8(out.stdout).ok());
    let version = version.as_deref().map_or("rustc of unknown version", str::trim);
    println!("cargo::rustc-env=BENCHES_RUSTC={version}");
}
