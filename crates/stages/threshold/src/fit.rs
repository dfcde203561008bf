//! From a problem and a method to thresholds.

use crate::calibrate::{Calibration, expected_f};
use crate::coordinate::coordinate;
use crate::{Method, Problem, ThresholdError, hopping, mratsim, simple};
use hpa_core::Seed;

/// How thresholds are to be found.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The method.
    pub method: Method,
    /// Labels with fewer positives are drawn toward the global threshold; 0 draws none.
    pub shrink: u32,
    /// How [`Method::ExpectedF1`] calibrates.
    pub calibration: Calibration,
    /// Where the random hops come from.
    pub seed: Seed,
}

/// Thresholds and how they were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// One a label, in [0, 1].
    pub thresholds: Vec<f64>,
    /// The metric before the local polish, where there is one.
    pub before_polish: Option<f64>,
    /// How often the metric was evaluated.
    pub evaluations: u64,
    /// The most that changing any one threshold can still gain, where that is proven.
    pub certificate: Option<f64>,
}

impl Fit {
    pub(crate) fn new(thresholds: Vec<f64>, evaluations: u64) -> Self {
        Self { thresholds, before_polish: None, evaluations, certificate: None }
    }
}

/// Finds the thresholds of a problem.
///
/// # Errors
/// When the method cannot maximise the metric, or there is no sample.
pub fn fit(problem: &Problem, settings: &Settings) -> Result<Fit, ThresholdError> {
    if problem.n_samples() == 0 {
        return Err(ThresholdError::Empty);
    }
    let fit = match settings.method {
        Method::Fixed(threshold) => Fit::new(vec![threshold.get(); problem.columns().len()], 0),
        Method::Global => simple::global(problem),
        Method::Exact => simple::exact(problem)?,
        Method::BasinHopping => hopping::basin_hopping(problem, settings.seed)?,
        Method::BasinHoppingMratsim => mratsim::mratsim(problem, settings.seed)?,
        Method::Coordinate => coordinate(problem),
        Method::ExpectedF1 => expected_f(problem, settings.calibration),
        Method::Prevalence => simple::prevalence(problem),
    };
    Ok(if settings.shrink > 0 && settings.method.is_per_label() {
        shrink(fit, problem, settings.shrink)
    } else {
        fit
    })
}

/// Draws the thresholds of labels with fewer than `enough` positives toward the global one, in
/// proportion to what they lack: a label's own threshold is luck when few samples vouch for it.
fn shrink(mut fit: Fit, problem: &Problem, enough: u32) -> Fit {
    let global = simple::global(problem);
    for (column, threshold) in problem.columns().iter().zip(&mut fit.thresholds) {
        let trust = (column.positives() as f64 / f64::from(enough)).min(1.0);
        *threshold = trust * *threshold + (1.0 - trust) * global.thresholds[0];
    }
    // Between two scores anything does, so the certificate no longer holds after a shift.
    Fit { certificate: None, evaluations: fit.evaluations + global.evaluations, ..fit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    fn settings(method: &str) -> Settings {
        let method = method.parse().unwrap();
        Settings { method, shrink: 0, calibration: Calibration::Platt, seed: Seed::new(1) }
    }

    const METHODS: [&str; 8] = [
        "fixed:0.3",
        "global",
        "exact",
        "basinhopping",
        "basinhopping-mratsim",
        "coordinate",
        "expected-f1",
        "prevalence",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_method_survives_ties_and_empty_labels(case in cases()) {
            let problem = case.problem();
            for method in METHODS {
                match fit(&problem, &Settings { shrink: 5, ..settings(method) }) {
                    Ok(fit) => {
                        prop_assert!(fit.thresholds.iter().all(|t| (0.0..=1.0).contains(t)));
                    }
                    Err(error) => prop_assert!(matches!(error, ThresholdError::Coupled(_))),
                }
            }
        }
    }

    #[test]
    fn the_search_reaches_the_exact_optimum_of_a_mean_over_labels() {
        for seed in 0..10 {
            let problem = case("macro-f1", 900, seed).problem();
            let score = |thresholds: &[f64]| Tally::at(&problem, thresholds).score();
            let best = score(&fit(&problem, &settings("exact")).unwrap().thresholds);
            let found =
                fit(&problem, &Settings { seed: Seed::new(seed), ..settings("basinhopping") });
            let found = found.unwrap();
            let gap = best - score(&found.thresholds);
            let before = best - found.before_polish.unwrap();
            assert!(gap < 5e-4 && before < 3e-3, "seed {seed}: {before} before, {gap} after");
        }
    }

    #[test]
    fn the_search_beats_the_recipe_on_coupled_metrics() {
        for metric in ["samples-f2", "micro-f1"] {
            let problem = case(metric, 900, 2).problem();
            let score = |method| {
                Tally::at(&problem, &fit(&problem, &settings(method)).unwrap().thresholds).score()
            };
            let (ours, recipe) = (score("basinhopping"), score("basinhopping-mratsim"));
            assert!(ours >= recipe, "{metric}: {ours} {recipe}");
        }
    }

    #[test]
    fn a_rare_label_is_drawn_toward_the_global_threshold() {
        let problem = case("macro-f1", 900, 2).problem();
        let own = fit(&problem, &settings("exact")).unwrap().thresholds;
        let shrunk =
            fit(&problem, &Settings { shrink: 50, ..settings("exact") }).unwrap().thresholds;
        let global = fit(&problem, &settings("global")).unwrap().thresholds[0];
        assert_eq!(own[0].to_bits(), shrunk[0].to_bits());
        assert!((shrunk[2] - global).abs() < (own[2] - global).abs());
    }

    #[test]
    fn no_samples_are_refused() {
        let problem = Problem::new("macro-f1".parse().unwrap(), &[], &[], 2).unwrap();
        assert!(matches!(fit(&problem, &settings("exact")), Err(ThresholdError::Empty)));
    }
}
