//! Time of L-BFGS-B per evaluation of a cheap function.
//!
//! `cargo bench -p hpa-optim --bench lbfgsb`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use hpa_optim::{Bounds, Closures, Lbfgsb, minimize};
use std::hint::black_box;
use std::time::Instant;

/// Chained Rosenbrock: each variable with the next.
fn cost(x: &[f64]) -> f64 {
    x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum()
}

fn gradient(x: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let r = x[i + 1] - x[i] * x[i];
        g[i] += -400.0 * r * x[i] - 2.0 * (1.0 - x[i]);
        g[i + 1] += 200.0 * r;
    }
    g
}

fn bench(name: &str, variables: usize, repeats: u32) {
    let start: Vec<f64> = [-1.2, 1.0].into_iter().cycle().take(variables).collect();
    // Every fourth variable ends on its bound.
    let upper = [0.8, 10.0, 10.0, 10.0].into_iter().cycle().take(variables).collect();
    let bounds = Bounds::new(vec![-10.0; variables], upper).expect("lower is below upper");
    let solver = Lbfgsb::new(bounds);
    let problem = Closures::new(cost, gradient);
    let began = Instant::now();
    let mut evaluations = 0;
    for _ in 0..repeats {
        let minimum = minimize(black_box(&problem), &start, &solver).expect("finite in the box");
        evaluations += black_box(minimum).evaluations;
    }
    let (total, runs) = (began.elapsed().as_secs_f64(), f64::from(repeats));
    println!(
        "{name}: {:.3} ms a run, {:.2} us an evaluation, {} evaluations a run",
        1e3 * total / runs,
        1e6 * total / evaluations as f64,
        evaluations / u64::from(repeats),
    );
}

fn main() {
    bench("chained_rosenbrock_2_variables", 2, 2000);
    bench("chained_rosenbrock_28_variables", 28, 500);
    bench("chained_rosenbrock_1000_variables", 1000, 20);
}
