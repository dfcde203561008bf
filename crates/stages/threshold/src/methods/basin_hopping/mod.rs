//! `basinhopping`: L-BFGS-B inside basin hopping on a smoothed F with annealed width.
//!
//! The original recipe searches the step function itself with finite differences of 0.05 and stalls.
//! Here F is smoothed over a width (see [`crate::smooth`]) and has a gradient. The width is reduced in
//! steps; at each width basin hopping starts from the best coordinates of the one before. Every
//! minimum that a hop reaches, moved up to the hit above it, is also evaluated with the *exact*
//! metric, because a rare label's best cut need not be where the smoothed F is highest; the best one
//! is kept. Shorter hops around it follow, then a local polish.
//!
//! A mean over labels is a sum of functions of one variable each, so there each label is
//! searched separately; the other metrics are searched in all variables at once.

mod polish;

use super::Fit;
use crate::score::IncrementalScore;
use crate::smooth::{RankCoordinate, SmoothMetric, ValueAndGrad};
use crate::{Problem, ThresholdError};
use hpa_core::Seed;
use hpa_optim::{BasinHopping, Bounds, Closures, Hop, Lbfgsb, Minimum, minimize};
use polish::polish;
use rayon::prelude::*;
use std::cell::RefCell;

/// The threshold that the search starts from, as in the original.
const START: f64 = 0.2;
/// The first and largest width, as a fraction of the ranking.
const MAX_WIDTH: f64 = 0.25;
/// The factor from one width to the next.
const COOLING: f64 = 0.4;
/// The smallest width, for labels with thousands of positives: below it F is noise.
const MIN_WIDTH: f64 = 0.001;
/// Hops at each width but the last; the smoothed F has few minima there.
const HOPS: u64 = 6;
/// Hops at the last width at most.
const LAST_HOPS: u64 = 1000;
/// Hops without improvement that end the last width.
const LAST_MAX_HOPS_WITHOUT_IMPROVEMENT: u64 = 240;
/// Step size at the last width: the whole ranking, for rare labels have few minima far apart.
const LAST_STEP_SIZE: f64 = 1.0;
/// Hops without improvement that end the search around a label's best cut.
const NEAR_MAX_HOPS_WITHOUT_IMPROVEMENT: u64 = 120;
/// Step size there: the best cut of a noisy label with many positives has better ones beside it.
const NEAR_STEP_SIZE: f64 = 0.05;
/// Hops at each width when all labels are searched at once: at least, for many samples, of which
/// each evaluation is a walk ...
const MIN_COUPLED_HOPS: u64 = 2;
/// ... and at most, for few samples.
const MAX_COUPLED_HOPS: u64 = 100;
/// Scores that the coupled hops of a width walk over, between those limits.
const COUPLED_WORK: u64 = 500_000;
/// Step size at the last width when all labels are searched at once: most are near their best cut.
const LAST_COUPLED_STEP_SIZE: f64 = 0.25;
/// Rise of -F that Metropolis accepts with probability 1/e.
const TEMPERATURE: f64 = 0.01;

/// Searches all thresholds; the same seed gives the same ones.
pub(super) fn basin_hopping(problem: &Problem, seed: Seed) -> Result<Fit, ThresholdError> {
    let seed = seed.derive("basinhopping");
    let n_labels = problem.rankings().len();
    let parts: Vec<std::ops::Range<usize>> = if problem.metric().is_separable() {
        (0..n_labels).map(|label| label..label + 1).collect()
    } else {
        std::iter::once(0..n_labels).collect()
    };
    let found: Vec<Found> = parts
        .into_par_iter()
        .map(|labels| search(problem, labels.clone(), seed.child(labels.start as u64)))
        .collect::<Result<_, hpa_optim::Error>>()
        .map_err(ThresholdError::Search)?;
    let mut score = IncrementalScore::new(problem);
    for cut in found.iter().flat_map(|found| &found.cuts) {
        score.move_to(cut.label, cut.predicted);
    }
    let before_polish = Some(score.value());
    let polish_evaluations = polish(&mut score, problem.rankings());
    let evaluations = polish_evaluations + found.iter().map(|found| found.evaluations).sum::<u64>();
    Ok(Fit { before_polish, ..Fit::new(score.thresholds(), evaluations) })
}

/// The result of a search.
struct Found {
    cuts: Vec<LabelCut>,
    evaluations: u64,
}

struct LabelCut {
    label: usize,
    predicted: usize,
}

