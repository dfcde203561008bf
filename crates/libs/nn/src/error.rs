//! Errors of models, weights, data loading, training and inference.

use hpa_artifacts::ArtifactError;
use hpa_core::SampleId;

/// Why a network cannot be built, trained or used.
#[derive(Debug, thiserror::Error)]
pub enum NnError {
    /// A state dict that does not match the network; no tensor was set.
    #[error("the weights do not fit {architecture}:\n{mismatch}")]
    StateDictMismatch {
        /// The network.
        architecture: &'static str,
        /// Every tensor that is wrong.
        mismatch: StateDictMismatch,
    },
    /// The loss of a batch is not finite, or is far above any useful value.
    #[error(
        "training diverged in epoch {epoch}, batch {batch}: the loss is {loss} (samples {})\n  help: lower max_learning_rate, or look at these samples",
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
    /// An epoch's loss or a weight is not finite although the loss of every batch was.
    #[error(
        "training diverged in epoch {epoch}: {what} is not a finite number\n  help: lower max_learning_rate"
    )]
    NotFinite {
        /// Epoch, from 0.
        epoch: usize,
        /// What is not finite.
        what: String,
    },
    /// Predictions for validation samples are not finite.
    #[error(
        "training diverged in epoch {epoch}: the predictions for {} validation samples are not finite numbers ({})\n  help: lower max_learning_rate, or look at these samples",
        ids.len(), list(ids)
    )]
    NonFinitePredictions {
        /// Epoch, from 0.
        epoch: usize,
        /// The samples.
        ids: Vec<SampleId>,
    },
    /// A training size above the stored one.
    #[error(
        "progressive_resize asks for {wanted} px, but the images are stored at {stored} px: upsampling adds no information\n  help: preprocess at {wanted} px, or ask for at most {stored}"
    )]
    Enlarging {
        /// The side asked for.
        wanted: usize,
        /// The side of the stored images.
        stored: usize,
    },
    /// A learning-rate range test with too few steps.
    #[error(
        "the learning-rate range test ended after {0} steps: that is too short a curve for a suggestion\n  help: take more steps, or start at a lower rate"
    )]
    ShortCurve(usize),
    /// Fewer samples than batch norm can average over.
    #[error("{0} training samples are too few: batch norm needs at least 2")]
    TooFewSamples(usize),
    /// Images that the network downsamples to nothing.
    #[error(
        "images of {size_px} px are too small for {architecture}: expected at least {least} px"
    )]
    TooSmall {
        /// The network.
        architecture: &'static str,
        /// Side of the images.
        size_px: usize,
        /// The least side.
        least: usize,
    },
    /// A device that this build or machine does not have.
    #[error(transparent)]
    Device(#[from] hpa_ops::CudaUnavailable),
    /// The GPU has too little memory for a training step.
    #[error(
        "the GPU has too little memory for batches of {batch_size} images of {side_px} px: {}\n  help: lower batch_size{}",
        fitting_batch(*fits), smaller_batch_hint(*fits)
    )]
    OutOfMemory {
        /// Images of the batch that did not fit.
        batch_size: usize,
        /// Side of the images.
        side_px: usize,
        /// The largest batch for which a trial step succeeded.
        fits: Option<usize>,
    },
    /// The GPU has too little memory for inference.
    #[error(
        "the GPU has too little memory for inference on {images} images of {side_px} px at once\n  help: see what else uses the GPU (nvidia-smi), or compute on the CPU (--device cpu)"
    )]
    InferenceOutOfMemory {
        /// Images of one batch.
        images: usize,
        /// Side of the images.
        side_px: usize,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A file could not be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Codes with which CUDA and its libraries report that there is no memory.
const OUT_OF_MEMORY: [&str; 4] = [
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
];

impl NnError {
    /// Whether a tensor operation failed because the GPU's memory is full.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        let Self::Tensor(cause) = self else { return false };
        let text = cause.to_string();
        OUT_OF_MEMORY.iter().any(|code| text.contains(code))
    }
}

fn fitting_batch(fits: Option<usize>) -> String {
    fits.map_or_else(
        || "not even two images fit".to_owned(),
        |fits| format!("{fits} images fit, as a trial step showed"),
    )
}

fn smaller_batch_hint(fits: Option<usize>) -> String {
    fits.map_or_else(
        || ", use smaller images, or see what else uses the GPU (nvidia-smi)".to_owned(),
        |fits| format!(" to {fits} (gradient_accumulation_steps makes one step of several batches), or use precision = \"bf16\""),
    )
}

/// Samples that an error message lists: about one batch.
const LISTED: usize = 64;

fn list(ids: &[SampleId]) -> String {
    let more = if ids.len() > LISTED { ", …" } else { "" };
    ids.iter().take(LISTED).map(SampleId::as_str).collect::<Vec<_>>().join(", ") + more
}

/// Differences between a state dict and the tensors that a network expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDictMismatch {
    /// Tensors that only the state dict has.
    pub unexpected: Vec<String>,
    /// Tensors that only the network has.
    pub missing: Vec<String>,
    /// Tensors of another shape.
    pub shape_mismatch: Vec<ShapeMismatch>,
    /// Tensors of the right shape with values that are not finite, or with negative variances.
    pub invalid: Vec<String>,
}

/// A tensor whose shape in the state dict is not the network's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// The tensor.
    pub name: String,
    /// Shape in the state dict.
    pub found: Vec<usize>,
    /// Shape in the network.
    pub expected: Vec<usize>,
}

impl StateDictMismatch {
    pub(crate) const fn is_empty(&self) -> bool {
        let Self { unexpected, missing, shape_mismatch, invalid } = self;
        unexpected.is_empty()
            && missing.is_empty()
            && shape_mismatch.is_empty()
            && invalid.is_empty()
    }
}

impl std::fmt::Display for StateDictMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unexpected = self.unexpected.iter().map(|name| format!("  unexpected: {name}"));
        let missing = self.missing.iter().map(|name| format!("  missing: {name}"));
        let shapes = self.shape_mismatch.iter().map(|ShapeMismatch { name, found, expected }| {
            format!("  shape mismatch: {name} is {found:?}, expected {expected:?}")
        });
        let invalid = self.invalid.iter().map(|name| {
            format!("  invalid: {name} has values that are not finite, or negative variances")
        });
        let lines: Vec<_> = unexpected.chain(missing).chain(shapes).chain(invalid).collect();
        f.write_str(&lines.join("\n"))
    }
}
