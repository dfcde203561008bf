//! Draws fields of cells with labelled proteins in Kaggle's layout.
//!
//! [`plan`] decides names and labels of all samples, [`Sample::draw`] draws one, and the
//! writer lays them out. A drawing goes from the whole to the part: cell line, cells,
//! whose pixel is whose, the three reference stains, the protein by its labels, the optics.
//!
//! Lengths are in pixels unless a name says otherwise; inside a cell they are given in
//! micrometres through its size, so that a field drawn larger shows the same cell.
//! Every sample has its own [`hpa_core::Seed`], so the order of drawing does not matter.

mod canvas;
mod cell;
mod data_set;
mod filaments;
mod label_plan;
mod layout;
mod optics;
mod outline;
mod patterns;
mod plane;
mod real_table;
mod references;
mod sample;
mod sample_ids;
mod scene;
mod settings;
#[cfg(test)]
mod tests;
mod texture;
mod writer;

pub use data_set::{Part, Sample, plan};
pub use label_plan::PlanError;
pub use sample::{Pictures, draw_sample};
pub use settings::Settings;
pub use writer::{WriteError, prepare_folder, write_pictures, write_tables};
