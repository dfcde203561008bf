//! Properties of L-BFGS-B on random bounds and starts; results of basin hopping.

use crate::problems::extended::{chained_rosenbrock, trigonometric};
use hpa_optim::{BasinHopping, Bounds, Closures, FiniteDifference, Lbfgsb, StopReason, minimize};
use proptest::prelude::*;
use std::cell::Cell;
use std::f64::consts::TAU;

/// One interval: bounded, half-bounded, free or fixed.
fn interval() -> impl Strategy<Value = (f64, f64)> {
    let end = -3.0..3.0_f64;
    prop_oneof![
        4 => (end.clone(), 0.0..3.0_f64).prop_map(|(low, width)| (low, low + width)),
        1 => end.clone().prop_map(|low| (low, f64::INFINITY)),
        1 => end.clone().prop_map(|high| (f64::NEG_INFINITY, high)),
        1 => Just((f64::NEG_INFINITY, f64::INFINITY)),
        1 => end.prop_map(|value| (value, value)),
    ]
}

fn bounds_and_start() -> impl Strategy<Value = (Vec<(f64, f64)>, Vec<f64>)> {
    (2..12_usize).prop_flat_map(|n| {
        (prop::collection::vec(interval(), n), prop::collection::vec(-5.0..5.0_f64, n))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn lbfgsb_stays_within_the_bounds_and_never_returns_worse_than_its_start(
        (intervals, start) in bounds_and_start(), trigonometric_instead in any::<bool>(),
    ) {
        let function = if trigonometric_instead { trigonometric } else { chained_rosenbrock };
        let (lower, upper) = intervals.into_iter().unzip();
        let bounds = Bounds::new(lower, upper).unwrap();
        let left_bounds = Cell::new(false);
        let cost = |x: &[f64]| {
            left_bounds.set(left_bounds.get() || !bounds.contains(x));
            function(x).0
        };
        let problem = Closures::new(cost, |x: &[f64]| function(x).1);
        let minimum = minimize(&problem, &start, &Lbfgsb::new(bounds.clone())).unwrap();
        prop_assert!(!left_bounds.get());
        prop_assert!(minimum.cost <= function(&bounds.project(&start)).0);
        // The distance to the minimum is tested on the golden problems: the default cost tolerance may
        // stop the search on a long slope.
        prop_assert!(minimum.stop().is_some_and(StopReason::converged));
    }

    #[test]
    fn finite_differences_stay_within_the_bounds((intervals, start) in bounds_and_start(), step in 1e-6..0.5) {
        let (lower, upper) = intervals.into_iter().unzip();
        let bounds = Bounds::new(lower, upper).unwrap();
        let left_bounds = Cell::new(false);
        let cost = |x: &[f64]| {
            left_bounds.set(left_bounds.get() || !bounds.contains(x));
            chained_rosenbrock(x).0
        };
        let inner = Closures::new(cost, |x: &[f64]| x.to_vec());
        let problem = FiniteDifference::new(inner, step, bounds.clone()).unwrap();
        let minimum = minimize(&problem, &start, &Lbfgsb::new(bounds.clone())).unwrap();
        prop_assert!(!left_bounds.get());
        prop_assert!(minimum.cost <= chained_rosenbrock(&bounds.project(&start)).0);
    }
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x + 10.0 * (1.0 - (TAU * x).cos())).sum()
}

fn rastrigin_slope(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| 2.0 * x + 10.0 * TAU * (TAU * x).sin()).collect()
}

fn rastrigin_solver(n: usize, lower: f64) -> BasinHopping<Lbfgsb> {
    BasinHopping::new(Lbfgsb::new(Bounds::uniform(n, lower, 5.12).unwrap()))
}

#[test]
fn rastrigins_lowest_minimum_is_found_inside_and_on_the_boundary() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    for seed in 0..10 {
        for (lower, expected) in [(-5.12, 0.0), (0.04, rastrigin(&[0.04, 0.04]))] {
            let solver = rastrigin_solver(2, lower)
                .with_seed(seed)
                .with_step_size(1.0)
                .unwrap()
                .with_hops(500);
            let minimum = minimize(&problem, &[4.1, 3.3], &solver).unwrap();
            assert!((minimum.cost - expected).abs() < 1e-4, "{seed} {lower}: {}", minimum.cost);
        }
    }
}

#[test]
fn the_result_depends_on_the_seed_alone() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    let run = |seed| {
        let solver = rastrigin_solver(5, -5.12).with_seed(seed).with_hops(5);
        minimize(&problem, &[3.3, -2.2, 1.4, 4.1, -3.7], &solver).unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).param, run(2).param);
}

#[test]
fn hops_without_improvement_stop_the_search() {
    let bowl = Closures::new(|x: &[f64]| x[0] * x[0], |x: &[f64]| vec![2.0 * x[0]]);
    let solver = rastrigin_solver(1, -5.12).with_max_hops_without_improvement(7);
    let minimum = minimize(&bowl, &[0.0], &solver).unwrap();
    assert_eq!((minimum.stop(), minimum.iterations), (Some(StopReason::NoImprovement), 7));
    let all = minimize(&bowl, &[0.0], &rastrigin_solver(1, -5.12).with_hops(9)).unwrap();
    assert_eq!((all.stop(), all.iterations), (Some(StopReason::MaxHops), 9));
}

#[test]
fn at_temperature_zero_no_rise_is_accepted() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    let cold = rastrigin_solver(2, -5.12).with_temperature(0.0).unwrap().with_hops(40);
    let minimum = minimize(&problem, &[4.1, 3.3], &cold).unwrap();
    assert!(minimum.cost <= rastrigin(&[4.1, 3.3]));
}

#[test]
fn a_step_function_is_minimised_with_a_difference_wider_than_its_steps() {
    // Steps of width 0.01 on a parabola around 0.62, like F1 over a threshold.
    let step_function = |x: &[f64]| ((x[0] * 100.0).floor() / 100.0 - 0.62).powi(2);
    let bounds = Bounds::uniform(1, 0.0, 1.0).unwrap();
    let inner = Closures::new(step_function, |x: &[f64]| x.to_vec());
    let problem = FiniteDifference::new(inner, 0.05, bounds.clone()).unwrap();
    let solver: BasinHopping<Lbfgsb> = BasinHopping::new(Lbfgsb::new(bounds)).with_hops(10);
    let minimum = minimize(&problem, &[0.2], &solver.with_step_size(0.1).unwrap()).unwrap();
    assert!(minimum.cost < 1e-3, "{minimum:?}");
}
