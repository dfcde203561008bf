//! One self-contained page of scores, curves and pictures.
//!
//! Everything a run has to show, in one HTML file without script or outer resource: macro
//! F1 of every model and ensemble by every way to choose thresholds (honest figures first,
//! each with its interval), F1 against threshold label by label, learning curves, and
//! samples in false colour with what was right, missed and wrong. The same inputs give the
//! same bytes.
//!
//! [`Run::new`] lays the files side by side and refuses what does not belong together;
//! [`judge`] scores; [`render_page`] writes. Matrices are row-major `[samples][labels]`.

mod align;
mod console;
mod curves;
mod entrants;
mod error;
mod gallery;
mod page;
mod picture;
mod run;
mod svg;
mod verdict;

pub use align::Part;
pub use console::text_table;
pub use error::ReportError;
pub use gallery::{Exhibit, exhibits};
pub use run::{Chosen, Entrant, Inputs, ModelHistory, Run};
pub use verdict::{Resampling, Score, Verdict, best, judge, score_table};

use hpa_artifacts::{ArtifactError, ImageStore, Provenance};
use hpa_core::Seed;

/// What the page is made from, beside the run.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    /// The scores, from [`judge`].
    pub verdicts: &'a [Verdict],
    /// The pictures of samples.
    pub images: &'a ImageStore,
    /// What the page says of its origin.
    pub provenance: &'a Provenance,
    /// How intervals were drawn; the seed also draws the samples shown.
    pub resampling: Resampling,
    /// How many samples are shown.
    pub gallery: usize,
}

/// The page as HTML.
///
/// # Errors
/// When pictures can no longer be read.
pub fn render_page(run: &Run, material: Material<'_>) -> Result<String, ArtifactError> {
    let Material { verdicts, images, provenance, resampling, gallery } = material;
    let shown = best(verdicts)
        .map(|best| exhibits(run, best, images, (gallery, resampling.seed)))
        .unwrap_or_default();
    let with_pictures = shown.into_iter().map(|exhibit| {
        let pixels = images.read_pixels(&[exhibit.picture])?;
        let pictures = picture::render(&pixels, images.size_px());
        Ok((exhibit, pictures))
    });
    let exhibits = with_pictures.collect::<Result<Vec<_>, ArtifactError>>()?;
    let replicates = resampling.replicates;
    let page = page::Page { run, verdicts, exhibits: &exhibits, provenance, replicates };
    Ok(page::render(&page))
}

/// The resampling of this many draws by this seed.
#[must_use]
pub const fn resampling(replicates: u32, seed: u64) -> Resampling {
    Resampling { replicates, seed: Seed::new(seed) }
}
