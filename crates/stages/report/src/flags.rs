//! The flags of `hpa-report`, and the files behind them.

use clap::Args;
use hpa_artifacts::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use hpa_artifacts::{Folds, History, ImageStore, Labels, Predictions, Scores, Thresholds};
use hpa_cli::{Input, Output, RunContext, in_range};
use hpa_report::Inputs;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Labels of the training samples
    #[arg(long, value_name = "L.parquet")]
    pub(crate) labels: Input<Labels>,
    /// Labels of the test samples, where they are known
    #[arg(long, value_name = "L.parquet")]
    pub(crate) test_labels: Option<Input<Labels>>,
    /// Who takes part, and the groups of duplicates
    #[arg(long, value_name = "F.parquet")]
    pub(crate) folds: Input<Folds>,
    /// Training histories, models/M/fold-F.history.parquet
    #[arg(long, value_name = "H.parquet", num_args = 0..)]
    pub(crate) history: Vec<Input<History>>,
    /// Predictions of models and ensembles, predictions/N/oof.parquet and …/test.parquet
    #[arg(long, value_name = "P.parquet", num_args = 1.., required = true)]
    pub(crate) predictions: Vec<Input<Predictions>>,
    /// Thresholds, thresholds/N/METHOD.parquet; N says whose they are
    #[arg(long, value_name = "T.parquet", num_args = 0..)]
    pub(crate) thresholds: Vec<Input<Thresholds>>,
    /// Shards that hold the samples to show
    #[arg(long, value_name = "SHARD.parquet", num_args = 0..)]
    pub(crate) images: Vec<PathBuf>,
    /// Resamples behind each 95 % interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = in_range::<u32>(10..=100_000))]
    pub(crate) bootstrap: u32,
    /// How many samples to show
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = in_range::<usize>(0..=500))]
    pub(crate) gallery: usize,
    /// Seed of the resamples and of the samples shown
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Where to write the page
    #[arg(long, value_name = "index.html")]
    pub(crate) out: PathBuf,
    /// Where to write the table of scores
    #[arg(long, value_name = "scores.parquet")]
    pub(crate) out_scores: Output<Scores>,
}

impl Flags {
    /// Reads every file.
    pub(crate) fn read(&self, context: &RunContext) -> Result<Inputs, ArtifactError> {
        Ok(Inputs {
            labels: self.labels.read(context)?,
            test_labels: self.test_labels.as_ref().map(|file| file.read(context)).transpose()?,
            folds: self.folds.read(context)?,
            histories: read_all(&self.history, context)?,
            predictions: read_all(&self.predictions, context)?,
            thresholds: read_all(&self.thresholds, context)?,
        })
    }

    /// The settings that matter and the digests of what was read.
    pub(crate) fn provenance(&self, inputs: &Inputs, images: &ImageStore) -> Provenance {
        let settings = (self.bootstrap, self.gallery, self.seed);
        let mut provenance = Provenance::new(&settings)
            .with_input("labels", inputs.labels.origin.digest)
            .with_input("folds", inputs.folds.origin.digest)
            .with_input("predictions", combined(&inputs.predictions));
        if let Some(labels) = &inputs.test_labels {
            provenance = provenance.with_input("test-labels", labels.origin.digest);
        }
        if !inputs.histories.is_empty() {
            provenance = provenance.with_input("history", combined(&inputs.histories));
        }
        if !inputs.thresholds.is_empty() {
            provenance = provenance.with_input("thresholds", combined(&inputs.thresholds));
        }
        if !images.is_empty() {
            provenance = provenance.with_input("images", images.digest());
        }
        provenance
    }
}

fn read_all<T: Artifact>(
    files: &[Input<T>],
    context: &RunContext,
) -> Result<Vec<Loaded<T>>, ArtifactError> {
    files.iter().map(|file| file.read(context)).collect()
}

fn combined<T>(files: &[Loaded<T>]) -> Digest {
    Digest::combine(&files.iter().map(|file| file.origin.digest).collect::<Vec<_>>())
}
