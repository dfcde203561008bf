//! `--show-augmentation`: samples as training sees them.
//!
//! One row a sample: first as it is, then in the first seven epochs, through the same loader as in
//! training. In false colour: microtubules red, protein green, nucleus blue, the reticulum yellow. A
//! row's channels are brightened so that the 99.7th percentile of its first picture is white, at most
//! eightfold, all pictures of the row alike: changes of light stay visible.

use crate::Settings;
use anyhow::{Context, bail};
use hpa_artifacts::{ImageStore, atomic};
use hpa_cli::RunContext;
use hpa_core::{Channel, LabelSet, Seed};
use hpa_nn::{Augmentation, ChannelStatistics, Dataset, LoaderConfig, Sample, for_each_batch};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Pictures in a row: the plain one and seven epochs.
const COLUMNS: usize = 8;
/// Longest side of a picture in the sheet.
const MAX_SIDE: usize = 256;
const GAP: usize = 2;
const GAP_LEVEL: u8 = 96;
/// More brightening than this shows noise.
const MAX_GAIN: f32 = 8.0;

/// What `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sheet {
    /// Samples, one a row.
    pub rows: usize,
    /// Pictures in a row.
    pub columns: usize,
    /// Width of the sheet in pixels.
    pub width: usize,
    /// Its height.
    pub height: usize,
}

/// Pixels of the sheet while it is painted.
struct Canvas {
    pixels: Vec<u8>,
    rows: usize,
    /// Side of a picture on the sheet, and how many pixels a side one of them averages.
    side: usize,
    factor: usize,
}

pub(crate) fn draw(
    settings: &Settings,
    images: &[PathBuf],
    (rows, out): (usize, &Path),
    context: &RunContext,
) -> anyhow::Result<Sheet> {
    let store = context.open_images(images)?;
    if store.is_empty() {
        bail!("the shards of --images have no sample to draw");
    }
    let samples = chosen(&store, rows.min(store.len()));
    let places: Vec<usize> = samples.iter().map(|sample| sample.row).collect();
    let statistics = ChannelStatistics::of(&store, &places)?;
    let mut canvas = Canvas::new(samples.len(), store.size_px());
    let mut gains = Vec::new();
    for column in 0..COLUMNS {
        let recipe = settings.recipe();
        let augmentation = if column == 0 { Augmentation::NONE } else { recipe.augmentation };
        let dataset = Dataset { store: &store, samples: &samples };
        let pictures = pictures(dataset, &augmentation, (recipe.seed, column), statistics)?;
        if column == 0 {
            gains = pictures.iter().map(|picture| brightening(picture)).collect();
        }
        for (row, (picture, gains)) in pictures.iter().zip(&gains).enumerate() {
            canvas.paint([row, column], picture, gains);
        }
    }
    let bytes = canvas.png().context("cannot encode the sheet")?;
    atomic::write_bytes(out, &bytes)?;
    context.info(format!("{} samples in {COLUMNS} views: {}", canvas.rows, out.display()));
    let (width, height) = canvas.size();
    Ok(Sheet { rows: canvas.rows, columns: COLUMNS, width, height })
}

/// Samples evenly spread over the shards.
fn chosen(store: &ImageStore, count: usize) -> Vec<Sample> {
    let row = |place: usize| place * store.len() / count;
    let rows = (0..count).map(row);
    rows.map(|row| Sample { id: store.ids()[row].clone(), row, labels: LabelSet::default() })
        .collect()
}

/// The samples in one epoch, their levels from 0 to 1: `[S][S][4]` each.
fn pictures(
    dataset: Dataset<'_>,
    augmentation: &Augmentation,
    (seed, column): (Seed, usize),
    statistics: ChannelStatistics,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let epoch = column.saturating_sub(1) as u64;
    let view = |index: usize| vec![augmentation.draw(seed, epoch, &dataset.samples[index].id, 0)];
    let mixup = augmentation.mixing(seed, epoch);
    let preparation = LoaderConfig { views: &view, statistics, workers: 1, mixup };
    let batch: Vec<usize> = (0..dataset.len()).collect();
    let size = Channel::COUNT * dataset.store.size_px().pow(2);
    let mut pictures = Vec::new();
    for_each_batch::<anyhow::Error>(dataset, &[batch], &preparation, |batch| {
        let level = |(place, value): (usize, &f32)| {
            let channel = place % Channel::COUNT;
            value * statistics.std[channel] + statistics.mean[channel]
        };
        let picture = |image: &[f32]| image.iter().enumerate().map(level).collect();
        pictures.extend(batch.images.chunks_exact(size).map(picture));
        Ok(())
    })?;
    Ok(pictures)
}

/// What the levels of each channel are multiplied by.
fn brightening(picture: &[f32]) -> [f32; Channel::COUNT] {
    std::array::from_fn(|channel| {
        let mut levels: Vec<f32> =
            picture.iter().skip(channel).step_by(Channel::COUNT).copied().collect();
        levels.sort_by(f32::total_cmp);
        let white = levels[(levels.len() - 1) * 997 / 1000];
        white.max(1.0 / MAX_GAIN).recip()
    })
}

impl Canvas {
    fn new(rows: usize, size_px: usize) -> Self {
        let factor = size_px.div_ceil(MAX_SIDE).max(1);
        let mut canvas = Self { pixels: Vec::new(), rows, side: size_px / factor, factor };
        let (width, height) = canvas.size();
        canvas.pixels = vec![GAP_LEVEL; 3 * width * height];
        canvas
    }

    fn size(&self) -> (usize, usize) {
        let along = |pictures: usize| pictures * (self.side + GAP) + GAP;
        (along(COLUMNS), along(self.rows))
    }

    fn paint(&mut self, [row, column]: [usize; 2], picture: &[f32], gains: &[f32; 4]) {
        let width = self.size().0;
        let [top, left] = [row, column].map(|place| place * (self.side + GAP) + GAP);
        for y in 0..self.side {
            for x in 0..self.side {
                let at = 3 * ((top + y) * width + left + x);
                let colour = self.colour(picture, [x, y], gains);
                self.pixels[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    /// The mean over a pixel's square, in false colour.
    fn colour(&self, picture: &[f32], [x, y]: [usize; 2], gains: &[f32; 4]) -> [u8; 3] {
        let source = picture.len().checked_div(Channel::COUNT).map_or(0, usize::isqrt);
        let mut sums = [0.0; Channel::COUNT];
        for line in y * self.factor..(y + 1) * self.factor {
            let pixel = (line * source + x * self.factor) * Channel::COUNT;
            for levels in picture[pixel..][..self.factor * Channel::COUNT].chunks_exact(4) {
                sums.iter_mut().zip(levels).for_each(|(sum, level)| *sum += level);
            }
        }
        let area = (self.factor * self.factor) as f32;
        let [red, green, blue, yellow] =
            std::array::from_fn(|channel| sums[channel] / area * gains[channel]);
        // Half the reticulum: it fills the cell and would drown the rest.
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
