//! From samples to what people look at.
//!
//! `model.rs` is what is measured and kept; the rest draws it.

mod axis;
mod html;
mod markup;
mod model;
mod number;
mod palette;
mod plot;
mod readme;
mod table;
mod verdict;

pub use html::html;
pub use model::{Round, Row, Run, WorkReport, load, write};
pub use readme::svg;
pub use table::{COLUMNS, summary, table};

#[cfg(test)]
mod tests;
