//! Training while somebody watches: progress, events, states, and signals that ask to stop.

use crate::Args;
use crate::events::Events;
use crate::resume::Keeper;
use anyhow::Context;
use hpa_cli::{GracefulShutdown, Progress, RunContext};
use hpa_core::LabelNames;
use hpa_nn::{Step, Trainer};
use std::ops::ControlFlow;

/// One run of the program.
pub(crate) struct Session<'a> {
    keeper: &'a mut Keeper,
    events: Option<Events>,
    patience: GracefulShutdown,
    progress: Progress,
    epochs: usize,
    /// Images per second of each step.
    rates: Vec<f64>,
    /// What went wrong beside training itself.
    trouble: Option<anyhow::Error>,
}

impl<'a> Session<'a> {
    /// Begins where the trainer is.
    pub(crate) fn open(
        args: &Args,
        context: &RunContext,
        trainer: &Trainer<'_>,
        (keeper, names): (&'a mut Keeper, &LabelNames),
    ) -> anyhow::Result<Self> {
        let events = args.out_events.as_ref().map(|path| Events::open(path, trainer, names));
        Ok(Self {
            keeper,
            events: events.transpose()?,
            patience: context.graceful_shutdown(),
            progress: context.progress("training", trainer.images_to_go() as u64, "images"),
            epochs: args.settings.epochs,
            rates: Vec::new(),
            trouble: None,
        })
    }

    /// Trains until all epochs are done; the images per second of each step.
    pub(crate) fn train(mut self, trainer: &mut Trainer<'_>) -> anyhow::Result<Vec<f64>> {
        while !trainer.is_done() {
            let flow =
                trainer.train_epoch(&mut |trainer, step| Ok(self.after_step(trainer, step)))?;
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            if flow == ControlFlow::Continue(()) {
                self.after_epoch(trainer)?;
            }
        }
        self.keeper.wait()?;
        self.progress.finish();
        Ok(self.rates)
    }

    fn after_step(&mut self, trainer: &Trainer<'_>, step: Step) -> ControlFlow<()> {
        self.try_after_step(trainer, step).unwrap_or_else(|error| {
            self.trouble = Some(error);
            ControlFlow::Break(())
        })
    }

    fn try_after_step(
        &mut self,
        trainer: &Trainer<'_>,
        step: Step,
    ) -> anyhow::Result<ControlFlow<()>> {
        self.rates.push(step.samples as f64 / step.seconds);
        self.progress.inc(step.samples as u64);
        let epoch = trainer.history().len() + 1;
        self.progress.message(format!("epoch {epoch}/{}, loss {:.4}", self.epochs, step.loss));
        if let Some(events) = &mut self.events {
            events.step(step)?;
        }
        if self.patience.interruption().is_some() {
            return self.leave(trainer).map(|()| ControlFlow::Break(()));
        }
        if self.keeper.is_due() {
            self.keeper.save(trainer)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn after_epoch(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        if let (Some(events), Some(row)) = (&mut self.events, trainer.history().last()) {
            events.epoch(row, trainer.steps())?;
        }
        // After the last epoch the checkpoint itself is the state.
        if trainer.is_done() {
            return Ok(());
        }
        if self.patience.interruption().is_some() {
            return self.leave(trainer);
        }
        self.keeper.save(trainer)
    }

    /// Saves; always an error, which says why training is left and how to go on.
    fn leave(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        self.progress.finish();
        let Some(why) = self.patience.interruption() else { return Ok(()) };
        let steps = trainer.steps();
        let saved = if self.keeper.keeps() {
            self.keeper.save(trainer)?;
            self.keeper.wait()?;
            format!("the state after step {steps} is kept: the same command goes on from it")
        } else {
            format!("nothing is kept of {steps} steps, for there is no --resume-dir")
        };
        Err(why).context(saved)
    }
}
