//! The loader with all augmentation: the same bits for any number of workers.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use hpa_artifacts::{ArtifactError, ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{LabelNames, Seed};
use hpa_nn::{
    AugmentConfig, Batch, ChannelStatistics, Dataset, LoaderConfig, Sample, SamplerConfig,
    SamplingKind, for_each_batch, shuffled_batches,
};

const SIZE: usize = 16;
const LABELS: usize = 28;
const SEED: Seed = Seed::new(9);
const ALL: AugmentConfig = AugmentConfig {
    d4: true,
    rotate_degrees: 90.0,
    zoom: 1.5,
    lighting: 0.1,
    probability: 0.75,
    crop_scale: 0.5,
    channel_gain: 0.2,
    cutout_holes: 2,
    mixup: 0.4,
    ..AugmentConfig::NONE
};

/// 40 samples of noise; the last one alone has label 1, all others label 0.
fn samples(folder: &std::path::Path) -> (ImageStore, Vec<Sample>) {
    let path = folder.join("images.parquet");
    let mut writer = ImageWriter::create(&path, SIZE, &Provenance::new(&())).unwrap();
    let (names, mut rng) = (LabelNames::atlas(), Seed::new(1).rng());
    let mut samples = Vec::new();
    for row in 0..40 {
        let image = (0..4 * SIZE * SIZE).map(|_| u8::try_from(rng.below(256)).unwrap()).collect();
        let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
        let (phash, digest) = ([0; 4], [0; 32]);
        let image = ImageRow { id: id.clone(), height: 16, width: 16, image, phash, digest };
        writer.push(&image).unwrap();
        let labels = names.labels().nth(usize::from(row == 39)).into_iter().collect();
        samples.push(Sample { id, row, labels });
    }
    writer.finish().unwrap();
    (ImageStore::open(&[path]).unwrap(), samples)
}

/// All batches of an epoch and their targets.
fn epoch(
    (store, samples): &(ImageStore, Vec<Sample>),
    augment: &AugmentConfig,
    number: u64,
    workers: usize,
) -> Vec<(Batch, Vec<f32>)> {
    let oversample = SamplerConfig { kind: SamplingKind::Oversample, cap: 4.0 };
    let epoch_samples = oversample.draw(samples, SEED, number);
    let train: Dataset<'_> = epoch_samples.dataset(store);
    let transform = |index: usize| {
        vec![augment.draw(SEED, number, &train.samples[index].id, epoch_samples.copy(index))]
    };
    let statistics = ChannelStatistics { mean: [0.5; 4], std: [0.3; 4] };
    let mixup = augment.mixup(SEED, number);
    let loader = LoaderConfig { transforms: &transform, statistics, workers, mixup };
    let mut all = Vec::new();
    for_each_batch::<ArtifactError>(
        train,
        &shuffled_batches(train.len(), 8, SEED, number),
        &loader,
        |batch| {
            let targets = batch.targets(train, LABELS, 0.1);
            all.push((batch, targets));
            Ok(())
        },
    )
    .unwrap();
    all
}

fn is_same(a: &[(Batch, Vec<f32>)], b: &[(Batch, Vec<f32>)]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((a, x), (b, y))| {
            (&a.indices, &a.images, &a.pairs, x) == (&b.indices, &b.images, &b.pairs, y)
        })
}

#[test]
fn batches_do_not_depend_on_the_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let data = samples(folder.path());
    let one = epoch(&data, &ALL, 3, 1);
    // The weight of the rare sample is median / count = 20, capped at 4.
    assert_eq!(one.iter().map(|(batch, _)| batch.indices.len()).sum::<usize>(), 43);
    for workers in [2, 3, 5] {
        assert!(is_same(&one, &epoch(&data, &ALL, 3, workers)), "{workers}");
    }
    assert!(!is_same(&one, &epoch(&data, &ALL, 4, 1)));
}

#[test]
fn copies_of_a_sample_are_augmented_differently() {
    let folder = tempfile::tempdir().unwrap();
    let data = samples(folder.path());
    let unmixed = AugmentConfig { mixup: 0.0, ..ALL };
    let all = epoch(&data, &unmixed, 0, 1);
    let pixels = 4 * SIZE * SIZE;
    let mut rare: Vec<&[f32]> = Vec::new();
    for (batch, _) in &all {
        let images = batch.indices.iter().zip(batch.images.chunks_exact(pixels));
        rare.extend(images.filter(|(index, _)| **index >= 39).map(|(_, image)| image));
    }
    assert_eq!(rare.len(), 4);
    assert!(rare.iter().enumerate().all(|(at, image)| !rare[..at].contains(image)));
}

#[test]
fn targets_are_smoothed_and_mixed_like_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let data = samples(folder.path());
    for augment in [AugmentConfig::NONE, ALL] {
        for (batch, targets) in epoch(&data, &augment, 1, 2) {
            assert_eq!(batch.pairs.is_empty(), augment.mixup <= 0.0);
            for (index, row) in targets.chunks_exact(LABELS).enumerate() {
                let is_rare = |index: usize| f32::from(u8::from(batch.indices[index] >= 39));
                let rare = match batch.pairs.get(index) {
                    None => is_rare(index),
                    Some(pair) => {
                        pair.lambda * is_rare(index) + (1.0 - pair.lambda) * is_rare(pair.index)
                    }
                };
                let smooth = |target: f32| 0.9 * target + 0.05;
                assert!((row[1] - smooth(rare)).abs() < 1e-6, "{index}: {row:?}");
                assert!((row[0] - smooth(1.0 - rare)).abs() < 1e-6 && (row[5] - 0.05).abs() < 1e-6);
            }
        }
    }
}
