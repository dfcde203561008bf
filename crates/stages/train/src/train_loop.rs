//! The loop over epochs: progress, `TensorBoard` events, saved states, interruption by signals.

use crate::Args;
use crate::checkpoint_manager::CheckpointManager;
use crate::tensorboard::EventWriter;
use anyhow::Context;
use hpa_cli::{GracefulShutdown, Progress, RunContext};
use hpa_core::LabelNames;
use hpa_nn::{Step, Trainer};
use std::ops::ControlFlow;

/// One run of the program.
pub(crate) struct TrainLoop<'a> {
    checkpoints: &'a mut CheckpointManager,
    events: Option<EventWriter>,
    shutdown: GracefulShutdown,
    progress: Progress,
    epochs: usize,
    /// Of each step.
    images_per_second: Vec<f64>,
    /// An error of the callback, other than of training itself.
    callback_error: Option<anyhow::Error>,
}

impl<'a> TrainLoop<'a> {
    /// Starts at the trainer's position.
    pub(crate) fn new(
        args: &Args,
        context: &RunContext,
        trainer: &Trainer<'_>,
        checkpoints: &'a mut CheckpointManager,
        label_names: &LabelNames,
    ) -> anyhow::Result<Self> {
        let events = args.out_events.as_ref();
        let events = events.map(|path| EventWriter::open(path, trainer, label_names));
        Ok(Self {
            checkpoints,
            events: events.transpose()?,
            shutdown: context.graceful_shutdown(),
            progress: context.progress("training", trainer.images_to_go() as u64, "images"),
            epochs: args.config().run.epochs,
            images_per_second: Vec::new(),
            callback_error: None,
        })
    }

    /// Trains all epochs; the images per second of each step.
    pub(crate) fn run(mut self, trainer: &mut Trainer<'_>) -> anyhow::Result<Vec<f64>> {
        while !trainer.is_done() {
            let epoch = trainer.train_epoch(&mut |trainer, step| {
                Ok(self.after_step(trainer, step).unwrap_or_else(|error| {
                    self.callback_error = Some(error);
                    ControlFlow::Break(())
                }))
            })?;
            if let Some(error) = self.callback_error.take() {
                return Err(error);
            }
            if epoch.is_continue() {
                self.after_epoch(trainer)?;
            }
        }
        self.checkpoints.wait()?;
        self.progress.finish();
        Ok(self.images_per_second)
    }

    fn after_step(&mut self, trainer: &Trainer<'_>, step: Step) -> anyhow::Result<ControlFlow<()>> {
        self.images_per_second.push(step.samples as f64 / step.seconds);
        self.progress.inc(step.samples as u64);
        let epoch = trainer.history().len() + 1;
        self.progress.message(format!("epoch {epoch}/{}, loss {:.4}", self.epochs, step.loss));
        if let Some(events) = &mut self.events {
            events.step(step)?;
        }
        if self.shutdown.interruption().is_some() {
            self.save_and_stop(trainer)?;
            return Ok(ControlFlow::Break(()));
        }
        if self.checkpoints.is_due() {
            self.checkpoints.save(trainer)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn after_epoch(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        if let (Some(events), Some(row)) = (&mut self.events, trainer.history().last()) {
            events.epoch(row, trainer.steps())?;
        }
        // After the last epoch the checkpoint is written at once.
        if trainer.is_done() {
            return Ok(());
        }
        if self.shutdown.interruption().is_some() {
            return self.save_and_stop(trainer);
        }
        self.checkpoints.save(trainer)
    }

    /// Saves the state and returns the interruption as an error, with how to resume.
    fn save_and_stop(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        self.progress.finish();
        let Some(interruption) = self.shutdown.interruption() else { return Ok(()) };
        let steps = trainer.steps();
        let saved = if self.checkpoints.is_enabled() {
            self.checkpoints.save(trainer)?;
            self.checkpoints.wait()?;
            format!("the state after step {steps} is saved: the same command resumes from it")
        } else {
            format!("the {steps} steps so far are lost, because there is no --resume-dir")
        };
        Err(interruption).context(saved)
    }
}
