//! A data set in Kaggle's layout: pictures first, `train.csv` last.
//!
//! ```text
//! DIR/train/<id>_red.png …_green.png …_blue.png …_yellow.png   8-bit grey
//! DIR/test/…
//! DIR/test_labels.csv        Id,Target      what the competition kept to itself
//! DIR/sample_submission.csv  Id,Predicted   a constant 0, as the competition's
//! DIR/train.csv              Id,Target      there when all else is
//! ```

use crate::data_set::{Part, Sample};
use crate::sample::Pictures;
use hpa_artifacts::{ArtifactError, atomic};
use hpa_core::{Channel, LabelSet, Seed};
use std::fmt::Write;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// The file that tells a drawn folder from a user's own.
const MARK: &str = "synth.json";
const TABLES: [&str; 3] = ["train.csv", "test_labels.csv", "sample_submission.csv"];

/// Why a data set cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder holds something that this program did not draw.
    #[error(
        "{} exists, but nothing says that it was drawn ({MARK} is missing)\n  help: give --out an empty or new folder; nothing was changed",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// A picture could not be encoded.
    #[error("cannot write {}: {source}", path.display())]
    Png {
        /// The picture.
        path: PathBuf,
        /// What the encoder says.
        source: png::EncodingError,
    },
    /// The file system said no.
    #[error(transparent)]
    File(#[from] ArtifactError),
}

/// Makes room for a data set drawn with these settings: an earlier drawing goes, all else stays.
///
/// # Errors
/// When the folder holds a data set that was not drawn, or cannot be written.
pub fn prepare_folder(folder: &Path, settings: &str) -> Result<(), WriteError> {
    let mark = folder.join(MARK);
    let parts = Part::ALL.map(|part| folder.join(part.name()));
    let tables = TABLES.map(|table| folder.join(table));
    let taken = tables.iter().chain(&parts).find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !mark.is_file()) {
        return Err(WriteError::NotOurs(path.clone()));
    }
    // The table that says "whole" goes first: what is left is never taken for a data set.
    for table in tables.iter().filter(|table| table.exists()) {
        std::fs::remove_file(table).map_err(ArtifactError::io(table, "remove"))?;
    }
    atomic::write_bytes(&mark, settings.as_bytes())?;
    for part in parts {
        std::fs::create_dir_all(&part).map_err(ArtifactError::io(&part, "make folder"))?;
        remove_pictures(&part)?;
    }
    Ok(())
}

/// Removes the files of a folder that are named like a plane of a sample.
fn remove_pictures(folder: &Path) -> Result<(), ArtifactError> {
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

/// Writes the four pictures of one sample.
///
/// # Errors
/// When the file system refuses.
pub fn write_pictures(
    folder: &Path,
    sample: &Sample,
    size_px: usize,
    pictures: &Pictures,
) -> Result<(), WriteError> {
    for (channel, pixels) in Channel::ALL.into_iter().zip(pictures) {
        let path = folder.join(sample.part.name()).join(format!("{}_{channel}.png", sample.id));
        #[expect(
            clippy::disallowed_methods,
            reason = "thousands of pictures count only with train.csv, which is written last"
        )]
        let file = std::fs::File::create(&path).map_err(ArtifactError::io(&path, "write"))?;
        encode(file, size_px, pixels).map_err(|source| WriteError::Png { path, source })?;
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
/// When the file system refuses.
pub fn write_tables(folder: &Path, samples: &[Sample], seed: Seed) -> Result<(), WriteError> {
    let mut train = String::from("Id,Target\n");
    let mut test = train.clone();
    let mut template = String::from("Id,Predicted\n");
    for (number, sample) in samples.iter().enumerate() {
        let target = target(&sample.labels, seed.child(number as u64));
        let row = format!("{},{target}\n", sample.id);
        match sample.part {
            Part::Train => train += &row,
            Part::Test => {
                test += &row;
                writeln!(template, "{},0", sample.id).expect("a String takes everything");
            }
        }
    }
    for (name, table) in TABLES.into_iter().zip([train, test, template]).rev() {
        atomic::write_bytes(&folder.join(name), table.as_bytes())?;
    }
    Ok(())
}

/// Labels as the real table has them: between spaces, in no particular order.
fn target(labels: &LabelSet, seed: Seed) -> String {
    let mut words: Vec<String> = labels.as_slice().iter().map(ToString::to_string).collect();
    seed.rng().shuffle(&mut words);
    words.join(" ")
}
