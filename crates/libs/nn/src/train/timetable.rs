//! The whole run laid out before its first step: phases, paces, sizes, the end.
//!
//! With frozen epochs there are two phases, each with a run of the schedule of its own: the head
//! alone, then everything. Which phase a step belongs to depends on its number alone.

use crate::config::{BatchNormMode, Course};
use crate::train::lr_scheduler::{Schedule, ScheduleKind, StepParams};
use crate::train::monitor::has_stalled;
use crate::train::recipe::Recipe;
use hpa_artifacts::HistoryRow;

/// The run of a recipe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LrScheduler {
    epochs: usize,
    head: Schedule,
    all: Schedule,
    course: Course,
}

impl LrScheduler {
    pub(crate) fn new(recipe: &Recipe, epoch_steps: usize) -> Self {
        let course = recipe.course;
        let phase = |epochs: usize, max_learning_rate| Schedule {
            shape: recipe.schedule,
            max_learning_rate,
            momentum: recipe.momentum,
            steps: epochs * epoch_steps,
            epoch_steps,
            curve: course.curve,
        };
        let (frozen, max) = (course.freeze.epochs, recipe.max_learning_rate);
        Self {
            epochs: recipe.epochs,
            head: phase(frozen, course.freeze.learning_rate.unwrap_or(max)),
            all: phase(recipe.epochs.saturating_sub(frozen), max),
            course,
        }
    }

    /// The pace of a step, steps counted from 0, after the epochs of the history.
    pub(crate) fn pace(&self, step: usize, history: &[HistoryRow]) -> StepParams {
        let frozen = self.course.freeze.epochs.min(history.len());
        let (schedule, step, epochs) = if step < self.head.steps {
            (self.head, step, history)
        } else {
            (self.all, step - self.head.steps, &history[frozen..])
        };
        let pace = schedule.pace(step);
        if schedule.shape != ScheduleKind::Plateau {
            return pace;
        }
        let Course { plateau, monitor, curve, .. } = self.course;
        let range = (schedule.max_learning_rate, curve.min_learning_rate);
        StepParams { learning_rate: plateau.rate(epochs, monitor, range), ..pace }
    }

    /// What the norms of the body do in this epoch, if the body is frozen.
    pub(crate) fn frozen(&self, epoch: usize) -> Option<BatchNormMode> {
        (epoch < self.course.freeze.epochs).then_some(self.course.freeze.norms)
    }

    /// Whether the body learns for the first time in this epoch.
    pub(crate) fn unfreezes(&self, epoch: usize) -> bool {
        epoch > 0 && epoch == self.course.freeze.epochs
    }

    /// Whether no epoch follows these.
    pub(crate) fn is_done(&self, history: &[HistoryRow]) -> bool {
        let learnt = &history[self.course.freeze.epochs.min(history.len())..];
        history.len() >= self.epochs
            || has_stalled(learnt, self.course.monitor, self.course.early_stop)
    }
}