fn search(
    problem: &Problem,
    labels: std::ops::Range<usize>,
    seed: Seed,
) -> Result<Found, hpa_optim::Error> {
    let smooth = SmoothMetric::new(problem, labels);
    let coordinates = smooth.coordinates();
    if coordinates.is_empty() {
        return Ok(Found { cuts: Vec::new(), evaluations: 0 });
    }
    let start =
        |coordinate: &RankCoordinate<'_>| coordinate.at_cut(coordinate.ranking.predicted(START));
    let mut x: Vec<f64> = coordinates.iter().map(start).collect();
    let best = RefCell::new(Best::new(&smooth, &x));
    let mut evaluations = 0;
    for (number, stage) in (0..).zip(stages(&smooth)) {
        if stage.from_best {
            x.clone_from(&best.borrow().x);
        }
        let minimum = run_stage(&smooth, &x, &stage, seed.child(number), &best)?;
        x = minimum.param;
        best.borrow_mut().evaluate(&x);
        evaluations += minimum.evaluations;
    }
    let best = best.into_inner();
    let cut = |(coordinate, &x): (&RankCoordinate<'_>, &f64)| LabelCut {
        label: coordinate.label,
        predicted: coordinate.cut(x),
    };
    let cuts = coordinates.iter().zip(&best.x).map(cut).collect();
    Ok(Found { cuts, evaluations: evaluations + best.evaluations })
}

/// The point with the highest exact metric so far.
struct Best<'a> {
    smooth: &'a SmoothMetric<'a>,
    x: Vec<f64>,
    value: f64,
    /// Evaluations of the exact metric.
    evaluations: u64,
}

impl<'a> Best<'a> {
    fn new(smooth: &'a SmoothMetric<'a>, x: &[f64]) -> Self {
        let value = smooth.evaluate(x, 0.0).value;
        Self { smooth, x: x.to_vec(), value, evaluations: 1 }
    }

    /// Evaluates the exact metric at the hits above `x`.
    fn evaluate(&mut self, x: &[f64]) {
        let pairs = self.smooth.coordinates().iter().zip(x);
        let x: Vec<f64> = pairs.map(|(coordinate, &x)| coordinate.move_to_hit(x)).collect();
        let value = self.smooth.evaluate(&x, 0.0).value;
        self.evaluations += 1;
        if value > self.value {
            (self.x, self.value) = (x, value);
        }
    }
}

/// Basin hopping at one width.
struct Stage {
    width: f64,
    hops: u64,
    max_hops_without_improvement: u64,
    step_size: f64,
    /// Whether it starts from the best exact point, not from the last smoothed minimum.
    from_best: bool,
}

fn stages(smooth: &SmoothMetric<'_>) -> Vec<Stage> {
    let widths = widths(smooth);
    let last_width = widths[widths.len() - 1];
    let is_single_label = smooth.coordinates().len() == 1;
    let n_scores: u64 = smooth.coordinates().iter().map(|label| label.ranking.len() as u64).sum();
    let coupled_hops = (COUPLED_WORK / n_scores.max(1)).clamp(MIN_COUPLED_HOPS, MAX_COUPLED_HOPS);
    let stage = |(index, &width): (usize, &f64)| {
        let is_last = index + 1 == widths.len();
        let hops = match (is_single_label, is_last) {
            (true, true) => LAST_HOPS,
            (true, false) => HOPS,
            (false, _) => coupled_hops,
        };
        Stage {
            width,
            hops,
            max_hops_without_improvement: match (is_single_label, is_last) {
                (true, true) => LAST_MAX_HOPS_WITHOUT_IMPROVEMENT,
                _ => hops,
            },
            step_size: match (is_single_label, is_last) {
                (true, true) => LAST_STEP_SIZE,
                (false, true) => LAST_COUPLED_STEP_SIZE,
                (_, false) => 2.0 * width,
            },
            from_best: false,
        }
    };
    let mut stages: Vec<Stage> = widths.iter().enumerate().map(stage).collect();
    if is_single_label {
        stages.push(Stage {
            width: last_width,
            hops: LAST_HOPS,
            max_hops_without_improvement: NEAR_MAX_HOPS_WITHOUT_IMPROVEMENT,
            step_size: NEAR_STEP_SIZE,
            from_best: true,
        });
    }
    stages
}

/// Descending widths, down to one that spans about one positive of the most frequent label; the width
/// of rarer labels stops earlier.
fn widths(smooth: &SmoothMetric<'_>) -> Vec<f64> {
    let min_widths = smooth.coordinates().iter().map(RankCoordinate::min_width);
    let last = min_widths.fold(MAX_WIDTH, f64::min).max(MIN_WIDTH);
    let cooled = std::iter::successors(Some(MAX_WIDTH), |width| Some(width * COOLING));
    let mut widths: Vec<f64> = cooled.take_while(|&width| width > last).collect();
    widths.push(last);
    widths
}

