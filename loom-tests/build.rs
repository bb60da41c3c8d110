//! Switches the library's sources to loom for this package alone.

fn main() {
    println!("cargo::rustc-cfg=scheduler_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
