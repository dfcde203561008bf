//! What can go wrong with a network.

use crate::weights::import::Misfits;
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
        "training fell apart in epoch {epoch}, batch {batch}: the loss is {loss} (samples {})\n  help: lower max_learning_rate, or look at these samples",
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
        "training fell apart in epoch {epoch}: {what} is not a finite number\n  help: lower max_learning_rate"
    )]
    NotFinite {
        /// Epoch, from 0.
        epoch: usize,
        /// What is not finite.
        what: String,
    },
    /// The network's answers about samples held out are no numbers.
    #[error(
        "training fell apart in epoch {epoch}: the network's answers about {} samples held out are not finite numbers ({})\n  help: lower max_learning_rate, or look at these samples",
        ids.len(), list(ids)
    )]
    BrokenAnswers {
        /// Epoch, from 0.
        epoch: usize,
        /// The samples.
        ids: Vec<SampleId>,
    },
    /// Training at a larger size than the stored one.
    #[error(
        "sizes asks for {wanted} px, but the images are stored at {stored} px: pixels that were never there teach nothing\n  help: preprocess at {wanted} px, or ask for at most {stored}"
    )]
    Enlarging {
        /// The side asked for.
        wanted: usize,
        /// The side of the stored images.
        stored: usize,
    },
    /// A search for a learning rate that ended too soon to tell.
    #[error(
        "the search ended after {0} steps: that is too short a curve for a suggestion\n  help: take more steps, or begin at a lower rate"
    )]
    ShortCurve(usize),
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
    #[error(transparent)]
    Device(#[from] hpa_ops::NoCuda),
    /// The graphics card has too little memory for a step.
    #[error(
        "the graphics card has too little memory for batches of {batch_size} images of {side_px} px: {}\n  help: lower batch_size{}",
        room(*fits), hint(*fits)
    )]
    OutOfMemory {
        /// Images of the batch that did not fit.
        batch_size: usize,
        /// Their side.
        side_px: usize,
        /// The largest batch that a trial step found room for.
        fits: Option<usize>,
    },
    /// The graphics card has too little memory to look at samples.
    #[error(
        "the graphics card has too little memory to look at {images} images of {side_px} px at once\n  help: see what else uses the card (nvidia-smi), or compute on the processor (--device cpu)"
    )]
    FullCard {
        /// Images that go through the network together.
        images: usize,
        /// Their side.
        side_px: usize,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A file could not be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

fn room(fits: Option<usize>) -> String {
    fits.map_or_else(
        || "not even two images fit".to_owned(),
        |fits| format!("{fits} images fit, as a trial step showed"),
    )
}

/// The step that averages over several batches is that of one large batch.
fn hint(fits: Option<usize>) -> String {
    fits.map_or_else(
        || ", use smaller images, or see what else uses the card (nvidia-smi)".to_owned(),
        |fits| format!(" to {fits} (accumulate makes one step of several batches), or use precision = \"bf16\""),
    )
}

/// At most a batch or so of them.
const LISTED: usize = 64;

fn list(ids: &[SampleId]) -> String {
    let more = if ids.len() > LISTED { ", …" } else { "" };
    ids.iter().take(LISTED).map(SampleId::as_str).collect::<Vec<_>>().join(", ") + more
}
