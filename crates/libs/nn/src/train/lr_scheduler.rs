//! Learning rate and momentum over the steps of a run.
//!
//! - One-cycle (Smith & Topin 2017, arXiv 1708.07120; fastai's form): the rate climbs from
//!   `max / 25` to `max` over 30 % of the steps and falls to `max / 250000`, both along half a
//!   cosine, while the momentum goes 0.95 → 0.85 → 0.95. Step by step it equals PyTorch's
//!   `OneCycleLR`.
//! - Cosine with warm restarts (Loshchilov & Hutter 2016, arXiv 1608.03983): from `max` to the
//!   least rate along half a cosine, again and again; PyTorch's `CosineAnnealingWarmRestarts`
//!   stepped by fractions of an epoch.
//! - Step: times a factor every so many epochs; PyTorch's `StepLR`.
//! - Plateau: constant, until the epochs no longer improve (see `monitor`).

use serde::{Deserialize, Serialize};

/// The shape of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Up, then down.
    OneCycle,
    /// Always the same.
    Constant,
    /// Down along half a cosine, again and again.
    CosineRestarts,
    /// Down by a factor every so many epochs.
    Step,
    /// Down by a factor when epochs no longer improve.
    Plateau,
}

impl ScheduleKind {
    const ALL: [(&'static str, Self); 5] = [
        ("one-cycle", Self::OneCycle),
        ("constant", Self::Constant),
        ("cosine-restarts", Self::CosineRestarts),
        ("step", Self::Step),
        ("plateau", Self::Plateau),
    ];
}

impl std::str::FromStr for ScheduleKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, shape)| shape).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            format!("{text:?} is not a schedule: expected one of {names}")
        })
    }
}

/// The numbers of the schedules that have more than a largest rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Cosine and plateau do not go below it.
    pub min_learning_rate: f64,
    /// Epochs until the first restart of the cosine.
    pub restart_epochs: usize,
    /// Each cosine is this many times as long as the one before.
    pub restart_factor: usize,
    /// Epochs between two steps.
    pub step_epochs: usize,
    /// What a step multiplies the rate by.
    pub step_factor: f64,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            min_learning_rate: 0.0,
            restart_epochs: 10,
            restart_factor: 1,
            step_epochs: 10,
            step_factor: 0.1,
        }
    }
}

/// Learning rate and momentum of every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Its shape.
    pub shape: ScheduleKind,
    /// The largest learning rate.
    pub max_learning_rate: f64,
    /// Momentum (`AdamW`: β₁); one-cycle has its own.
    pub momentum: f64,
    /// How many steps the run has.
    pub steps: usize,
    /// How many steps an epoch has.
    pub epoch_steps: usize,
    /// What the shape needs beside.
    pub curve: Curve,
}

/// What one step is taken with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepParams {
    /// Learning rate.
    pub learning_rate: f64,
    /// Momentum of SGD, β₁ of `AdamW`.
    pub momentum: f64,
}

const START_DIVISOR: f64 = 25.0;
const END_DIVISOR: f64 = 250_000.0;
const RISE: f64 = 0.3;
const HIGH_MOMENTUM: f64 = 0.95;
const LOW_MOMENTUM: f64 = 0.85;

impl Schedule {
    /// The pace of a step; steps count from 0.
    #[must_use]
    pub fn pace(&self, step: usize) -> StepParams {
        match self.shape {
            ScheduleKind::OneCycle => self.one_cycle(step as f64),
            ScheduleKind::Constant | ScheduleKind::Plateau => self.at(self.max_learning_rate),
            ScheduleKind::CosineRestarts => self.at(self.cosine(step)),
            ScheduleKind::Step => {
                let number = step / self.epoch_steps.max(1) / self.curve.step_epochs.max(1);
                let power = i32::try_from(number).unwrap_or(i32::MAX);
                self.at(self.max_learning_rate * self.curve.step_factor.powi(power))
            }
        }
    }

    fn at(&self, learning_rate: f64) -> StepParams {
        StepParams { learning_rate, momentum: self.momentum }
    }

    fn cosine(&self, step: usize) -> f64 {
        let Curve { min_learning_rate, restart_epochs, restart_factor, .. } = self.curve;
        let (mut begin, mut length) = (0, (restart_epochs * self.epoch_steps).max(1));
        while step - begin >= length {
            begin += length;
            length = length.saturating_mul(restart_factor.max(1));
        }
        let part = (step - begin) as f64 / length as f64;
        half_cosine(self.max_learning_rate, min_learning_rate, part)
    }

    fn one_cycle(&self, step: f64) -> StepParams {
        let last = self.steps.saturating_sub(1) as f64;
        // A run of three steps or fewer has no rise: it starts at the top.
        let top = (RISE * self.steps as f64 - 1.0).max(0.0);
        let max = self.max_learning_rate;
        if step <= top && top > 0.0 {
            let part = step / top;
            return StepParams {
                learning_rate: half_cosine(max / START_DIVISOR, max, part),
                momentum: half_cosine(HIGH_MOMENTUM, LOW_MOMENTUM, part),
            };
        }
        let part = if last > top { (step - top) / (last - top) } else { 0.0 };
        StepParams {
            learning_rate: half_cosine(max, max / END_DIVISOR, part),
            momentum: half_cosine(LOW_MOMENTUM, HIGH_MOMENTUM, part),
        }
    }
}

/// From `start` (`part` 0) to `end` (`part` 1) along half a cosine.
fn half_cosine(start: f64, end: f64, part: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * part).cos())
}

#[cfg(test)]
#[path = "lr_scheduler_tests.rs"]
mod tests;
