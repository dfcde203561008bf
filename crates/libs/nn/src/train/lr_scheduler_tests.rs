//! Schedules against PyTorch, step by step.

use super::*;

fn one_cycle(steps: usize) -> Schedule {
    Schedule {
        shape: ScheduleKind::OneCycle,
        max_learning_rate: 0.1,
        momentum: 0.9,
        steps,
        epoch_steps: 4,
        curve: Curve::default(),
    }
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
    let schedule = Schedule { shape: ScheduleKind::Constant, ..one_cycle(10) };
    assert_eq!(schedule.pace(0), schedule.pace(9));
    assert_eq!(schedule.pace(3), StepParams { learning_rate: 0.1, momentum: 0.9 });
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

/// torch 2.15: `CosineAnnealingWarmRestarts(SGD([p], lr=.1), T_0=2, T_mult=2, eta_min=.001)`,
/// `step(epoch + batch / 4)` before each of the steps.
#[test]
fn cosine_restarts_equal_pytorchs() {
    let curve = Curve {
        min_learning_rate: 0.001,
        restart_epochs: 2,
        restart_factor: 2,
        ..Curve::default()
    };
    let schedule = Schedule { shape: ScheduleKind::CosineRestarts, curve, ..one_cycle(24) };
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
        let pace = schedule.pace(step);
        assert!((pace.learning_rate - rate).abs() < 1e-12, "{step}: {pace:?}");
        assert!((pace.momentum - 0.9).abs() < 1e-15);
    }
}

/// torch 2.15: `StepLR(SGD([p], lr=.1), 3, .1)`: .1 .1 .1 .01 .01 .01 .001 .001 over the epochs.
#[test]
fn steps_equal_pytorchs() {
    let curve = Curve { step_epochs: 3, ..Curve::default() };
    let schedule = Schedule { shape: ScheduleKind::Step, curve, ..one_cycle(32) };
    for (epoch, rate) in [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001].into_iter().enumerate() {
        for step in 4 * epoch..4 * epoch + 4 {
            assert!((schedule.pace(step).learning_rate - rate).abs() < 1e-15, "{step}");
        }
    }
}

#[test]
fn an_unknown_schedule_is_refused_with_the_list() {
    let error = "linear".parse::<ScheduleKind>().unwrap_err();
    assert!(error.contains("one-cycle, constant, cosine-restarts, step, plateau"), "{error}");
    assert_eq!("cosine-restarts".parse(), Ok(ScheduleKind::CosineRestarts));
}
