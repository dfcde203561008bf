//! Decisions from the epochs so far: the best epoch, the plateau schedule, early stopping.
//!
//! All of them are functions of the history alone, so a resumed run decides like an uninterrupted
//! one.

use crate::config::{Monitor, ScheduleConfig};
use hpa_artifacts::HistoryRow;

impl Monitor {
    const fn value(self, row: &HistoryRow) -> f64 {
        match self {
            Self::ValidLoss => row.valid_loss,
            Self::MacroF1 => row.valid_macro_f1,
        }
    }

    /// Whether `value` is better than `best` by more than this fraction of it.
    fn improves(self, value: f64, best: f64, threshold: f64) -> bool {
        match self {
            Self::ValidLoss => value < best * (1.0 - threshold),
            Self::MacroF1 => value > best * (1.0 + threshold),
        }
    }

    const fn worst(self) -> f64 {
        match self {
            Self::ValidLoss => f64::INFINITY,
            Self::MacroF1 => f64::NEG_INFINITY,
        }
    }
}

/// `ReduceLROnPlateau`'s `threshold`, relative.
const PLATEAU_THRESHOLD: f64 = 1e-4;
/// `ReduceLROnPlateau`'s `eps`: smaller changes of the learning rate are not made.
const PLATEAU_EPS: f64 = 1e-8;

/// Learning rate after these epochs by PyTorch's `ReduceLROnPlateau`, without cooldown.
pub(crate) fn plateau_learning_rate(
    schedule: &ScheduleConfig,
    monitor: Monitor,
    epochs: &[HistoryRow],
) -> f64 {
    let mut learning_rate = schedule.max_learning_rate;
    let mut best = monitor.worst();
    let mut bad_epochs = 0;
    for row in epochs {
        let value = monitor.value(row);
        if monitor.improves(value, best, PLATEAU_THRESHOLD) {
            best = value;
            bad_epochs = 0;
        } else {
            bad_epochs += 1;
        }
        if bad_epochs > schedule.plateau_patience {
            let next = (learning_rate * schedule.plateau_factor).max(schedule.min_learning_rate);
            if learning_rate - next > PLATEAU_EPS {
                learning_rate = next;
            }
            bad_epochs = 0;
        }
    }
    learning_rate
}

/// Whether the last `patience` epochs did not improve on the best before them; never for 0.
pub(crate) fn has_stalled(epochs: &[HistoryRow], monitor: Monitor, patience: usize) -> bool {
    let mut best = monitor.worst();
    let mut bad_epochs = 0;
    for row in epochs {
        let value = monitor.value(row);
        if monitor.improves(value, best, 0.0) {
            best = value;
            bad_epochs = 0;
        } else {
            bad_epochs += 1;
        }
    }
    patience > 0 && bad_epochs >= patience
}

/// The epoch with the best macro F1; ties go to the smaller loss, then to the earlier epoch.
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
    /// the learning rate before each epoch and after the last.
    #[test]
    fn plateau_equals_pytorch() {
        let losses =
            [1., 0.9, 0.95, 0.93, 0.91, 0.92, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.799_99, 0.9];
        let expected = [
            0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02,
        ];
        let rows: Vec<_> = losses.iter().map(|loss| row(0, 0.0, *loss)).collect();
        check_plateau(&rows, Monitor::ValidLoss, &expected);
        let scores = [0.1, 0.2, 0.2, 0.15, 0.2, 0.19, 0.3, 0.3, 0.3, 0.3, 0.300_01, 0.3, 0.3];
        let rows: Vec<_> = scores.iter().map(|score| row(0, *score, 0.0)).collect();
        check_plateau(&rows, Monitor::MacroF1, &expected[..14]);
    }

    fn check_plateau(rows: &[HistoryRow], monitor: Monitor, expected: &[f64]) {
        let schedule = ScheduleConfig {
            max_learning_rate: 0.1,
            min_learning_rate: 0.02,
            plateau_patience: 1,
            plateau_factor: 0.5,
            ..ScheduleConfig::default()
        };
        for (epochs, expected) in expected.iter().enumerate() {
            let rate = plateau_learning_rate(&schedule, monitor, &rows[..epochs]);
            assert!((rate - expected).abs() < 1e-15, "{monitor:?} after {epochs}: {rate}");
        }
    }

    #[test]
    fn early_stopping_counts_epochs_in_a_row() {
        let rows = [1.0, 0.9, 0.95, 0.9, 0.8, 0.8, 0.85].map(|loss| row(0, 0.0, loss));
        let stalled = |epochs: usize| has_stalled(&rows[..epochs], Monitor::ValidLoss, 2);
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7].map(stalled),
            [false, false, false, true, false, false, true]
        );
        assert!(!has_stalled(&rows, Monitor::ValidLoss, 0), "0 never stops");
    }
}
