//! Throughput of the loader and of the trainer: `loader [px] [batch] [batches]`.
//!
//! Samples of noise in a Parquet shard are read, decompressed, augmented with the settings of the
//! talk (every sample is resampled) and batched by one worker; a ResNet-18 is trained on them with
//! all threads and one loader worker. Prints both rates and their ratio.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]

use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{Channel, LabelNames, Seed};
use hpa_nn::{
    Architecture, AugmentConfig, ChannelStatistics, Dataset, LoaderConfig, Network, NnError,
    Sample, TrainConfig, TrainData, Trainer, for_each_batch, median, shuffled_batches,
};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TALK: AugmentConfig = AugmentConfig {
    d4: true,
    rotate_degrees: 90.0,
    zoom: 1.5,
    lighting: 0.05,
    probability: 0.75,
    crop_scale: 0.6,
    channel_gain: 0.1,
    cutout_holes: 1,
    mixup: 0.4,
    ..AugmentConfig::NONE
};
const STATISTICS: ChannelStatistics = ChannelStatistics { mean: [0.4; 4], std: [0.2; 4] };

/// A shard of noise, the slowest images to decompress.
fn noise_shard(
    folder: &std::path::Path,
    px: usize,
    count: usize,
) -> Result<(ImageStore, Vec<Sample>)> {
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

/// Images per second of one worker alone.
fn loader_throughput(dataset: Dataset<'_>, batches: &[Vec<usize>]) -> Result<f64> {
    let transform = |index: usize| vec![TALK.draw(Seed::new(1), 0, &dataset.samples[index].id, 0)];
    let mixup = TALK.mixup(Seed::new(1), 0);
    let loader = LoaderConfig { transforms: &transform, statistics: STATISTICS, workers: 1, mixup };
    let (start, mut images) = (Instant::now(), 0);
    for_each_batch::<NnError>(dataset, batches, &loader, |batch| {
        images += batch.indices.len();
        Ok(())
    })?;
    Ok(f64::from(u32::try_from(images)?) / start.elapsed().as_secs_f64())
}

/// Images per second of the trainer with its loader: the median over the steps.
fn training_throughput(dataset: Dataset<'_>, batch_size: usize) -> Result<f64> {
    let mut config = TrainConfig::new(Architecture::ResNet18);
    config.run.epochs = 1;
    config.run.batch_size = batch_size;
    config.schedule.max_learning_rate = 0.001;
    config.augment = TALK;
    let network = Network::new(Architecture::ResNet18, 28, config.seed())?;
    let data = TrainData {
        train: dataset,
        valid: Dataset { samples: &dataset.samples[..1], ..dataset },
        labels: 28,
        label_weights: &[],
        statistics: STATISTICS,
        workers: 1,
    };
    let mut trainer = Trainer::new(data, config, network)?;
    let mut rates = Vec::new();
    trainer.epoch(&mut |step| rates.push(step.samples as f64 / step.seconds))?;
    Ok(median(&rates))
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (px, batch_size, count) = (next(128)?, next(32)?, next(12)?);
    let folder = tempfile::tempdir()?;
    let (store, samples) = noise_shard(folder.path(), px, batch_size * count)?;
    let dataset = Dataset { store: &store, samples: &samples };
    let batches = shuffled_batches(samples.len(), batch_size, Seed::new(1), 0);
    loader_throughput(dataset, &batches[..1])?; // warm-up
    let loader = loader_throughput(dataset, &batches)?;
    let trainer = training_throughput(dataset, batch_size)?;
    println!(
        "{px} px, batch {batch_size}: loader {loader:.0} images/s with one worker, trainer {trainer:.1} images/s, ratio {:.1}",
        loader / trainer
    );
    Ok(())
}
