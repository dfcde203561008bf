//! Arguments of `hpa-report`, and reading of its files.

use hpa_artifacts::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use hpa_artifacts::{Folds, History, ImageStore, Labels, Predictions, Scores, Thresholds};
use hpa_cli::{Input, Output, RunContext, in_range};
use hpa_report::RunFiles;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Labels of the training samples
    #[arg(long, value_name = "L.parquet")]
    pub(crate) labels: Input<Labels>,
    /// Labels of the test samples, if they are known
    #[arg(long, value_name = "L.parquet")]
    pub(crate) test_labels: Option<Input<Labels>>,
    /// Folds and groups of duplicates of the training samples
    #[arg(long, value_name = "F.parquet")]
    pub(crate) folds: Input<Folds>,
    /// Training histories, models/M/fold-F.history.parquet
    #[arg(long, value_name = "H.parquet", num_args = 0..)]
    pub(crate) history: Vec<Input<History>>,
    /// Predictions of models and ensembles, predictions/N/oof.parquet and …/test.parquet
    #[arg(long, value_name = "P.parquet", num_args = 1.., required = true)]
    pub(crate) predictions: Vec<Input<Predictions>>,
    /// Thresholds of the model or ensemble N, thresholds/N/METHOD.parquet
    #[arg(long, value_name = "T.parquet", num_args = 0..)]
    pub(crate) thresholds: Vec<Input<Thresholds>>,
    /// Shards with the images of the gallery
    #[arg(long, value_name = "SHARD.parquet", num_args = 0..)]
    pub(crate) images: Vec<PathBuf>,
    /// Resamples of each 95 % interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = in_range::<u32>(10..=100_000))]
    pub(crate) bootstrap: u32,
    /// Number of samples in the gallery
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = in_range::<usize>(0..=500))]
    pub(crate) gallery: usize,
    /// Seed of the resamples and of the gallery
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = in_range::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Where to write the page
    #[arg(long, value_name = "index.html")]
    pub(crate) out: PathBuf,
    /// Where to write the table of scores
    #[arg(long, value_name = "scores.parquet")]
    pub(crate) out_scores: Output<Scores>,
}

impl Args {
    /// Reads all files.
    pub(crate) fn read(&self, context: &RunContext) -> Result<RunFiles, ArtifactError> {
        Ok(RunFiles {
            labels: self.labels.read(context)?,
            test_labels: self.test_labels.as_ref().map(|file| file.read(context)).transpose()?,
            folds: self.folds.read(context)?,
            histories: read_all(&self.history, context)?,
            predictions: read_all(&self.predictions, context)?,
            thresholds: read_all(&self.thresholds, context)?,
        })
    }

    /// The digests of the settings and of the files.
    pub(crate) fn provenance(&self, files: &RunFiles, images: &ImageStore) -> Provenance {
        let settings = (self.bootstrap, self.gallery, self.seed);
        let mut provenance = Provenance::new(&settings)
            .with_input("labels", files.labels.origin.digest)
            .with_input("folds", files.folds.origin.digest)
            .with_input("predictions", combined(&files.predictions));
        if let Some(labels) = &files.test_labels {
            provenance = provenance.with_input("test-labels", labels.origin.digest);
        }
        if !files.histories.is_empty() {
            provenance = provenance.with_input("history", combined(&files.histories));
        }
        if !files.thresholds.is_empty() {
            provenance = provenance.with_input("thresholds", combined(&files.thresholds));
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
