//! Time of basin hopping with short local searches.
//!
//! `cargo bench -p hpa-optim --bench basin_hopping`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use hpa_optim::{BasinHopping, Bounds, Closures, Lbfgsb, minimize};
use std::f64::consts::TAU;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let problem = Closures::new(
        |x: &[f64]| x.iter().map(|x| x * x + 10.0 * (1.0 - (TAU * x).cos())).sum(),
        |x: &[f64]| x.iter().map(|x| 2.0 * x + 10.0 * TAU * (TAU * x).sin()).collect(),
    );
    let bounds = Bounds::uniform(28, -5.12, 5.12).expect("lower is below upper");
    let solver: BasinHopping<Lbfgsb> = BasinHopping::new(Lbfgsb::new(bounds));
    let began = Instant::now();
    let (mut evaluations, runs) = (0, 20_u64);
    for seed in 0..runs {
        let seeded = solver.clone().with_seed(seed);
        let minimum = minimize(&problem, &[3.3; 28], &seeded).expect("finite in the box");
        evaluations += black_box(minimum).evaluations;
    }
    let total = began.elapsed().as_secs_f64();
    println!(
        "rastrigin_28_variables_100_hops: {:.2} ms a run, {:.2} us an evaluation",
        1e3 * total / runs as f64,
        1e6 * total / evaluations as f64,
    );
}
