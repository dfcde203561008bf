//! A dataset of noise, for tests.

use crate::{ChannelStatistics, Sample};
use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{LabelSet, Seed};

pub(crate) const SIDE_PX: usize = 32;
pub(crate) const SAMPLES: usize = 37;
pub(crate) const STATISTICS: ChannelStatistics =
    ChannelStatistics { mean: [0.1, 0.2, 0.3, 0.4], std: [0.5, 0.25, 0.125, 0.3] };

pub(crate) struct Fixture {
    _folder: tempfile::TempDir,
    pub(crate) store: ImageStore,
    pub(crate) samples: Vec<Sample>,
}

pub(crate) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.parquet");
    let mut writer = ImageWriter::create(&path, SIDE_PX, &Provenance::new(&())).unwrap();
    let mut rng = Seed::new(5).rng();
    let mut samples = Vec::new();
    for row in 0..SAMPLES {
        let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
        let level = |_| u8::try_from(rng.below(256)).unwrap();
        let image = ImageRow {
            id: id.clone(),
            height: 32,
            width: 32,
            image: (0..4 * SIDE_PX * SIDE_PX).map(level).collect(),
            phash: [0; 4],
            digest: [0; 32],
        };
        writer.push(&image).unwrap();
        samples.push(Sample { id, row: SAMPLES - 1 - row, labels: LabelSet::default() });
    }
    writer.finish().unwrap();
    let store = ImageStore::open(&[path]).unwrap();
    Fixture { _folder: folder, store, samples }
}
