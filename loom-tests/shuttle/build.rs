//! Switches the library's sources to shuttle for this package alone.

fn main() {
    println!("cargo::rustc-cfg=scheduler_shuttle");
    // The sources ask for these features. They are no features of this package, or somebody could switch
    // one on, and what it needs is not here.
    let features = r#""affinity", "macros", "signal", "stream", "orx", "metrics", "tracing""#;
    println!("cargo::rustc-check-cfg=cfg(feature, values({features}))");
    println!("cargo::rerun-if-changed=build.rs");
}
