//! Steps that have been taken and whose losses nobody has looked at yet.
//!
//! The processor's losses are known with the step. A graphics card is asked for the next step
//! while it computes this one; its losses are read back every [`EVERY`] steps and at the end of an
//! epoch. A loss that is no number is then traced to its batch, whose samples are still known.

use crate::train::accumulate::{BatchLoss, GradientAccumulator, Halt};
use crate::train::trainer::Trainer;
use crate::train::watch::{Step, StepCallback};
use std::ops::ControlFlow;
use std::time::Instant;

/// Steps between two looks at a card's losses.
const EVERY: usize = 16;

/// One step.
struct Taken {
    step: Step,
    /// The sum of the losses that were known, over samples.
    loss: f64,
    unread: Vec<BatchLoss>,
}

/// Steps that nobody has been told of.
pub(crate) struct DeferredLosses {
    taken: Vec<Taken>,
    clock: Instant,
}

impl DeferredLosses {
    pub(crate) fn new() -> Self {
        Self { taken: Vec::new(), clock: Instant::now() }
    }

    /// Enters a step.
    pub(crate) fn enter(&mut self, step: Step, pending: GradientAccumulator) {
        let GradientAccumulator { loss, unread, .. } = pending;
        self.taken.push(Taken { step, loss, unread });
    }

    /// Whether the losses of the last steps are to be read.
    pub(crate) fn is_due(&self) -> bool {
        self.taken.len() >= EVERY || self.taken.iter().all(|taken| taken.unread.is_empty())
    }

    /// Reads the losses and tells `watch` of each step; the time is shared among them.
    pub(crate) fn settle<'a>(
        &mut self,
        trainer: &mut Trainer<'a>,
        on_step: StepCallback<'_, 'a>,
    ) -> Result<(), Halt> {
        let taken = std::mem::take(&mut self.taken);
        let mut steps = Vec::new();
        for Taken { step, loss, unread } in taken {
            let loss = loss + trainer.read(&unread)?;
            steps.push(Step { loss: loss / step.samples as f64, ..step });
        }
        let seconds = self.clock.elapsed().as_secs_f64() / steps.len().max(1) as f64;
        self.clock = Instant::now();
        for step in steps {
            match on_step(trainer, Step { seconds, ..step })? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(()) => return Err(Halt::Stopped),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::device_loader::kernel_tests::{Fixture, STATISTICS, fixture};
    use crate::{Architecture, Course, Dataset, Network, NnError, Recipe, TrainData};
    use hpa_core::Seed;

    fn trainer<'a>(fixture: &'a Fixture, recipe: &Recipe, deferred_loss: bool) -> Trainer<'a> {
        let store = &fixture.store;
        let (train, valid) = fixture.samples.split_at(36);
        let task = TrainData {
            train: Dataset { store, samples: train },
            valid: Dataset { store, samples: valid },
            labels: 2,
            label_weights: &[],
            statistics: STATISTICS,
            workers: 2,
        };
        let network = Network::new(Architecture::ResNet18, 2, Seed::new(1)).unwrap();
        let mut trainer = Trainer::new(task, *recipe, network).unwrap();
        trainer.deferred_loss = deferred_loss;
        trainer
    }

    /// 18 steps an epoch: one reading in between, and one at the end.
    #[test]
    fn to_read_late_changes_nothing_but_when_steps_are_told() {
        let (fixture, mut recipe) =
            (fixture(), crate::train::recipe::tests::plain(Course::default()));
        recipe.max_learning_rate = 1e-3;
        let mut told = [Vec::new(), Vec::new()];
        let mut states = Vec::new();
        for (late, told) in [false, true].into_iter().zip(&mut told) {
            let mut trainer = trainer(&fixture, &recipe, late);
            let _ = trainer
                .train_epoch(&mut |trainer, step| {
                    told.push((trainer.steps(), step.number, step.samples, step.loss));
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
            states.push(trainer.state().unwrap());
        }
        assert!(states[0] == states[1], "the same weights, history and place");
        let [at_once, late] = told;
        assert_eq!(at_once.len(), 18);
        assert!(at_once.iter().all(|(steps, number, ..)| steps == number));
        let by_then: Vec<usize> = late.iter().map(|(steps, ..)| *steps).collect();
        assert_eq!(by_then, [[16; 16].as_slice(), &[18; 2]].concat());
        let words = |(_, number, samples, loss): &(usize, usize, usize, f64)| {
            (*number, *samples, loss.to_bits())
        };
        assert!(at_once.iter().map(words).eq(late.iter().map(words)));
    }

    /// The step after which nothing is a number, found by its batch although others came after it.
    #[test]
    fn a_loss_that_is_no_number_is_traced_to_its_batch() {
        let (fixture, mut recipe) =
            (fixture(), crate::train::recipe::tests::plain(Course::default()));
        recipe.max_learning_rate = 1e30;
        let outcomes = [false, true].map(|late| {
            let mut trainer = trainer(&fixture, &recipe, late);
            let error = trainer.epoch(&mut |_| {}).unwrap_err();
            let NnError::Diverged { batch, ids, .. } = error else { panic!("{error}") };
            (batch, ids, trainer.steps())
        });
        let [(batch, ids, steps), (late_batch, late_ids, late_steps)] = outcomes;
        assert_eq!((batch, &ids), (late_batch, &late_ids));
        assert!(batch <= 2 && ids.len() <= 2 && !ids.is_empty());
        assert!(steps < late_steps, "{steps} and {late_steps}");
    }
}
