//! Learning rate schedules: learning rate and momentum of every step.
//!
//! - One-cycle (Smith & Topin 2017, arXiv 1708.07120; fastai's form): the learning rate rises from
//!   `max / 25` to `max` over 30 % of the steps and falls to `max / 250000`, both along half a
//!   cosine, while the momentum goes 0.95 → 0.85 → 0.95. Equal to PyTorch's `OneCycleLR` in every step.
//! - Cosine with warm restarts (Loshchilov & Hutter 2016, arXiv 1608.03983): PyTorch's
//!   `CosineAnnealingWarmRestarts`, stepped by fractions of an epoch.
//! - Step: PyTorch's `StepLR`.
//! - Plateau: constant until the epochs stop improving (`monitor.rs`).

use crate::config::{BatchNormMode, Monitor, ScheduleConfig, ScheduleKind, TrainConfig};
use crate::train::monitor::{has_stalled, plateau_learning_rate};
use hpa_artifacts::HistoryRow;

/// Learning rate and momentum of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StepParams {
    pub(crate) learning_rate: f64,
    /// Momentum of SGD, β₁ of `AdamW`.
    pub(crate) momentum: f64,
}

/// The schedule of a whole run: its phases, their learning rates, its end.
///
/// With frozen epochs there are two phases, each with a schedule of its own: the head alone, then
/// all layers. A step's phase depends on its number alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LrScheduler {
    epochs: usize,
    freeze_epochs: usize,
    batch_norm: BatchNormMode,
    head: Phase,
    all: Phase,
    monitor: Monitor,
    early_stopping_patience: usize,
}

impl LrScheduler {
    pub(crate) fn new(config: &TrainConfig, steps_per_epoch: usize) -> Self {
        let phase = |epochs: usize, max_learning_rate| Phase {
            config: ScheduleConfig { max_learning_rate, ..config.schedule },
            momentum: config.optimizer.momentum,
            steps: epochs * steps_per_epoch,
            steps_per_epoch,
        };
        let (epochs, frozen) = (config.run.epochs, config.freeze.epochs);
        let max_learning_rate = config.schedule.max_learning_rate;
        Self {
            epochs,
            freeze_epochs: frozen,
            batch_norm: config.freeze.batch_norm,
            head: phase(frozen, config.freeze.learning_rate.unwrap_or(max_learning_rate)),
            all: phase(epochs.saturating_sub(frozen), max_learning_rate),
            monitor: config.run.monitor,
            early_stopping_patience: config.run.early_stopping_patience,
        }
    }

    /// Learning rate and momentum of a step, counted from 0 over the run, given the epochs so far.
    pub(crate) fn step_params(&self, step: usize, history: &[HistoryRow]) -> StepParams {
        let frozen = self.freeze_epochs.min(history.len());
        let (phase, step, epochs) = if step < self.head.steps {
            (self.head, step, history)
        } else {
            (self.all, step - self.head.steps, &history[frozen..])
        };
        let params = phase.step_params(step);
        if phase.config.kind != ScheduleKind::Plateau {
            return params;
        }
        let learning_rate = plateau_learning_rate(&phase.config, self.monitor, epochs);
        StepParams { learning_rate, ..params }
    }

    /// Mode of batch norm in this epoch if the body is frozen.
    pub(crate) fn frozen_batch_norm(&self, epoch: usize) -> Option<BatchNormMode> {
        (epoch < self.freeze_epochs).then_some(self.batch_norm)
    }

    /// Whether the body is unfrozen at the start of this epoch.
    pub(crate) const fn unfreezes(&self, epoch: usize) -> bool {
        epoch > 0 && epoch == self.freeze_epochs
    }

    /// Whether the run ends after these epochs.
    pub(crate) fn is_done(&self, history: &[HistoryRow]) -> bool {
        let unfrozen = &history[self.freeze_epochs.min(history.len())..];
        history.len() >= self.epochs
            || has_stalled(unfrozen, self.monitor, self.early_stopping_patience)
    }
}

/// One run through a schedule.
#[derive(Clone, Copy, Debug)]
struct Phase {
    config: ScheduleConfig,
    momentum: f64,
    steps: usize,
    steps_per_epoch: usize,
}

const ONE_CYCLE_DIV_FACTOR: f64 = 25.0;
const ONE_CYCLE_FINAL_DIVISOR: f64 = 250_000.0;
const ONE_CYCLE_WARMUP: f64 = 0.3;
const ONE_CYCLE_MAX_MOMENTUM: f64 = 0.95;
const ONE_CYCLE_BASE_MOMENTUM: f64 = 0.85;

impl Phase {
    /// Learning rate and momentum of a step, counted from 0.
    fn step_params(&self, step: usize) -> StepParams {
        let max = self.config.max_learning_rate;
        let learning_rate = match self.config.kind {
            ScheduleKind::OneCycle => return self.one_cycle(step as f64),
            ScheduleKind::Constant | ScheduleKind::Plateau => max,
            ScheduleKind::CosineRestarts => self.cosine_restarts(step),
            ScheduleKind::Step => {
                let decays = step / self.steps_per_epoch.max(1) / self.config.step_epochs.max(1);
                max * self.config.lr_gamma.powi(i32::try_from(decays).unwrap_or(i32::MAX))
            }
        };
        StepParams { learning_rate, momentum: self.momentum }
    }

