//! What holds for every problem, box and start; and what basin hopping finds.

use crate::problems::extended::{chained_rosenbrock, trigonometric};
use hpa_optim::{BasinHopping, Bounds, Closures, FiniteDifference, Lbfgsb, Stop, minimise};
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

fn scene() -> impl Strategy<Value = (Vec<(f64, f64)>, Vec<f64>)> {
    (2..12_usize).prop_flat_map(|n| {
        (prop::collection::vec(interval(), n), prop::collection::vec(-5.0..5.0_f64, n))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn lbfgsb_never_leaves_the_box_and_never_returns_worse_than_its_start(
        (intervals, start) in scene(), trigonometric_instead in any::<bool>(),
    ) {
        let function = if trigonometric_instead { trigonometric } else { chained_rosenbrock };
        let (lower, upper) = intervals.into_iter().unzip();
        let bounds = Bounds::new(lower, upper).unwrap();
        let strayed = Cell::new(false);
        let cost = |x: &[f64]| {
            strayed.set(strayed.get() || !bounds.contains(x));
            function(x).0
        };
        let problem = Closures::new(cost, |x: &[f64]| function(x).1);
        let minimum = minimise(&problem, &start, &Lbfgsb::new(bounds.clone())).unwrap();
        prop_assert!(!strayed.get());
        prop_assert!(minimum.cost <= function(&bounds.project(&start)).0);
        // How near a minimum it ends is for the golden problems: the default tolerance of the
        // objective may end the search on a long slope.
        prop_assert!(minimum.stop().is_some_and(Stop::converged));
    }

    #[test]
    fn differences_never_leave_the_box_either((intervals, start) in scene(), step in 1e-6..0.5) {
        let (lower, upper) = intervals.into_iter().unzip();
        let bounds = Bounds::new(lower, upper).unwrap();
        let strayed = Cell::new(false);
        let cost = |x: &[f64]| {
            strayed.set(strayed.get() || !bounds.contains(x));
            chained_rosenbrock(x).0
        };
        let inner = Closures::new(cost, |x: &[f64]| x.to_vec());
        let problem = FiniteDifference::new(inner, step, bounds.clone()).unwrap();
        let minimum = minimise(&problem, &start, &Lbfgsb::new(bounds.clone())).unwrap();
        prop_assert!(!strayed.get());
        prop_assert!(minimum.cost <= chained_rosenbrock(&bounds.project(&start)).0);
    }
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x + 10.0 * (1.0 - (TAU * x).cos())).sum()
}

fn rastrigin_slope(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| 2.0 * x + 10.0 * TAU * (TAU * x).sin()).collect()
}

fn hopper(n: usize, lower: f64) -> BasinHopping<Lbfgsb> {
    BasinHopping::new(Lbfgsb::new(Bounds::uniform(n, lower, 5.12).unwrap()))
}

#[test]
fn rastrigins_lowest_minimum_is_found_inside_and_on_the_boundary() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    for seed in 0..10 {
        for (lower, expected) in [(-5.12, 0.0), (0.04, rastrigin(&[0.04, 0.04]))] {
            let solver =
                hopper(2, lower).with_seed(seed).with_step_size(1.0).unwrap().with_hops(500);
            let minimum = minimise(&problem, &[4.1, 3.3], &solver).unwrap();
            assert!((minimum.cost - expected).abs() < 1e-4, "{seed} {lower}: {}", minimum.cost);
        }
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    let run = |seed| {
        let solver = hopper(5, -5.12).with_seed(seed).with_hops(5);
        minimise(&problem, &[3.3, -2.2, 1.4, 4.1, -3.7], &solver).unwrap()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).param, run(2).param);
}

#[test]
fn hops_without_improvement_end_the_search_by_name() {
    let bowl = Closures::new(|x: &[f64]| x[0] * x[0], |x: &[f64]| vec![2.0 * x[0]]);
    let solver = hopper(1, -5.12).with_max_hops_without_improvement(7);
    let minimum = minimise(&bowl, &[0.0], &solver).unwrap();
    assert_eq!((minimum.stop(), minimum.iterations), (Some(Stop::NoImprovement), 7));
    let all = minimise(&bowl, &[0.0], &hopper(1, -5.12).with_hops(9)).unwrap();
    assert_eq!((all.stop(), all.iterations), (Some(Stop::HopsDone), 9));
}

#[test]
fn at_temperature_zero_the_search_never_climbs() {
    let problem = Closures::new(rastrigin, rastrigin_slope);
    let cold = hopper(2, -5.12).with_temperature(0.0).unwrap().with_hops(40);
    let minimum = minimise(&problem, &[4.1, 3.3], &cold).unwrap();
    assert!(minimum.cost <= rastrigin(&[4.1, 3.3]));
}

#[test]
fn a_staircase_is_descended_with_a_step_wider_than_its_stairs() {
    // Stairs of width 0.01 on a parabola around 0.62, as an F1 over thresholds has them.
    let stairs = |x: &[f64]| ((x[0] * 100.0).floor() / 100.0 - 0.62).powi(2);
    let bounds = Bounds::uniform(1, 0.0, 1.0).unwrap();
    let inner = Closures::new(stairs, |x: &[f64]| x.to_vec());
    let problem = FiniteDifference::new(inner, 0.05, bounds.clone()).unwrap();
    let solver: BasinHopping<Lbfgsb> = BasinHopping::new(Lbfgsb::new(bounds)).with_hops(10);
    let minimum = minimise(&problem, &[0.2], &solver.with_step_size(0.1).unwrap()).unwrap();
    assert!(minimum.cost < 1e-3, "{minimum:?}");
}
