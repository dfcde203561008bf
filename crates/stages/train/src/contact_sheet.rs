//! `--show-augmentation`: a contact sheet of augmented samples.
//!
//! One row per sample: first as it is, then in the first seven epochs, through the loader of
//! training. In false colour: microtubules red, protein green, nucleus blue, endoplasmic reticulum
//! yellow. A row's channels are scaled so that the 99.7th percentile of its first image is white, by
//! at most 8 and alike in all images of the row, so that changes of lighting stay visible.

use crate::Args;
use anyhow::{Context, bail};
use hpa_artifacts::{ImageStore, atomic};
use hpa_cli::{RunContext, UsageError, in_range};
use hpa_core::{Channel, LabelSet};
use hpa_nn::{
    AugmentConfig, ChannelStatistics, Dataset, LoaderConfig, Sample, TrainConfig, for_each_batch,
};
use serde::Serialize;
use std::path::Path;

/// More rows make an image that few viewers open.
const MAX_ROWS: usize = 64;
/// Images in a row: the original and seven epochs.
const COLUMNS: usize = 8;
/// Longest side of an image on the sheet.
const MAX_SIDE_PX: usize = 256;
const GAP: usize = 2;
const GAP_LEVEL: u8 = 96;
/// Larger gains would show noise.
const MAX_GAIN: f32 = 8.0;

/// The JSON value of the contact sheet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContactSheet {
    /// Samples, one per row.
    pub rows: usize,
    /// Images in a row.
    pub columns: usize,
    /// Width of the sheet in pixels.
    pub width: usize,
    /// Its height.
    pub height: usize,
}

/// The sheet while it is drawn.
struct Canvas {
    pixels: Vec<u8>,
    rows: usize,
    /// Side of an image on the sheet.
    side_px: usize,
    /// Stored pixels per pixel of the sheet, along one axis.
    factor: usize,
}

pub(crate) fn run(args: &Args, context: &RunContext) -> anyhow::Result<ContactSheet> {
    let [rows, out] = args.show_augmentation.as_slice() else {
        bail!("--show-augmentation takes a number and a file");
    };
    let rows = in_range(1..=MAX_ROWS)(rows).map_err(|reason| {
        UsageError::new(format!(
            "invalid value '{rows}' for '--show-augmentation <N> <OUT.png>': {reason}"
        ))
    })?;
    let out = Path::new(out);
    let store = context.open_images(&args.images)?;
    if store.is_empty() {
        bail!("the shards of --images have no sample to draw");
    }
    let samples = evenly_spread(&store, rows.min(store.len()));
    let store_rows: Vec<usize> = samples.iter().map(|sample| sample.row).collect();
    let statistics = ChannelStatistics::of(&store, &store_rows)?;
    let mut canvas = Canvas::new(samples.len(), store.size_px());
    let mut gains = Vec::new();
    for column in 0..COLUMNS {
        let mut config = args.config().clone();
        if column == 0 {
            config.augment = AugmentConfig::NONE;
        }
        let dataset = Dataset { store: &store, samples: &samples };
        let images = augmented(dataset, &config, column.saturating_sub(1), statistics)?;
        if column == 0 {
            gains = images.iter().map(|image| display_gains(image)).collect();
        }
        for (row, (image, gains)) in images.iter().zip(&gains).enumerate() {
            canvas.draw([row, column], image, gains);
        }
    }
    let bytes = canvas.png().context("cannot encode the sheet")?;
    atomic::write_bytes(out, &bytes)?;
    context.info(format!("{} samples in {COLUMNS} columns: {}", canvas.rows, out.display()));
    let (width, height) = canvas.size();
    Ok(ContactSheet { rows: canvas.rows, columns: COLUMNS, width, height })
}

/// Samples evenly spread over the shards.
fn evenly_spread(store: &ImageStore, count: usize) -> Vec<Sample> {
    let row = |index: usize| index * store.len() / count;
    let rows = (0..count).map(row);
    rows.map(|row| Sample { id: store.ids()[row].clone(), row, labels: LabelSet::default() })
        .collect()
}

