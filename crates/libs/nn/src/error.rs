//! What can go wrong with a network.

use crate::import::Misfits;
use hpa_artifacts::ArtifactError;
use hpa_core::SampleId;

/// Why a network could not be made, trained or used.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// Weights that do not belong to this network; nothing was set.
    #[error("the weights do not fit {architecture}:\n{misfits}")]
    Misfit {
        /// The network.
        architecture: &'static str,
        /// Every tensor that is wrong.
        misfits: Misfits,
    },
    /// The loss left the numbers, or the range in which anything is learnt.
    #[error(
        "training fell apart in epoch {epoch}, batch {batch}: the loss is {loss} (samples {})\n  mend: lower max_learning_rate, or look at these samples",
        list(ids)
    )]
    Diverged {
        /// Epoch, from 0.
        epoch: usize,
        /// Batch within the epoch, from 0.
        batch: usize,
        /// The loss.
        loss: f64,
        /// The samples of the batch.
        ids: Vec<SampleId>,
    },
    /// The loss or a weight is no number although every batch was fine.
    #[error(
        "training fell apart in epoch {epoch}: {what} is not a finite number\n  mend: lower max_learning_rate"
    )]
    NotFinite {
        /// Epoch, from 0.
        epoch: usize,
        /// What is not finite.
        what: String,
    },
    /// Fewer samples than batch norm can average over.
    #[error("{0} training samples are too few: batch norm needs at least 2")]
    TooFewSamples(usize),
    /// Images that shrink to nothing.
    #[error(
        "images of {size_px} px are too small for {architecture}: expected at least {least} px"
    )]
    TooSmall {
        /// The network.
        architecture: &'static str,
        /// The images' side.
        size_px: usize,
        /// The least side.
        least: usize,
    },
    /// A device that this build or machine does not have.
    #[error("{0}")]
    Device(&'static str),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A file could not be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

fn list(ids: &[SampleId]) -> String {
    ids.iter().map(SampleId::as_str).collect::<Vec<_>>().join(", ")
}
