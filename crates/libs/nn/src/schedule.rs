//! Learning rate and momentum over the steps of a run.
//!
//! One-cycle (Smith & Topin 2017, arXiv 1708.07120; fastai's form): the rate climbs from
//! `max / 25` to `max` over 30 % of the steps and falls to `max / 250000`, both along half a
//! cosine, while the momentum goes 0.95 → 0.85 → 0.95. Step by step it equals PyTorch's
//! `OneCycleLR`.

use serde::{Deserialize, Serialize};

/// The shape of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Up, then down.
    OneCycle,
    /// Always the same.
    Constant,
}

impl std::str::FromStr for Shape {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "one-cycle" => Ok(Self::OneCycle),
            "constant" => Ok(Self::Constant),
            _ => Err(format!("{text:?} is not a schedule: expected one-cycle or constant")),
        }
    }
}

/// Learning rate and momentum of every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Its shape.
    pub shape: Shape,
    /// The largest learning rate.
    pub max_learning_rate: f64,
    /// Momentum (`AdamW`: β₁) of the constant schedule; one-cycle has its own.
    pub momentum: f64,
    /// How many steps the run has.
    pub steps: usize,
}

/// What one step is taken with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
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
    pub fn pace(&self, step: usize) -> Pace {
        match self.shape {
            Shape::Constant => {
                Pace { learning_rate: self.max_learning_rate, momentum: self.momentum }
            }
            Shape::OneCycle => self.one_cycle(step as f64),
        }
    }

    fn one_cycle(&self, step: f64) -> Pace {
        let last = self.steps.saturating_sub(1) as f64;
        // A run of three steps or fewer has no rise: it starts at the top.
        let top = (RISE * self.steps as f64 - 1.0).max(0.0);
        let max = self.max_learning_rate;
        if step <= top && top > 0.0 {
            let part = step / top;
            return Pace {
                learning_rate: half_cosine(max / START_DIVISOR, max, part),
                momentum: half_cosine(HIGH_MOMENTUM, LOW_MOMENTUM, part),
            };
        }
        let part = if last > top { (step - top) / (last - top) } else { 0.0 };
        Pace {
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
mod tests {
    use super::*;

    fn one_cycle(steps: usize) -> Schedule {
        Schedule { shape: Shape::OneCycle, max_learning_rate: 0.1, momentum: 0.9, steps }
    }

    /// torch 2.15: `OneCycleLR(SGD([p], lr=1, momentum=.9), max_lr=.1, total_steps=20)`, the rate
    /// and momentum before each step.
    #[test]
    fn one_cycle_equals_pytorchs() {
        for (step, (rate, momentum)) in TORCH {
            let pace = one_cycle(20).pace(step);
            assert!((pace.learning_rate - rate).abs() < 1e-12, "{step}: {pace:?}");
            assert!((pace.momentum - momentum).abs() < 1e-12, "{step}: {pace:?}");
        }
    }

    #[test]
    fn one_cycle_starts_at_a_25th_peaks_at_30_percent_and_ends_at_nothing() {
        let schedule = one_cycle(1000);
        let rate = |step| schedule.pace(step).learning_rate;
        assert!((rate(0) - 0.1 / 25.0).abs() < 1e-15);
        assert!((rate(299) - 0.1).abs() < 1e-15);
        assert!((rate(999) - 0.1 / 250_000.0).abs() < 1e-15);
        assert!((0..299).all(|step| rate(step) < rate(step + 1)));
        assert!((299..999).all(|step| rate(step) > rate(step + 1)));
    }

    #[test]
    fn short_runs_have_a_pace_too() {
        for steps in 1..5 {
            for step in 0..steps {
                let pace = one_cycle(steps).pace(step);
                assert!(pace.learning_rate > 0.0 && pace.learning_rate <= 0.1, "{steps} {step}");
            }
        }
        assert!((one_cycle(1).pace(0).learning_rate - 0.1).abs() < 1e-15);
    }

    #[test]
    fn constant_is_constant() {
        let schedule = Schedule { shape: Shape::Constant, ..one_cycle(10) };
        assert_eq!(schedule.pace(0), schedule.pace(9));
        assert_eq!(schedule.pace(3), Pace { learning_rate: 0.1, momentum: 0.9 });
    }

    const TORCH: [(usize, (f64, f64)); 8] = [
        (0, (0.004_000_000_000_000_003_6, 0.95)),
        (1, (0.013_167_184_270_002_533, 0.940_450_849_718_747_4)),
        (3, (0.066_832_815_729_997_47, 0.884_549_150_281_252_6)),
        (5, (0.1, 0.85)),
        (6, (0.098_746_400_623_508_74, 0.851_253_604_390_908_8)),
        (10, (0.071_694_300_179_130_09, 0.878_305_813_044_122)),
        (15, (0.018_825_834_605_023_7, 0.931_174_490_092_936_6)),
        (19, (4e-07, 0.95)),
    ];
}
