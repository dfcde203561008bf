//! What `TensorBoard` shows of a run while it runs.
//!
//! One event a step (loss, learning rate) and one an epoch (losses, macro F1, each label's F1 and
//! loss). The file grows as a log does; a run that goes on after an interruption first cuts it
//! back to the step that its state was taken at, so that it ends like that of a run that was
//! never interrupted.

use crate::record::{Scalar, event, records, version};
use anyhow::Context;
use hpa_artifacts::{HistoryRow, atomic};
use hpa_core::LabelNames;
use hpa_nn::{Step, Trainer};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the tags of an epoch's numbers begin with.
const EPOCH: &str = "epoch/";

/// An open event file.
pub(crate) struct Events {
    path: PathBuf,
    file: File,
    names: Vec<String>,
}

impl Events {
    /// Opens the file at the place where training begins or goes on.
    pub(crate) fn open(
        path: &Path,
        trainer: &Trainer<'_>,
        names: &LabelNames,
    ) -> anyhow::Result<Self> {
        let old = std::fs::read(path).unwrap_or_default();
        let (steps, epochs) = (trainer.steps() as u64, trainer.history().len());
        atomic::write_bytes(path, &cut(&old, steps, epochs))?;
        let file = OpenOptions::new().append(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, names: names.as_slice().to_vec() })
    }

    /// One step.
    pub(crate) fn step(&mut self, step: Step) -> anyhow::Result<()> {
        let Step { number, loss, learning_rate, .. } = step;
        let scalars =
            [("train/loss".to_owned(), loss), ("train/learning_rate".to_owned(), learning_rate)];
        self.append(number as u64, &scalars)
    }

    /// One epoch, after so many steps.
    pub(crate) fn epoch(&mut self, row: &HistoryRow, steps: usize) -> anyhow::Result<()> {
        let mut scalars: Vec<Scalar> = [
            ("train_loss", row.train_loss),
            ("valid_loss", row.valid_loss),
            ("valid_macro_f1", row.valid_macro_f1),
        ]
        .map(|(tag, value)| (format!("{EPOCH}{tag}"), value))
        .to_vec();
        for (kind, values) in [("f1", &row.valid_label_f1), ("loss", &row.valid_label_loss)] {
            let labels = self.names.iter().zip(values);
            scalars.extend(labels.map(|(name, value)| (format!("label_{kind}/{name}"), *value)));
        }
        self.append(steps as u64, &scalars)
    }

    fn append(&mut self, step: u64, scalars: &[Scalar]) -> anyhow::Result<()> {
        let written = self.file.write_all(&event(step, scalars));
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The events of a file up to a step, and of that many epochs.
fn cut(old: &[u8], steps: u64, epochs: usize) -> Vec<u8> {
    let (mut kept, mut scored) = (version(), 0);
    for (step, payload, record) in records(old).into_iter().skip(1) {
        if payload.windows(EPOCH.len()).any(|part| part == EPOCH.as_bytes()) {
            scored += 1;
        }
        if step > steps || scored > epochs {
            break;
        }
        kept.extend(record);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_cuts_the_file_to_its_state() {
        let step = |number| event(number, &[("train/loss".to_owned(), 1.0)]);
        let epoch = |number| event(number, &[("epoch/train_loss".to_owned(), 1.0)]);
        let parts = [version(), step(1), step(2), epoch(2), step(3), step(4), epoch(4), step(5)];
        let whole = parts.concat();
        let first = |count: usize| parts[..count].concat();
        assert_eq!(cut(&whole, 0, 0), first(1));
        assert_eq!(cut(&whole, 3, 1), first(5));
        // Stopped after the epoch's last step, before it was scored.
        assert_eq!(cut(&whole, 4, 1), first(6));
        assert_eq!(cut(&whole, 4, 2), first(7));
        assert_eq!(cut(&whole[..whole.len() - 1], 5, 2), first(7));
        assert_eq!(cut(b"something else", 5, 2), first(1));
    }
}
