//! Switches the library's sources to shuttle for this package alone.

fn main() {
    println!("cargo::rustc-cfg=scheduler_shuttle");
    println!("cargo::rerun-if-changed=build.rs");
}
