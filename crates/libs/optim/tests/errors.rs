//! Errors of invalid problems, starts and options.

use argmin::core::{CostFunction, Executor, Gradient};
use hpa_optim::{BasinHopping, Bounds, Closures, Error, FiniteDifference, Lbfgsb, minimize};

fn unit_square() -> Lbfgsb {
    Lbfgsb::new(Bounds::uniform(2, 0.0, 1.0).unwrap())
}

fn run(cost: fn(&[f64]) -> f64, gradient: fn(&[f64]) -> Vec<f64>, start: &[f64]) -> Error {
    minimize(&Closures::new(cost, gradient), start, &unit_square()).unwrap_err()
}

fn bowl(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

fn slope(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| 2.0 * x).collect()
}

#[test]
fn an_objective_that_is_nan_or_infinite_at_the_start_is_named_with_the_point() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let problem = Closures::new(move |_: &[f64]| value, slope);
        let error = minimize(&problem, &[0.5, 0.25], &unit_square()).unwrap_err();
        assert!(matches!(error, Error::CostNotFinite { .. }));
        let text = error.to_string();
        assert!(text.contains("[0.5, 0.25]") && text.contains("bounds"), "{text}");
    }
}

#[test]
fn an_objective_that_becomes_nan_later_is_named() {
    let error = run(|x| if x[0] < 0.3 { f64::NAN } else { bowl(x) }, slope, &[0.9, 0.9]);
    assert!(matches!(error, Error::CostNotFinite { .. }), "{error}");
}

#[test]
fn a_gradient_with_nan_or_of_the_wrong_length_is_named() {
    let nan = run(bowl, |_| vec![1.0, f64::NAN], &[0.5, 0.5]);
    assert!(matches!(nan, Error::GradientNotFinite { index: 1, .. }), "{nan}");
    let short = run(bowl, |_| vec![1.0], &[0.5, 0.5]);
    assert!(matches!(short, Error::GradientLength { gradient: 1, variables: 2 }), "{short}");
}

#[test]
fn a_start_of_the_wrong_length_or_with_nan_is_named() {
    let long = run(bowl, slope, &[0.5; 3]);
    assert!(matches!(long, Error::StartLength { start: 3, bounds: 2 }), "{long}");
    let nan = run(bowl, slope, &[0.5, f64::NAN]);
    assert!(matches!(nan, Error::StartNotFinite { index: 1, .. }), "{nan}");
    let infinite = run(bowl, slope, &[f64::INFINITY, 0.0]);
    assert!(matches!(infinite, Error::StartNotFinite { index: 0, .. }), "{infinite}");
}

#[test]
fn a_missing_start_error_says_how_to_set_one() {
    let error = Executor::new(Closures::new(bowl, slope), unit_square()).run().map(|_| ());
    let error = error.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::NoStart)));
    assert!(error.to_string().contains("state.param(start)"));
}

#[test]
fn options_out_of_range_are_refused_by_their_setters() {
    let hop = || -> BasinHopping<Lbfgsb> { BasinHopping::new(unit_square()) };
    let errors = [
        unit_square().with_memory(0).map(|_| ()),
        unit_square().with_cost_tolerance(-1.0).map(|_| ()),
        unit_square().with_cost_tolerance(f64::NAN).map(|_| ()),
        unit_square().with_cost_tolerance(f64::INFINITY).map(|_| ()),
        unit_square().with_gradient_tolerance(f64::NAN).map(|_| ()),
        unit_square().with_gradient_tolerance(f64::INFINITY).map(|_| ()),
        unit_square().with_line_search_steps(0).map(|_| ()),
        hop().with_step_size(0.0).map(|_| ()),
        hop().with_step_size(f64::INFINITY).map(|_| ()),
        hop().with_temperature(-1.0).map(|_| ()),
        hop().with_temperature(f64::INFINITY).map(|_| ()),
        hop().with_target_acceptance(1.5).map(|_| ()),
        hop().with_interval(0).map(|_| ()),
        hop().with_step_factor(1.0).map(|_| ()),
    ];
    for result in errors {
        assert!(matches!(result.unwrap_err(), Error::Option { .. }));
    }
}

#[test]
fn basin_hopping_returns_the_same_errors() {
    let hop: BasinHopping<Lbfgsb> = BasinHopping::new(unit_square()).with_hops(3);
    let nan = Closures::new(|_: &[f64]| f64::NAN, slope);
    assert!(matches!(minimize(&nan, &[0.5; 2], &hop), Err(Error::CostNotFinite { .. })));
    let fine = Closures::new(bowl, slope);
    assert!(matches!(minimize(&fine, &[], &hop), Err(Error::NoVariables)));
    let bounded = hop.with_bounds(Bounds::uniform(3, 0.0, 1.0).unwrap());
    let error = minimize(&fine, &[0.5; 2], &bounded).unwrap_err();
    assert!(matches!(error, Error::StartLength { start: 2, bounds: 3 }));
}

#[test]
fn a_nan_at_the_neighbouring_point_is_an_error() {
    let bounds = Bounds::uniform(1, 0.0, 1.0).unwrap();
    let cliff = Closures::new(|x: &[f64]| if x[0] > 0.5 { f64::NAN } else { x[0] }, slope);
    let problem = FiniteDifference::new(cliff, 0.05, bounds).unwrap();
    assert!(problem.cost(&vec![0.49]).is_ok());
    let error = problem.gradient(&vec![0.49]).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::CostNotFinite { .. })));
}

/// A problem that returns an error.
struct Broken;

impl CostFunction for Broken {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, _: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Err(std::io::Error::other("the simulator crashed").into())
    }
}

impl Gradient for Broken {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok(x.clone())
    }
}

#[test]
fn the_error_of_a_failing_problem_is_passed_on() {
    let error = minimize(&Broken, &[0.5; 2], &unit_square()).unwrap_err();
    assert_eq!(error.to_string(), "the problem failed: the simulator crashed");
}
