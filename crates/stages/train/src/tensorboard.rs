//! `TensorBoard` event files.
//!
//! One event per step (loss, learning rate) and one per epoch (losses, macro F1, each label's F1
//! and loss). The file is appended to; a resumed run first truncates it to the step of its state,
//! so that it ends like the file of an uninterrupted run.
//!
//! A record is the payload's length (8 bytes), the masked CRC-32C of those 8 bytes, the payload,
//! and its masked CRC-32C; little-endian throughout. The payload is a protobuf `Event` of which
//! these fields are used: 1 wall time (double), 2 step (varint), 3 file version (text) or
//! 5 summary, whose field 1 is repeated: 1 tag (text), 2 simple value (float).
//! Source: TensorFlow's `record_writer.cc`, `crc32c.h`, `event.proto`, `summary.proto`.
//!
//! Files do not depend on the clock: the wall time of an event is its step, in seconds.

use anyhow::Context;
use hpa_artifacts::{HistoryRow, atomic};
use hpa_core::LabelNames;
use hpa_nn::{Step, Trainer};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Tag and value.
type Scalar = (String, f64);

/// Prefix of the tags of an epoch.
const EPOCH_PREFIX: &str = "epoch/";

/// An open event file.
pub(crate) struct EventWriter {
    path: PathBuf,
    file: File,
    label_names: Vec<String>,
}

impl EventWriter {
    /// Opens the file at the trainer's position.
    pub(crate) fn open(
        path: &Path,
        trainer: &Trainer<'_>,
        label_names: &LabelNames,
    ) -> anyhow::Result<Self> {
        let old = std::fs::read(path).unwrap_or_default();
        let (steps, epochs) = (trainer.steps() as u64, trainer.history().len());
        atomic::write_bytes(path, &truncated(&old, steps, epochs))?;
        let file = OpenOptions::new().append(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, label_names: label_names.as_slice().to_vec() })
    }

    /// Appends a step.
    pub(crate) fn step(&mut self, step: Step) -> anyhow::Result<()> {
        let Step { number, loss, learning_rate, .. } = step;
        let scalars =
            [("train/loss".to_owned(), loss), ("train/learning_rate".to_owned(), learning_rate)];
        self.append(number as u64, &scalars)
    }

    /// Appends an epoch that ended after this many steps.
    pub(crate) fn epoch(&mut self, row: &HistoryRow, steps: usize) -> anyhow::Result<()> {
        let mut scalars: Vec<Scalar> = [
            ("train_loss", row.train_loss),
            ("valid_loss", row.valid_loss),
            ("valid_macro_f1", row.valid_macro_f1),
        ]
        .map(|(tag, value)| (format!("{EPOCH_PREFIX}{tag}"), value))
        .to_vec();
        for (kind, values) in [("f1", &row.valid_label_f1), ("loss", &row.valid_label_loss)] {
            let labels = self.label_names.iter().zip(values);
            scalars.extend(labels.map(|(name, value)| (format!("label_{kind}/{name}"), *value)));
        }
        self.append(steps as u64, &scalars)
    }

    fn append(&mut self, step: u64, scalars: &[Scalar]) -> anyhow::Result<()> {
        let written = self.file.write_all(&scalar_record(step, scalars));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The records of a file up to this step and this number of epochs.
fn truncated(file: &[u8], steps: u64, epochs: usize) -> Vec<u8> {
    let mut kept = version_record();
    let mut epochs_kept = 0;
    for Record { step, payload, bytes } in records(file).into_iter().skip(1) {
        let prefix = EPOCH_PREFIX.as_bytes();
        epochs_kept += usize::from(payload.windows(prefix.len()).any(|part| part == prefix));
        if step > steps || epochs_kept > epochs {
            break;
        }
        kept.extend(bytes);
    }
    kept
}

fn scalar_record(step: u64, scalars: &[Scalar]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, tag.as_bytes());
        entry.push(2 << 3 | FIXED_32);
        #[expect(clippy::cast_possible_truncation, reason = "a simple value is a float")]
        entry.extend((*value as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &entry);
    }
    let mut payload = vec![1 << 3 | FIXED_64];
    payload.extend((step as f64).to_le_bytes());
    payload.push(2 << 3 | VARINT);
    put_varint(&mut payload, step);
    put_bytes(&mut payload, 5, &summary);
    record(&payload)
}

