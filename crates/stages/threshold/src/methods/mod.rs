//! The methods that choose thresholds, one file each, and how they are selected.

mod basin_hopping;
mod coordinate;
mod exact;
mod expected_f1;
mod fixed;
mod global;
mod mratsim;
mod prevalence;

use crate::{Calibration, Problem, ThresholdError};
use hpa_core::{Seed, Threshold};
use std::fmt;
use std::str::FromStr;

/// How thresholds are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// The same given threshold for every label: `fixed:0.5`.
    Fixed(Threshold),
    /// The best threshold that all labels share, exactly.
    Global,
    /// The best threshold of each label, exactly; for macro averages only.
    Exact,
    /// L-BFGS-B inside basin hopping on a smoothed F with annealed width, then a local polish.
    BasinHopping,
    /// The recipe of mratsim's Amazon code, kept for comparison.
    BasinHoppingMratsim,
    /// Coordinate ascent: one label after the other, each searched exactly.
    Coordinate,
    /// The highest expected F under calibrated probabilities.
    ExpectedF1,
    /// As many predictions of each label as there are positives.
    Prevalence,
}

/// Text that is not a method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// An unknown name.
    #[error(
        "{0:?} is not a method: expected basinhopping, basinhopping-mratsim, exact, global, fixed:X, coordinate, expected-f1 or prevalence"
    )]
    Unknown(String),
    /// `fixed:` without a threshold.
    #[error("{0:?} is not a method: after \"fixed:\" comes a number from 0 to 1, as in fixed:0.5")]
    Fixed(String),
}

impl Method {
    /// The methods without a parameter, by their names on the command line.
    const NAMES: [(&str, Self); 7] = [
        ("global", Self::Global),
        ("exact", Self::Exact),
        ("basinhopping", Self::BasinHopping),
        ("basinhopping-mratsim", Self::BasinHoppingMratsim),
        ("coordinate", Self::Coordinate),
        ("expected-f1", Self::ExpectedF1),
        ("prevalence", Self::Prevalence),
    ];

    /// Whether each label gets a threshold of its own, fitted on the data.
    #[must_use]
    pub const fn is_per_label(self) -> bool {
        !matches!(self, Self::Fixed(_) | Self::Global)
    }
}

impl FromStr for Method {
    type Err = MethodError;
    fn from_str(text: &str) -> Result<Self, MethodError> {
        if let Some(number) = text.strip_prefix("fixed:") {
            let threshold = number.parse::<f64>().ok().and_then(|x| Threshold::try_from(x).ok());
            return threshold.map(Self::Fixed).ok_or_else(|| MethodError::Fixed(text.to_owned()));
        }
        let method = Self::NAMES.iter().find(|(name, _)| *name == text);
        method.map(|(_, method)| *method).ok_or_else(|| MethodError::Unknown(text.to_owned()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, Self::NAMES.iter().find(|(_, method)| method == self)) {
            (Self::Fixed(threshold), _) => write!(f, "fixed:{}", threshold.get()),
            (_, Some((name, _))) => f.write_str(name),
            (_, None) => unreachable!("every other method has a name"),
        }
    }
}

/// How thresholds are fitted.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The method.
    pub method: Method,
    /// Labels with fewer positives are shrunk toward the global threshold; 0 shrinks none.
    pub shrink: u32,
    /// The calibration of [`Method::ExpectedF1`].
    pub calibration: Calibration,
    /// The seed of the random hops.
    pub seed: Seed,
}

/// Thresholds and how they were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// One a label, in [0, 1].
    pub thresholds: Vec<f64>,
    /// The metric before the local polish, for methods that have one.
    pub before_polish: Option<f64>,
    /// The number of evaluations of the metric.
    pub evaluations: u64,
    /// An upper bound on the gain from changing any one threshold, where it is proven.
    pub certificate: Option<f64>,
}

impl Fit {
    fn new(thresholds: Vec<f64>, evaluations: u64) -> Self {
        Self { thresholds, before_polish: None, evaluations, certificate: None }
    }
}

/// Fits the thresholds of a problem.
///
/// # Errors
/// When the method cannot maximise the metric, or there is no sample.
pub fn fit(problem: &Problem, settings: &Settings) -> Result<Fit, ThresholdError> {
    if problem.n_samples() == 0 {
        return Err(ThresholdError::Empty);
    }
    let fit = match settings.method {
        Method::Fixed(threshold) => fixed::fixed(problem, threshold),
        Method::Global => global::global(problem),
        Method::Exact => exact::exact(problem)?,
        Method::BasinHopping => basin_hopping::basin_hopping(problem, settings.seed)?,
        Method::BasinHoppingMratsim => mratsim::mratsim(problem, settings.seed)?,
        Method::Coordinate => coordinate::coordinate(problem),
        Method::ExpectedF1 => expected_f1::expected_f1(problem, settings.calibration),
        Method::Prevalence => prevalence::prevalence(problem),
    };
    Ok(if settings.shrink > 0 && settings.method.is_per_label() {
        shrink(&fit, problem, settings.shrink)
    } else {
        fit
    })
}

/// Shrinks the thresholds of labels with fewer than `enough` positives toward the global one, in
/// proportion to the positives that are missing: a threshold fitted on few positives is mostly
/// noise.
fn shrink(fit: &Fit, problem: &Problem, enough: u32) -> Fit {
    let global = global::global(problem);
    let shrunk = problem.rankings().iter().zip(&fit.thresholds).map(|(ranking, own)| {
        let weight = (ranking.positives() as f64 / f64::from(enough)).min(1.0);
        weight * own + (1.0 - weight) * global.thresholds[0]
    });
    Fit {
        thresholds: shrunk.collect(),
        evaluations: fit.evaluations + global.evaluations,
        before_polish: fit.before_polish,
        certificate: None, // it does not hold for other thresholds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::IncrementalScore;
    use crate::testing::{case, cases};
    use proptest::prelude::*;

    fn settings(method: &str) -> Settings {
        let method = method.parse().unwrap();
        Settings { method, shrink: 0, calibration: Calibration::Platt, seed: Seed::new(1) }
    }

    fn methods() -> impl Iterator<Item = String> {
        let names = Method::NAMES.iter().map(|(name, _)| (*name).to_owned());
        std::iter::once("fixed:0.3".to_owned()).chain(names)
    }

    #[test]
    fn every_method_round_trips_through_its_name() {
        for text in methods() {
            assert_eq!(text.parse::<Method>().unwrap().to_string(), text);
        }
        for text in ["fixed:", "fixed:1.5", "fixed:nan", "fixed:-0.1", "fixed", "Exact", ""] {
            assert!(text.parse::<Method>().is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_method_handles_ties_and_labels_without_positives(case in cases()) {
            let problem = case.problem();
            for method in methods() {
                match fit(&problem, &Settings { shrink: 5, ..settings(&method) }) {
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
            let score = |thresholds: &[f64]| IncrementalScore::at(&problem, thresholds).value();
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
                let fit = fit(&problem, &settings(method)).unwrap();
                IncrementalScore::at(&problem, &fit.thresholds).value()
            };
            let (ours, recipe) = (score("basinhopping"), score("basinhopping-mratsim"));
            assert!(ours >= recipe, "{metric}: {ours} {recipe}");
        }
    }

    #[test]
    fn the_threshold_of_a_rare_label_is_shrunk_toward_the_global_one() {
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
