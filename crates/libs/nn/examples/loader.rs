//! How fast the loader is beside the trainer: `loader [px] [batch] [batches]`.
//!
//! Samples of noise in a Parquet shard are read, unpacked, augmented by the talk's recipe (every
//! sample is resampled) and batched by one worker, and a ResNet-18 is trained on them with all threads
//! and one worker beside it. Prints both rates and their ratio.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]

use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{Channel, LabelNames, Seed};
use hpa_nn::{
    Architecture, Augmentation, ChannelStatistics, CheckpointPolicy, Course, Dataset, LoaderConfig,
    Loss, LossKind, LossReduction, Network, NnError, OptimizerKind, Precision, Recipe, Sample,
    Sampler, ScheduleKind, TrainData, Trainer, for_each_batch, median, shuffled_batches,
};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: hpa_ops::ReusingAllocator = hpa_ops::ReusingAllocator::new();

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TALK: Augmentation = Augmentation {
    d4: true,
    rotate_degrees: 90.0,
    zoom: 1.5,
    lighting: 0.05,
    probability: 0.75,
    crop_area: 0.6,
    gain: 0.1,
    cutout_holes: 1,
    mixup: 0.4,
    ..Augmentation::NONE
};
const STATISTICS: ChannelStatistics = ChannelStatistics { mean: [0.4; 4], std: [0.2; 4] };

/// A shard of noise, which is the worst there is to unpack.
fn shard(folder: &std::path::Path, px: usize, count: usize) -> Result<(ImageStore, Vec<Sample>)> {
    let path = folder.join("images.parquet");
    let mut writer = ImageWriter::create(&path, px, &Provenance::new(&()))?;
    let mut rng = Seed::new(1).rng();
    let (names, side) = (LabelNames::atlas(), u32::try_from(px)?);
    let mut samples = Vec::new();
    for row in 0..count {
        let image = (0..Channel::COUNT * px * px).map(|_| (rng.next_u64() >> 57) as u8).collect();
        let id: hpa_core::SampleId = format!("sample-{row}").parse()?;
        let (phash, digest) = ([0; 4], [0; 32]);
        writer.push(&ImageRow {
            id: id.clone(),
            height: side,
            width: side,
            image,
            phash,
            digest,
        })?;
        let labels = names.labels().nth(rng.below(28)).into_iter().collect();
        samples.push(Sample { id, row, labels });
    }
    writer.finish()?;
    Ok((ImageStore::open(&[path])?, samples))
}

/// Images a second of one worker that nobody waits for.
fn loading(dataset: Dataset<'_>, batches: &[Vec<usize>]) -> Result<f64> {
    let view = |index: usize| vec![TALK.draw(Seed::new(1), 0, &dataset.samples[index].id, 0)];
    let mixup = TALK.mixing(Seed::new(1), 0);
    let preparation = LoaderConfig { views: &view, statistics: STATISTICS, workers: 1, mixup };
    let (start, mut images) = (Instant::now(), 0);
    for_each_batch::<NnError>(dataset, batches, &preparation, |batch| {
        images += batch.indices.len();
        Ok(())
    })?;
    Ok(f64::from(u32::try_from(images)?) / start.elapsed().as_secs_f64())
}

fn recipe(batch_size: usize) -> Recipe {
    Recipe {
        epochs: 1,
        batch_size,
        optimizer: OptimizerKind::AdamW,
        weight_decay: 0.01,
        schedule: ScheduleKind::OneCycle,
        max_learning_rate: 0.001,
        momentum: 0.9,
        loss: Loss { kind: LossKind::Focal, gamma: 2.0, reduction: LossReduction::Sum },
        course: Course::default(),
        augmentation: TALK,
        sampling: Sampler::UNIFORM,
        label_smoothing: 0.0,
        precision: Precision::F32,
        keep: CheckpointPolicy::Last,
        seed: Seed::new(1),
    }
}

/// Images a second of the trainer with its loader: the median over the steps.
fn training(dataset: Dataset<'_>, batch_size: usize) -> Result<f64> {
    let network = Network::new(Architecture::ResNet18, 28, Seed::new(1))?;
    let valid = Dataset { samples: &dataset.samples[..1], ..dataset };
    let (statistics, workers) = (STATISTICS, 1);
    let task =
        TrainData { train: dataset, valid, labels: 28, label_weights: &[], statistics, workers };
    let mut trainer = Trainer::new(task, recipe(batch_size), network)?;
    let mut rates = Vec::new();
    trainer.epoch(&mut |step| rates.push(step.samples as f64 / step.seconds))?;
    Ok(median(&rates))
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (px, batch_size, count) = (next(128)?, next(32)?, next(12)?);
    let folder = tempfile::tempdir()?;
    let (store, samples) = shard(folder.path(), px, batch_size * count)?;
    let dataset = Dataset { store: &store, samples: &samples };
    let batches = shuffled_batches(samples.len(), batch_size, Seed::new(1), 0);
    loading(dataset, &batches[..1])?;
    let loader = loading(dataset, &batches)?;
    let trainer = training(dataset, batch_size)?;
    println!(
        "{px} px, batch {batch_size}: loader {loader:.0} images/s with one worker, trainer {trainer:.1} images/s, ratio {:.1}",
        loader / trainer
    );
    Ok(())
}
