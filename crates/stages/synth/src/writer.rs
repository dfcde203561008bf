//! Writer of a data set in Kaggle's layout: images first, `train.csv` last.
//!
//! ```text
//! DIR/train/<id>_red.png …_green.png …_blue.png …_yellow.png   8-bit grey
//! DIR/test/…
//! DIR/test_labels.csv        Id,Target      the labels that the competition kept secret
//! DIR/sample_submission.csv  Id,Predicted   a constant 0, as the competition's
//! DIR/train.csv              Id,Target      written last: the data set is complete
//! ```

use crate::data_set::{Sample, Split};
use crate::draw::ChannelImages;
use anyhow::Context;
use hpa_artifacts::{ArtifactError, atomic};
use hpa_core::{Channel, LabelSet, Seed};
use std::fmt::Write;
use std::io::BufWriter;
use std::path::Path;

/// The file that marks a folder as drawn by this program.
const MARKER: &str = "synth.json";
const TABLES: [&str; 3] = ["train.csv", "test_labels.csv", "sample_submission.csv"];

/// Prepares the folder of a data set: removes one drawn there before and nothing else.
///
/// # Errors
/// When the folder holds a data set that was not drawn, or cannot be written.
pub fn prepare_folder(folder: &Path, config: &str) -> anyhow::Result<()> {
    let marker = folder.join(MARKER);
    let folders = Split::ALL.map(|split| folder.join(split.name()));
    let tables = TABLES.map(|table| folder.join(table));
    let taken = tables.iter().chain(&folders).find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !marker.is_file()) {
        anyhow::bail!(
            "{} exists, and its folder was not drawn by hpa-synth ({MARKER} is missing)\n  \
             help: give --out an empty or new folder; nothing was changed",
            path.display()
        );
    }
    // train.csv is removed first, so that a remainder is never mistaken for a data set.
    for table in tables.iter().filter(|table| table.exists()) {
        std::fs::remove_file(table).map_err(ArtifactError::io(table, "remove"))?;
    }
    atomic::write_bytes(&marker, config.as_bytes())?;
    for folder in folders {
        std::fs::create_dir_all(&folder).map_err(ArtifactError::io(&folder, "make folder"))?;
        remove_images(&folder)?;
    }
    Ok(())
}

/// Removes the channel images of a folder.
fn remove_images(folder: &Path) -> Result<(), ArtifactError> {
    let ends = Channel::ALL.map(|channel| format!("_{channel}.png"));
    for entry in std::fs::read_dir(folder).map_err(ArtifactError::io(folder, "list"))? {
        let path = entry.map_err(ArtifactError::io(folder, "list"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ends.iter().any(|end| name.ends_with(end)) {
            std::fs::remove_file(&path).map_err(ArtifactError::io(&path, "remove"))?;
        }
    }
    Ok(())
}

/// Writes the four images of one sample.
///
/// # Errors
/// When a file cannot be written.
pub fn write_images(
    folder: &Path,
    sample: &Sample,
    size_px: usize,
    images: &ChannelImages,
) -> anyhow::Result<()> {
    for (channel, pixels) in Channel::ALL.into_iter().zip(images) {
        let path = folder.join(sample.split.name()).join(format!("{}_{channel}.png", sample.id));
        #[expect(
            clippy::disallowed_methods,
            reason = "images are complete only with train.csv, which is written atomically and last"
        )]
        let file = std::fs::File::create(&path).map_err(ArtifactError::io(&path, "write"))?;
        encode(file, size_px, pixels)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn encode(file: std::fs::File, size_px: usize, pixels: &[u8]) -> Result<(), png::EncodingError> {
    let side = u32::try_from(size_px).expect("checked: at most 2048 pixels");
    let mut encoder = png::Encoder::new(BufWriter::new(file), side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

/// Writes the three tables, `train.csv` last.
///
/// # Errors
/// When a file cannot be written.
pub fn write_tables(folder: &Path, samples: &[Sample], seed: Seed) -> anyhow::Result<()> {
    let mut train = String::from("Id,Target\n");
    let mut test = train.clone();
    let mut template = String::from("Id,Predicted\n");
    for (number, sample) in samples.iter().enumerate() {
        let target = target(&sample.labels, seed.child(number as u64));
        let row = format!("{},{target}\n", sample.id);
        match sample.split {
            Split::Train => train += &row,
            Split::Test => {
                test += &row;
                writeln!(template, "{},0", sample.id).expect("writing to a String cannot fail");
            }
        }
    }
    for (name, table) in TABLES.into_iter().zip([train, test, template]).rev() {
        atomic::write_bytes(&folder.join(name), table.as_bytes())?;
    }
    Ok(())
}

/// Labels as in the real table: separated by spaces, in random order.
fn target(labels: &LabelSet, seed: Seed) -> String {
    let mut words: Vec<String> = labels.as_slice().iter().map(ToString::to_string).collect();
    seed.rng().shuffle(&mut words);
    words.join(" ")
}