fn run_stage(
    smooth: &SmoothMetric<'_>,
    start: &[f64],
    stage: &Stage,
    seed: Seed,
    best: &RefCell<Best<'_>>,
) -> Result<Minimum, hpa_optim::Error> {
    // The solver asks for the gradient where it has just asked for the value.
    let last = RefCell::new((Vec::new(), ValueAndGrad::default()));
    let negative_f = Closures::new(
        |x: &[f64]| {
            let evaluated = smooth.evaluate(x, stage.width);
            let value = -evaluated.value;
            *last.borrow_mut() = (x.to_vec(), evaluated);
            value
        },
        |x: &[f64]| {
            let last = last.borrow();
            let negate = |f: &ValueAndGrad| f.gradient.iter().map(|slope| -slope).collect();
            if last.0 == x { negate(&last.1) } else { negate(&smooth.evaluate(x, stage.width)) }
        },
    );
    let bounds = Bounds::uniform(start.len(), 0.0, 1.0)?;
    let local = Lbfgsb::new(bounds).with_cost_tolerance(1e-7)?.with_gradient_tolerance(1e-5)?;
    let solver = BasinHopping::new(local)
        .with_seed(seed.get())
        .with_temperature(TEMPERATURE)?
        .with_hops(stage.hops)
        .with_max_hops_without_improvement(stage.max_hops_without_improvement)
        .with_step_size(stage.step_size)?
        .with_accept_test(|minimum: &Hop<'_>| {
            best.borrow_mut().evaluate(minimum.point);
            true
        });
    minimize(&negative_f, start, &solver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upper_bound;
    use proptest::prelude::*;

    /// Twelve labels with 2 to 20 expected positives; scores are informative or not, rounded to `grid`.
    fn rare(metric: &str, n_samples: usize, grid: f64, skill: f64, seed: u64) -> Problem {
        const LABELS: usize = 12;
        let mut rng = Seed::new(seed).rng();
        let shares: Vec<f64> = (0..LABELS)
            .map(|label| [2.0, 3.0, 5.0, 8.0, 12.0, 20.0][label % 6] / n_samples as f64)
            .collect();
        let (mut scores, mut truth) = (Vec::new(), Vec::new());
        for _ in 0..n_samples {
            for share in &shares {
                let is_positive = rng.bernoulli(share.min(0.5));
                let logit = rng.normal() - 1.0 + if is_positive { skill } else { 0.0 };
                let score = 1.0 / (1.0 + (-logit).exp());
                #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
                scores.push(((score * grid).round() / grid) as f32);
                truth.push(is_positive);
            }
        }
        Problem::new(metric.parse().unwrap(), &scores, &truth, LABELS).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn rare_labels_reach_their_optimum(
            n_samples in 40_usize..600,
            grid in prop::sample::select(vec![8.0, 100.0, 1e7]),
            skill in prop::sample::select(vec![0.0, 0.5, 1.7]),
            metric in prop::sample::select(vec!["macro-f1", "macro-f2", "macro-f0.5"]),
            seed in any::<u64>(),
        ) {
            let problem = rare(metric, n_samples, grid, skill, seed);
            let found = basin_hopping(&problem, Seed::new(seed)).unwrap();
            let best = upper_bound(&problem).unwrap();
            let gap = best - IncrementalScore::at(&problem, &found.thresholds).value();
            let before = best - found.before_polish.unwrap();
            prop_assert!(gap < 5e-4 && before < 3e-3, "{before} before, {gap} after");
        }

        #[test]
        fn with_few_samples_it_is_never_below_the_recipe(
            n_samples in 40_usize..600,
            grid in prop::sample::select(vec![8.0, 100.0, 1e7]),
            skill in prop::sample::select(vec![0.0, 0.5, 1.7]),
            seed in any::<u64>(),
        ) {
            let problem = rare("samples-f2", n_samples, grid, skill, seed);
            let seed = Seed::new(seed);
            let score = |fit: Fit| IncrementalScore::at(&problem, &fit.thresholds).value();
            let ours = score(basin_hopping(&problem, seed).unwrap());
            let recipe = score(crate::methods::mratsim::mratsim(&problem, seed).unwrap());
            prop_assert!(ours >= recipe, "{ours} {recipe}");
        }
    }
}
