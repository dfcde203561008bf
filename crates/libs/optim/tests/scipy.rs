//! L-BFGS-B against SciPy 1.17 on the same problems from the same starts.
//!
//! Golden values: `golden/scipy_lbfgsb.json`, made by the script beside it, which names the
//! versions. Both sides: ftol 1e-12, gtol 1e-8, memory 10, analytic gradients.

use crate::problems::{Problem, cases};
use hpa_optim::{Lbfgsb, Minimum, minimize};
use serde_json::Value;
use std::collections::BTreeMap;

fn golden() -> BTreeMap<String, Value> {
    let text = include_str!("golden/scipy_lbfgsb.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let rows = file["problems"].as_array().unwrap();
    rows.iter().map(|row| (row["name"].as_str().unwrap().to_owned(), row.clone())).collect()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {row}"))
}

fn solve(problem: &Problem) -> Minimum {
    let solver = Lbfgsb::new(problem.bounds.clone())
        .with_cost_tolerance(1e-12)
        .and_then(|solver| solver.with_gradient_tolerance(1e-8))
        .unwrap();
    minimize(problem, &problem.start, &solver).unwrap()
}

#[test]
fn the_problems_are_those_of_the_golden_file() {
    let golden = golden();
    assert_eq!(cases::all().len(), golden.len());
    for problem in cases::all() {
        let row = &golden[problem.name];
        let start = problem.bounds.project(&problem.start);
        let (cost, gradient) = (problem.function)(&start);
        let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        for (found, key) in [(cost, "start_cost"), (length, "start_gradient_length")] {
            let expected = number(row, key);
            let close = (found - expected).abs() <= 1e-10 * expected.abs().max(1.0);
            assert!(close, "{}: {key} {found} against {expected}", problem.name);
        }
    }
}

#[test]
fn every_gradient_agrees_with_central_differences() {
    for problem in cases::all() {
        // Not at the start, where a derivative may be zero by symmetry.
        let start = problem.bounds.project(&problem.start);
        let x: Vec<f64> =
            start.iter().enumerate().map(|(i, x)| x + 0.01 * (i as f64).cos()).collect();
        let (_, gradient) = (problem.function)(&x);
        let scale = gradient.iter().fold(1.0, |a: f64, g| a.max(g.abs()));
        for i in (0..x.len()).step_by(1 + x.len() / 40) {
            let h = 1e-5 * x[i].abs().max(1.0);
            let at = |shift: f64| {
                let mut moved = x.clone();
                moved[i] += shift;
                (problem.function)(&moved).0
            };
            // Richardson's extrapolation removes the error of order h².
            let coarse = (at(2.0 * h) - at(-2.0 * h)) / (4.0 * h);
            let slope = (4.0 * (at(h) - at(-h)) / (2.0 * h) - coarse) / 3.0;
            let error = (slope - gradient[i]).abs() / scale;
            let rounding = 1e-15 * at(0.0).abs() / (h * scale);
            assert!(
                error < 1e-6 + rounding,
                "{} variable {i}: {slope} against {}",
                problem.name,
                gradient[i]
            );
        }
    }
}

#[test]
fn no_result_is_higher_than_scipys_and_evaluations_are_within_a_tenth() {
    let golden = golden();
    let (mut ours, mut theirs) = (0.0, 0.0);
    let mut higher = Vec::new();
    for problem in cases::all() {
        let row = &golden[problem.name];
        let minimum = solve(&problem);
        let (_, gradient) = (problem.function)(&minimum.param);
        let norm = problem.bounds.projected_gradient_norm(&minimum.param, &gradient);
        let (cost, calls) = (number(row, "cost"), number(row, "evaluations"));
        eprintln!(
            "{:32} {:5} {:23.15e} {:23.15e} {:5} {calls:5} {norm:9.1e} {:9.1e} {}",
            problem.name,
            problem.start.len(),
            minimum.cost,
            cost,
            minimum.evaluations,
            number(row, "projected_gradient"),
            minimum.reason,
        );
        assert!(problem.bounds.contains(&minimum.param), "{} is outside its bounds", problem.name);
        if minimum.cost > cost + 1e-8 * cost.abs().max(1.0) {
            higher.push(problem.name);
        }
        ours += minimum.evaluations as f64;
        theirs += calls;
    }
    eprintln!("evaluations: {ours} against {theirs}, {:.3}", ours / theirs);
    assert!(higher.is_empty(), "higher than SciPy on {higher:?}");
    assert!(ours <= 1.1 * theirs, "{ours} evaluations against {theirs}");
}
