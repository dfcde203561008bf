//! Rendering of scores and images as text, SVG and PNG.

pub(crate) mod image;
pub(crate) mod svg;
mod text_table;

pub use text_table::text_table;
