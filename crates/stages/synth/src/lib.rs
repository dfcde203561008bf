//! Synthetic fluorescence images of labelled cells in Kaggle's layout.
//!
//! [`samples`] chooses ids and labels of all samples, [`Sample::draw`] draws one, and
//! [`write_images`] and [`write_tables`] write them. Drawing goes from coarse to fine: cell
//! line, cells, the cell of each pixel, the three reference stains, the protein by its labels,
//! the optics.
//!
//! Lengths are in pixels unless a name says otherwise; inside a cell they are given in
//! micrometres relative to its size, so that a larger image shows the same cell.
//! Every sample has its own [`hpa_core::Seed`], so the order of drawing does not matter.

mod canvas;
mod cell;
mod config;
mod data_set;
mod draw;
mod filaments;
mod label_sampling;
mod label_statistics;
mod layout;
mod optics;
mod outline;
mod patterns;
mod plane;
mod references;
mod sample_ids;
mod scene;
#[cfg(test)]
mod tests;
mod texture;
mod writer;

pub use config::SynthConfig;
pub use data_set::{Sample, Split, samples};
pub use draw::{ChannelImages, draw_images};
pub use label_sampling::LabelSamplingError;
pub use writer::{prepare_folder, write_images, write_tables};