/// The first record of every file.
fn version_record() -> Vec<u8> {
    let mut payload = Vec::new();
    put_bytes(&mut payload, 3, b"brain.Event:2");
    record(&payload)
}

// Wire types of protobuf.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;
/// The step comes after a key, eight bytes of wall time and another key.
const STEP_OFFSET: usize = 10;

fn put_bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | LENGTH_DELIMITED);
    put_varint(out, value.len() as u64);
    out.extend(value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(payload);
    record.extend(masked_crc(payload).to_le_bytes());
    record
}

/// A record of a file.
struct Record<'a> {
    step: u64,
    payload: &'a [u8],
    /// The whole record.
    bytes: &'a [u8],
}

/// The records before the first damaged one.
fn records(mut file: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some(record) = first_record(file) {
        file = &file[record.bytes.len()..];
        records.push(record);
    }
    records
}

fn first_record(file: &[u8]) -> Option<Record<'_>> {
    let length = file.first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let crc = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let end = 12_usize.checked_add(count)?;
    let payload = file.get(12..end)?;
    let is_whole = crc(8)? == masked_crc(length) && crc(end)? == masked_crc(payload);
    // The version record has no step: it comes before the first.
    let has_step = payload.first() == Some(&(1 << 3 | FIXED_64));
    let step = if has_step { varint(payload.get(STEP_OFFSET..)?)? } else { 0 };
    is_whole.then_some(Record { step, payload, bytes: &file[..end + 4] })
}

fn varint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// TensorFlow's masked CRC-32C.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_up_to_the_first_damage() {
        let mut file = version_record();
        file.extend(scalar_record(300, &[("loss".to_owned(), 0.5)]));
        let whole = file.len();
        file.extend(scalar_record(301, &[("loss".to_owned(), 0.25)]));
        let steps = |file: &[u8]| records(file).iter().map(|it| it.step).collect::<Vec<_>>();
        assert_eq!(steps(&file), [0, 300, 301]);
        assert_eq!(steps(&file[..file.len() - 1]), [0, 300]);
        file[whole + 20] ^= 1;
        assert_eq!(steps(&file), [0, 300]);
        assert!(records(b"").is_empty() && records(&[0xff; 40]).is_empty());
    }

    /// Bytes that tensorboard 2.x reads as these numbers: `tests/golden/events.py`.
    #[test]
    fn records_equal_tensorboards() {
        let mut file = version_record();
        let scalars = [("train/loss".to_owned(), 1.5), ("ü".to_owned(), -0.25)];
        file.extend(scalar_record(3, &scalars));
        file.extend(scalar_record(70_000, &[("train/loss".to_owned(), f64::from(0.1_f32))]));
        assert_eq!(file, include_bytes!("../tests/golden/events.tfevents"));
    }

    #[test]
    fn a_resumed_run_truncates_the_file_to_its_state() {
        let step = |number| scalar_record(number, &[("train/loss".to_owned(), 1.0)]);
        let epoch = |number| scalar_record(number, &[("epoch/train_loss".to_owned(), 1.0)]);
        let parts =
            [version_record(), step(1), step(2), epoch(2), step(3), step(4), epoch(4), step(5)];
        let whole = parts.concat();
        let first = |count: usize| parts[..count].concat();
        assert_eq!(truncated(&whole, 0, 0), first(1));
        assert_eq!(truncated(&whole, 3, 1), first(5));
        // Stopped after the epoch's last step, before validation.
        assert_eq!(truncated(&whole, 4, 1), first(6));
        assert_eq!(truncated(&whole, 4, 2), first(7));
        assert_eq!(truncated(&whole[..whole.len() - 1], 5, 2), first(7));
        assert_eq!(truncated(b"something else", 5, 2), first(1));
    }
}
