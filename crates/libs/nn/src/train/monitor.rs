//! What the epochs so far decide: which was best, whether the rate falls, whether to stop.
//!
//! Everything here is a function of the history alone, so that a run that goes on after an
//! interruption decides as one that was never interrupted.

use hpa_artifacts::HistoryRow;
use serde::{Deserialize, Serialize};

/// Which number of an epoch says whether it is better than another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// Loss on the fold held out: smaller is better.
    #[default]
    ValidLoss,
    /// Macro F1 on the fold held out at threshold 0.5: larger is better.
    MacroF1,
}

impl std::str::FromStr for Monitor {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "valid-loss" => Ok(Self::ValidLoss),
            "macro-f1" => Ok(Self::MacroF1),
            _ => Err(format!("{text:?} cannot be watched: expected valid-loss or macro-f1")),
        }
    }
}

impl Monitor {
    const fn value(self, row: &HistoryRow) -> f64 {
        match self {
            Self::ValidLoss => row.valid_loss,
            Self::MacroF1 => row.valid_macro_f1,
        }
    }

    /// Better by more than this share.
    fn improves(self, value: f64, best: f64, share: f64) -> bool {
        match self {
            Self::ValidLoss => value < best * (1.0 - share),
            Self::MacroF1 => value > best * (1.0 + share),
        }
    }

    const fn worst(self) -> f64 {
        match self {
            Self::ValidLoss => f64::INFINITY,
            Self::MacroF1 => f64::NEG_INFINITY,
        }
    }
}

/// PyTorch's `ReduceLROnPlateau`: relative threshold 1e-4, no cooldown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// Epochs without improvement that are borne before the rate falls.
    pub patience: usize,
    /// What the rate is then multiplied by.
    pub factor: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { patience: 2, factor: 0.1 }
    }
}

/// Improvements smaller than this share are none.
const THRESHOLD: f64 = 1e-4;
/// Changes of the rate smaller than this are none.
const LEAST_CHANGE: f64 = 1e-8;

impl Plateau {
    /// The rate after these epochs, which began with `max` and may fall to `min`.
    pub(crate) fn rate(
        self,
        epochs: &[HistoryRow],
        monitor: Monitor,
        (max, min): (f64, f64),
    ) -> f64 {
        let (mut rate, mut best, mut bad) = (max, monitor.worst(), 0);
        for row in epochs {
            let value = monitor.value(row);
            if monitor.improves(value, best, THRESHOLD) {
                (best, bad) = (value, 0);
            } else {
                bad += 1;
            }
            if bad > self.patience {
                let next = (rate * self.factor).max(min);
                if rate - next > LEAST_CHANGE {
                    rate = next;
                }
                bad = 0;
            }
        }
        rate
    }
}

/// Whether so many epochs in a row were no better than the best before them.
pub(crate) fn has_stalled(epochs: &[HistoryRow], monitor: Monitor, patience: usize) -> bool {
    let (mut best, mut bad) = (monitor.worst(), 0);
    for row in epochs {
        let value = monitor.value(row);
        if monitor.improves(value, best, 0.0) {
            (best, bad) = (value, 0);
        } else {
            bad += 1;
        }
    }
    patience > 0 && bad >= patience
}

/// The epoch with the best macro F1; the smaller loss, then the earlier epoch decides a tie.
pub(crate) fn best_epoch(history: &[HistoryRow]) -> Option<usize> {
    let better = |a: &HistoryRow, b: &HistoryRow| {
        let by_score = a.valid_macro_f1.total_cmp(&b.valid_macro_f1);
        by_score.then(b.valid_loss.total_cmp(&a.valid_loss)).then(b.epoch.cmp(&a.epoch))
    };
    (0..history.len()).max_by(|&a, &b| better(&history[a], &history[b]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u32, valid_macro_f1: f64, valid_loss: f64) -> HistoryRow {
        HistoryRow { epoch, valid_macro_f1, valid_loss, ..HistoryRow::default() }
    }

    #[test]
    fn the_best_epoch_is_decided_by_score_then_loss_then_order() {
        let history = [row(0, 0.2, 1.0), row(1, 0.3, 0.9), row(2, 0.3, 0.8), row(3, 0.3, 0.8)];
        assert_eq!(best_epoch(&history), Some(2));
        assert_eq!(best_epoch(&history[..2]), Some(1));
        assert_eq!(best_epoch(&[]), None);
    }

    /// torch 2.15: `ReduceLROnPlateau(SGD([p], lr=.1), mode, factor=.5, patience=1, min_lr=.02)`,
    /// the rate before each epoch and after the last.
    #[test]
    fn the_plateau_equals_pytorchs() {
        let losses =
            [1., 0.9, 0.95, 0.93, 0.91, 0.92, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.799_99, 0.9];
        let expected = [
            0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02,
        ];
        let rows: Vec<_> = losses.iter().map(|loss| row(0, 0.0, *loss)).collect();
        same(&rows, Monitor::ValidLoss, &expected);
        let scores = [0.1, 0.2, 0.2, 0.15, 0.2, 0.19, 0.3, 0.3, 0.3, 0.3, 0.300_01, 0.3, 0.3];
        let rows: Vec<_> = scores.iter().map(|score| row(0, *score, 0.0)).collect();
        same(&rows, Monitor::MacroF1, &expected[..14]);
    }

    fn same(rows: &[HistoryRow], monitor: Monitor, expected: &[f64]) {
        let plateau = Plateau { patience: 1, factor: 0.5 };
        for (epochs, expected) in expected.iter().enumerate() {
            let rate = plateau.rate(&rows[..epochs], monitor, (0.1, 0.02));
            assert!((rate - expected).abs() < 1e-15, "{monitor:?} after {epochs}: {rate}");
        }
    }

    #[test]
    fn stalling_counts_epochs_in_a_row() {
        let rows = [1.0, 0.9, 0.95, 0.9, 0.8, 0.8, 0.85].map(|loss| row(0, 0.0, loss));
        let stalled = |epochs: usize| has_stalled(&rows[..epochs], Monitor::ValidLoss, 2);
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7].map(stalled),
            [false, false, false, true, false, false, true]
        );
        assert!(!has_stalled(&rows, Monitor::ValidLoss, 0), "0 never stops");
    }
}
