//! The pages of the guide and of the migration, as doctests: `cargo test -p guide --doc`.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));