    fn cosine_restarts(&self, step: usize) -> f64 {
        let ScheduleConfig {
            max_learning_rate, min_learning_rate, cosine_t0, cosine_t_mult, ..
        } = self.config;
        let mut start = 0;
        let mut length = (cosine_t0 * self.steps_per_epoch).max(1);
        while step - start >= length {
            start += length;
            length = length.saturating_mul(cosine_t_mult.max(1));
        }
        let progress = (step - start) as f64 / length as f64;
        anneal_cosine(max_learning_rate, min_learning_rate, progress)
    }

    fn one_cycle(&self, step: f64) -> StepParams {
        let last = self.steps.saturating_sub(1) as f64;
        // Runs of up to three steps have no warm-up.
        let peak = (ONE_CYCLE_WARMUP * self.steps as f64 - 1.0).max(0.0);
        let max = self.config.max_learning_rate;
        if step <= peak && peak > 0.0 {
            let progress = step / peak;
            return StepParams {
                learning_rate: anneal_cosine(max / ONE_CYCLE_DIV_FACTOR, max, progress),
                momentum: anneal_cosine(ONE_CYCLE_MAX_MOMENTUM, ONE_CYCLE_BASE_MOMENTUM, progress),
            };
        }
        let progress = if last > peak { (step - peak) / (last - peak) } else { 0.0 };
        StepParams {
            learning_rate: anneal_cosine(max, max / ONE_CYCLE_FINAL_DIVISOR, progress),
            momentum: anneal_cosine(ONE_CYCLE_BASE_MOMENTUM, ONE_CYCLE_MAX_MOMENTUM, progress),
        }
    }
}

/// Half a cosine from `start` (`progress` 0) to `end` (`progress` 1).
fn anneal_cosine(start: f64, end: f64, progress: f64) -> f64 {
    end + (start - end) / 2.0 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(kind: ScheduleKind, steps: usize) -> Phase {
        let config = ScheduleConfig { kind, max_learning_rate: 0.1, ..ScheduleConfig::default() };
        Phase { config, momentum: 0.9, steps, steps_per_epoch: 4 }
    }

    fn one_cycle(steps: usize) -> Phase {
        phase(ScheduleKind::OneCycle, steps)
    }

    /// torch 2.15: `OneCycleLR(SGD([p], lr=1, momentum=.9), max_lr=.1, total_steps=20)`, learning
    /// rate and momentum before each step.
    #[test]
    fn one_cycle_equals_pytorch() {
        for (step, (rate, momentum)) in TORCH {
            let params = one_cycle(20).step_params(step);
            assert!((params.learning_rate - rate).abs() < 1e-12, "{step}: {params:?}");
            assert!((params.momentum - momentum).abs() < 1e-12, "{step}: {params:?}");
        }
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

    #[test]
    fn one_cycle_warms_up_over_30_percent_and_anneals_to_nearly_0() {
        let schedule = one_cycle(1000);
        let rate = |step| schedule.step_params(step).learning_rate;
        assert!((rate(0) - 0.1 / 25.0).abs() < 1e-15);
        assert!((rate(299) - 0.1).abs() < 1e-15);
        assert!((rate(999) - 0.1 / 250_000.0).abs() < 1e-15);
        assert!((0..299).all(|step| rate(step) < rate(step + 1)));
        assert!((299..999).all(|step| rate(step) > rate(step + 1)));
    }

    #[test]
    fn one_cycle_of_few_steps_has_valid_learning_rates() {
        for steps in 1..5 {
            for step in 0..steps {
                let rate = one_cycle(steps).step_params(step).learning_rate;
                assert!(rate > 0.0 && rate <= 0.1, "{steps} {step}");
            }
        }
        assert!((one_cycle(1).step_params(0).learning_rate - 0.1).abs() < 1e-15);
    }

    #[test]
    fn constant_is_constant() {
        let schedule = phase(ScheduleKind::Constant, 10);
        assert_eq!(schedule.step_params(0), schedule.step_params(9));
        let expected = StepParams { learning_rate: 0.1, momentum: 0.9 };
        assert_eq!(schedule.step_params(3), expected);
    }

    /// torch 2.15: `CosineAnnealingWarmRestarts(SGD([p], lr=.1), T_0=2, T_mult=2, eta_min=.001)`,
    /// `step(epoch + batch / 4)` before each of the steps.
    #[test]
    fn cosine_restarts_equal_pytorch() {
        let mut schedule = phase(ScheduleKind::CosineRestarts, 24);
        schedule.config.min_learning_rate = 0.001;
        schedule.config.cosine_t0 = 2;
        schedule.config.cosine_t_mult = 2;
        for (step, rate) in [
            (0, 0.1),
            (1, 0.096_232_036_859_308_7),
            (3, 0.069_442_829_902_071_96),
            (7, 0.004_767_963_140_691_307),
            (8, 0.1),
            (9, 0.099_048_871_379_959_91),
            (16, 0.0505),
            (23, 0.001_951_128_620_040_093_8),
            (24, 0.1),
        ] {
            let params = schedule.step_params(step);
            assert!((params.learning_rate - rate).abs() < 1e-12, "{step}: {params:?}");
            assert!((params.momentum - 0.9).abs() < 1e-15);
        }
    }

    /// torch 2.15: `StepLR(SGD([p], lr=.1), 3, .1)`: .1 .1 .1 .01 .01 .01 .001 .001 over the epochs.
    #[test]
    fn step_equals_pytorch() {
        let mut schedule = phase(ScheduleKind::Step, 32);
        schedule.config.step_epochs = 3;
        for (epoch, rate) in [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001].into_iter().enumerate()
        {
            for step in 4 * epoch..4 * epoch + 4 {
                let params = schedule.step_params(step);
                assert!((params.learning_rate - rate).abs() < 1e-15, "{step}");
            }
        }
    }
}
