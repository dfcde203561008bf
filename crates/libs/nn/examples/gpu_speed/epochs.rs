//! Throughput of whole epochs, from a Parquet shard to the last step.

use crate::{Benchmark, Error, LABELS};
use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{LabelSet, Seed};
use hpa_nn::{
    AugmentConfig, ChannelStatistics, Dataset, LossKind, LossReduction, OptimizerKind, Sample,
    ScheduleKind, TrainConfig, TrainData, Trainer,
};
use std::time::Instant;

/// Measured epochs, after one for warm-up.
const EPOCHS: usize = 3;
/// Validation samples: few, because validation is within the time.
const VALID: usize = 8;

fn config(benchmark: &Benchmark, batch_size: usize) -> TrainConfig {
    let mut config = TrainConfig::new(benchmark.architecture);
    config.run.epochs = EPOCHS + 1;
    config.run.batch_size = batch_size;
    config.run.precision = benchmark.precision;
    config.optimizer.kind = OptimizerKind::Sgd;
    config.optimizer.weight_decay = 0.0;
    config.schedule.kind = ScheduleKind::Constant;
    config.schedule.max_learning_rate = 1e-3;
    config.loss.kind = LossKind::Bce;
    config.loss.reduction = LossReduction::Mean;
    config.augment = AugmentConfig {
        d4: true,
        rotate_degrees: 15.0,
        zoom: 1.2,
        lighting: 0.2,
        ..AugmentConfig::NONE
    };
    config
}

/// Images per second of each epoch after the first.
pub(crate) fn rates(benchmark: &Benchmark, batch: usize, count: usize) -> Result<Vec<f64>, Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("images.parquet");
    let mut samples = draw(&path, benchmark.px, count + VALID)?;
    let store = ImageStore::open(&[path])?;
    let valid = samples.split_off(count);
    let data = TrainData {
        train: Dataset { store: &store, samples: &samples },
        valid: Dataset { store: &store, samples: &valid },
        labels: LABELS,
        label_weights: &[],
        statistics: ChannelStatistics { mean: [0.2; 4], std: [0.2; 4] },
        workers: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let mut trainer = Trainer::new(data, config(benchmark, batch), benchmark.network()?)?;
    let mut rates = Vec::new();
    for _ in 0..=EPOCHS {
        let start = Instant::now();
        trainer.epoch(&mut |_| {})?;
        rates.push(count as f64 / start.elapsed().as_secs_f64());
    }
    rates.remove(0);
    Ok(rates)
}

/// Images that compress about like real ones: dark, with soft bright spots and a little noise.
fn draw(path: &std::path::Path, px: usize, count: usize) -> Result<Vec<Sample>, Error> {
    let mut writer = ImageWriter::create(path, px, &Provenance::new(&()))?;
    let (mut rng, side) = (Seed::new(4).rng(), u32::try_from(px)?);
    // A few originals, each used often: drawing is not measured.
    let originals: Vec<Vec<u8>> = (0..32.min(count)).map(|_| image(px, &mut rng)).collect();
    let mut samples = Vec::new();
    for row in 0..count {
        let id: hpa_core::SampleId = format!("sample-{row}").parse()?;
        let image = originals[row % originals.len()].clone();
        let (height, width, phash, digest) = (side, side, [0; 4], [0; 32]);
        writer.push(&ImageRow { id: id.clone(), height, width, image, phash, digest })?;
        samples.push(Sample { id, row, labels: LabelSet::default() });
    }
    writer.finish()?;
    Ok(samples)
}

fn image(px: usize, rng: &mut hpa_core::Rng) -> Vec<u8> {
    let side = px as f64;
    let mut spot = || [rng.range(0.0, side), rng.range(0.0, side), rng.range(0.02, 0.1) * side];
    let spots: Vec<[f64; 3]> = (0..12).map(|_| spot()).collect();
    let level = |at: usize| {
        let [x, y] = [(at % px) as f64, (at / px % px) as f64];
        let light = |[a, b, width]: &[f64; 3]| (-((x - a).hypot(y - b) / width).powi(2)).exp();
        180.0 * spots.iter().map(light).sum::<f64>().min(1.0)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 200")]
    (0..4 * px * px).map(|at| (level(at) + rng.range(0.0, 12.0)) as u8).collect()
}
