//! Synthetic data set for the checks, in a temporary folder.

use crate::{Error, Size};
use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{LabelNames, Rng, SampleId, Seed};
use hpa_nn::{ChannelStatistics, Dataset, Sample, TrainData};

pub(crate) const LABELS: usize = 2;
/// Epochs that the steps are divided into, so that the transition between epochs is checked too.
pub(crate) const EPOCHS: usize = 4;
/// Validation samples.
const VALID: usize = 32;

pub(crate) struct Data {
    store: ImageStore,
    train: Vec<Sample>,
    valid: Vec<Sample>,
    statistics: ChannelStatistics,
    _folder: tempfile::TempDir,
}

impl Data {
    pub(crate) fn draw(size: Size) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("images.parquet");
        let mut writer = ImageWriter::create(&path, size.px, &Provenance::new(&()))?;
        let names = LabelNames::try_from(vec!["disc".to_owned(), "bar".to_owned()])?;
        let (mut rng, mut samples) = (Seed::new(11).rng(), Vec::new());
        for row in 0..size.batch * (size.steps / EPOCHS).max(1) + VALID {
            let present = [rng.bernoulli(0.5), rng.bernoulli(0.5)];
            let image = draw_image(present, size.px, &mut rng);
            let id: SampleId = format!("sample-{row}").parse()?;
            let (height, width) = (u32::try_from(size.px)?, u32::try_from(size.px)?);
            let (phash, digest) = ([0; 4], [0; 32]);
            writer.push(&ImageRow { id: id.clone(), height, width, image, phash, digest })?;
            let labels = names.labels().filter(|label| present[label.index()]).collect();
            samples.push(Sample { id, row, labels });
        }
        writer.finish()?;
        let store = ImageStore::open(&[path])?;
        let valid = samples.split_off(samples.len() - VALID);
        let rows: Vec<usize> = samples.iter().map(|sample| sample.row).collect();
        let statistics = ChannelStatistics::of(&store, &rows)?;
        Ok(Self { store, train: samples, valid, statistics, _folder: folder })
    }

    pub(crate) fn train_data(&self) -> TrainData<'_> {
        let store = &self.store;
        TrainData {
            train: Dataset { store, samples: &self.train },
            valid: Dataset { store, samples: &self.valid },
            labels: LABELS,
            label_weights: &[],
            statistics: self.statistics,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// A bright disc in the green channel is label 0, a bright bar in the blue channel label 1.
fn draw_image(present: [bool; LABELS], px: usize, rng: &mut Rng) -> Vec<u8> {
    let side = px as f64;
    let center = [rng.range(side / 4.0, 0.75 * side), rng.range(side / 4.0, 0.75 * side)];
    let mut image: Vec<u8> =
        (0..4 * px * px).map(|_| u8::try_from(40 + rng.below(30)).unwrap_or(0)).collect();
    for (pixel, position) in (0..px * px).map(|at| (at, [(at % px) as f64, (at / px) as f64])) {
        let distance = (position[0] - center[0]).hypot(position[1] - center[1]);
        if present[0] && distance < side / 6.0 {
            image[px * px + pixel] = 200;
        }
        if present[1] && (position[1] - center[1]).abs() < side / 16.0 {
            image[2 * px * px + pixel] = 200;
        }
    }
    image
}