/// The samples in an epoch, with levels from 0 to 1: `[S][S][4]` each.
fn augmented(
    dataset: Dataset<'_>,
    config: &TrainConfig,
    epoch: usize,
    statistics: ChannelStatistics,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let (augment, seed, epoch) = (&config.augment, config.seed(), epoch as u64);
    let transform = |index: usize| vec![augment.draw(seed, epoch, &dataset.samples[index].id, 0)];
    let mixup = augment.mixup(seed, epoch);
    let loader = LoaderConfig { transforms: &transform, statistics, workers: 1, mixup };
    let batch: Vec<usize> = (0..dataset.len()).collect();
    let size = Channel::COUNT * dataset.store.size_px().pow(2);
    let mut images = Vec::new();
    for_each_batch::<anyhow::Error>(dataset, &[batch], &loader, |batch| {
        let level = |(index, value): (usize, &f32)| {
            let channel = index % Channel::COUNT;
            value * statistics.std[channel] + statistics.mean[channel]
        };
        let levels = |image: &[f32]| image.iter().enumerate().map(level).collect();
        images.extend(batch.images.chunks_exact(size).map(levels));
        Ok(())
    })?;
    Ok(images)
}

/// Factor of each channel for display.
fn display_gains(image: &[f32]) -> [f32; Channel::COUNT] {
    std::array::from_fn(|channel| {
        let mut levels: Vec<f32> =
            image.iter().skip(channel).step_by(Channel::COUNT).copied().collect();
        levels.sort_by(f32::total_cmp);
        let white = levels[(levels.len() - 1) * 997 / 1000];
        white.max(1.0 / MAX_GAIN).recip()
    })
}

impl Canvas {
    fn new(rows: usize, size_px: usize) -> Self {
        let factor = size_px.div_ceil(MAX_SIDE_PX).max(1);
        let mut canvas = Self { pixels: Vec::new(), rows, side_px: size_px / factor, factor };
        let (width, height) = canvas.size();
        canvas.pixels = vec![GAP_LEVEL; 3 * width * height];
        canvas
    }

    fn size(&self) -> (usize, usize) {
        let along = |images: usize| images * (self.side_px + GAP) + GAP;
        (along(COLUMNS), along(self.rows))
    }

    fn draw(&mut self, [row, column]: [usize; 2], image: &[f32], gains: &[f32; 4]) {
        let width = self.size().0;
        let [top, left] = [row, column].map(|index| index * (self.side_px + GAP) + GAP);
        for y in 0..self.side_px {
            for x in 0..self.side_px {
                let at = 3 * ((top + y) * width + left + x);
                let colour = self.false_colour(image, [x, y], gains);
                self.pixels[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    /// Mean of the stored pixels under a pixel of the sheet, in false colour.
    fn false_colour(&self, image: &[f32], [x, y]: [usize; 2], gains: &[f32; 4]) -> [u8; 3] {
        let source = image.len().checked_div(Channel::COUNT).map_or(0, usize::isqrt);
        let mut sums = [0.0; Channel::COUNT];
        for line in y * self.factor..(y + 1) * self.factor {
            let pixel = (line * source + x * self.factor) * Channel::COUNT;
            for levels in image[pixel..][..self.factor * Channel::COUNT].chunks_exact(4) {
                sums.iter_mut().zip(levels).for_each(|(sum, level)| *sum += level);
            }
        }
        let area = (self.factor * self.factor) as f32;
        let [red, green, blue, yellow] =
            std::array::from_fn(|channel| sums[channel] / area * gains[channel]);
        // Half the endoplasmic reticulum, which fills the cell and would hide the rest.
        [red + yellow / 2.0, green + yellow / 2.0, blue].map(byte)
    }

    fn png(&self) -> anyhow::Result<Vec<u8>> {
        let (width, height) = self.size();
        let mut bytes = Vec::new();
        let mut encoder =
            png::Encoder::new(&mut bytes, u32::try_from(width)?, u32::try_from(height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(bytes)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn byte(level: f32) -> u8 {
    (level.clamp(0.0, 1.0) * 255.0).round() as u8
}
