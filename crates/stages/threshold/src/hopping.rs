//! The talk's optimiser, made to succeed: L-BFGS-B inside basin hopping on a blurred F whose
//! blur is annealed.
//!
//! The original searches the staircase itself with finite differences of 0.05 and stalls.
//! Here F is blurred over a width (see [`crate::smooth`]) and has a true slope. Widths shrink
//! by steps; at each width basin hopping starts from the best depths of the one before, with
//! hops in proportion to the width. Every minimum that a hop ends in, moved up to the hit above it, is
//! scored by the *exact* metric as well, for a rare label's best cut need not be where the blurred F
//! is highest; the best one is kept.
//! Around it shorter hops follow; then comes the local polish.
//!
//! A mean over labels is a sum of functions of one variable each, so there each label is
//! searched by itself; the other metrics are searched in all variables at once.

use crate::polish::polish;
use crate::smooth::{Sloped, Smooth};
use crate::tally::Tally;
use crate::{Fit, Problem, ThresholdError};
use hpa_core::Seed;
use hpa_optim::{BasinHopping, Bounds, Closures, Hop, Lbfgsb, minimise};
use rayon::prelude::*;
use std::cell::RefCell;

/// Where the search begins, as in the original.
const START: f64 = 0.2;
/// The first and widest blur, as a share of the ranking.
const WIDEST: f64 = 0.25;
/// Each width is this part of the one before.
const COOLING: f64 = 0.4;
/// The narrowest blur of labels with thousands of positives: beyond it F is noise.
const NARROWEST: f64 = 0.001;
/// Hops at each width but the last; the blurred F has few minima there.
const HOPS: u64 = 6;
/// Hops without improvement that end the last width.
const PATIENCE: u64 = 240;
/// Hops at the last width at most.
const LAST_HOPS: u64 = 1000;
/// Hops at each width where all labels are searched at once, at least: a metric that couples them
/// sums over all samples, is smooth where they are many, and costs a walk over them.
const COUPLED_HOPS: u64 = 2;
/// The same at most, where samples are few.
const MOST_COUPLED_HOPS: u64 = 100;
/// So many scores are walked over by the coupled hops of a width, if there are more hops than at least.
const COUPLED_WORK: u64 = 500_000;
/// Longest hop at the last width: the whole ranking, for rare labels have few minima far apart.
const LAST_STEP: f64 = 1.0;
/// The same where all labels hop at once, of which most stand well by then.
const LAST_COUPLED_STEP: f64 = 0.25;
/// Hops without improvement that end the search around a label's best cut.
const NEAR_PATIENCE: u64 = 120;
/// Longest hop there: of a noisy label with many positives the best cut has a better one beside it.
const NEAR_STEP: f64 = 0.05;
/// Rise of -F that Metropolis accepts with probability 1/e.
const TEMPERATURE: f64 = 0.01;

/// Searches all thresholds; the same seed gives the same ones.
pub(crate) fn basin_hopping(problem: &Problem, seed: Seed) -> Result<Fit, ThresholdError> {
    let seed = seed.derive("basinhopping");
    let n_labels = problem.columns().len();
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
    let mut tally = Tally::new(problem);
    for &(label, cut) in found.iter().flat_map(|found| &found.cuts) {
        tally.move_to(label, cut);
    }
    let before_polish = Some(tally.score());
    let polished = polish(&mut tally, problem.columns());
    let evaluations = polished + found.iter().map(|found| found.evaluations).sum::<u64>();
    Ok(Fit { before_polish, ..Fit::new(tally.thresholds(), evaluations) })
}

/// Where a search ended: label and cut.
struct Found {
    cuts: Vec<(usize, usize)>,
    evaluations: u64,
}

fn search(
    problem: &Problem,
    labels: std::ops::Range<usize>,
    seed: Seed,
) -> Result<Found, hpa_optim::Error> {
    let smooth = Smooth::new(problem, labels);
    let axes = smooth.axes();
    if axes.is_empty() {
        return Ok(Found { cuts: Vec::new(), evaluations: 0 });
    }
    let start = |axis: &crate::smooth::Axis<'_>| axis.depth.of_cut(axis.column.predicted(START));
    let mut depths: Vec<f64> = axes.iter().map(start).collect();
    let best = RefCell::new(Best::new(&smooth, &depths));
    let mut evaluations = 0;
    for (number, context) in (0..).zip(stages(&smooth)) {
        if context.is_near {
            depths.clone_from(&best.borrow().depths);
        }
        let minimum = hop(&smooth, &depths, context, seed.child(number), &best)?;
        depths = minimum.param;
        best.borrow_mut().look_at(&depths);
        evaluations += minimum.evaluations;
    }
    let best = best.into_inner();
    let cuts = axes.iter().zip(&best.depths).map(|(axis, &x)| (axis.label, axis.depth.cut(x)));
    Ok(Found { cuts: cuts.collect(), evaluations: evaluations + best.looks })
}

/// The depths with the highest exact metric so far.
struct Best<'a> {
    smooth: &'a Smooth<'a>,
    depths: Vec<f64>,
    value: f64,
    /// How often the exact metric was evaluated.
    looks: u64,
}

impl<'a> Best<'a> {
    fn new(smooth: &'a Smooth<'a>, depths: &[f64]) -> Self {
        let value = smooth.at(depths, 0.0).value;
        Self { smooth, depths: depths.to_vec(), value, looks: 1 }
    }

    fn look_at(&mut self, depths: &[f64]) {
        let pairs = self.smooth.axes().iter().zip(depths);
        let depths: Vec<f64> = pairs.map(|(axis, &x)| axis.depth.at_hit(x)).collect();
        let value = self.smooth.at(&depths, 0.0).value;
        self.looks += 1;
        if value > self.value {
            (self.depths, self.value) = (depths, value);
        }
    }
}

/// The widths from wide to narrow, until a blur spans about one positive of the most frequent
/// label; the blur of rarer ones stops narrowing before.
fn widths(smooth: &Smooth<'_>) -> Vec<f64> {
    let finest = smooth.axes().iter().map(|axis| axis.depth.finest()).fold(WIDEST, f64::min);
    let narrowest = finest.max(NARROWEST);
    let cooled = std::iter::successors(Some(WIDEST), |width| Some(width * COOLING));
    let mut widths: Vec<f64> = cooled.take_while(|&width| width > narrowest).collect();
    widths.push(narrowest);
    widths
}

/// How often all labels hop at once at each width.
fn coupled_hops(smooth: &Smooth<'_>) -> u64 {
    let scores = smooth.axes().iter().map(|axis| axis.column.len() as u64).sum::<u64>();
    (COUPLED_WORK / scores.max(1)).clamp(COUPLED_HOPS, MOST_COUPLED_HOPS)
}

/// Hops at one width.
#[derive(Clone, Copy)]
struct RunContext {
    width: f64,
    hops: u64,
    /// Hops without improvement that end it.
    patience: u64,
    /// The longest hop, at first.
    step: f64,
    /// Whether it looks around the best cut so far, not around the best blurred one.
    is_near: bool,
}

fn stages(smooth: &Smooth<'_>) -> Vec<RunContext> {
    let widths = widths(smooth);
    let narrowest = widths[widths.len() - 1];
    let coupled = coupled_hops(smooth);
    let is_alone = smooth.axes().len() == 1;
    let context = |(place, &width): (usize, &f64)| {
        let is_last = place + 1 == widths.len();
        let (hops, patience, step) = match (is_alone, is_last) {
            (true, true) => (LAST_HOPS, PATIENCE, LAST_STEP),
            (true, false) => (HOPS, HOPS, 2.0 * width),
            (false, true) => (coupled, coupled, LAST_COUPLED_STEP),
            (false, false) => (coupled, coupled, 2.0 * width),
        };
        RunContext { width, hops, patience, step, is_near: false }
    };
    let mut stages: Vec<RunContext> = widths.iter().enumerate().map(context).collect();
    if is_alone {
        let (hops, patience, step) = (LAST_HOPS, NEAR_PATIENCE, NEAR_STEP);
        stages.push(RunContext { width: narrowest, hops, patience, step, is_near: true });
    }
    stages
}

fn hop(
    smooth: &Smooth<'_>,
    start: &[f64],
    RunContext { width, hops, patience, step, .. }: RunContext,
    seed: Seed,
    best: &RefCell<Best<'_>>,
) -> Result<hpa_optim::Minimum, hpa_optim::Error> {
    // The solver asks for the slopes where it has just asked for the value.
    let last = RefCell::new((Vec::new(), Sloped::default()));
    let blurred = Closures::new(
        |x: &[f64]| {
            let sloped = smooth.at(x, width);
            let value = -sloped.value;
            *last.borrow_mut() = (x.to_vec(), sloped);
            value
        },
        |x: &[f64]| {
            let known = last.borrow();
            let negative = |sloped: &Sloped| sloped.slopes.iter().map(|slope| -slope).collect();
            if known.0 == x { negative(&known.1) } else { negative(&smooth.at(x, width)) }
        },
    );
    let bounds = Bounds::uniform(start.len(), 0.0, 1.0)?;
    let local = Lbfgsb::new(bounds).with_cost_tolerance(1e-7)?.with_gradient_tolerance(1e-5)?;
    let solver = BasinHopping::new(local)
        .with_seed(seed.get())
        .with_temperature(TEMPERATURE)?
        .with_hops(hops)
        .with_max_hops_without_improvement(patience)
        .with_step_size(step)?
        .with_accept_test(|minimum: &Hop<'_>| {
            best.borrow_mut().look_at(minimum.point);
            true
        });
    minimise(&blurred, start, &solver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimum;
    use proptest::prelude::*;

    /// Twelve labels of 2 to 20 positives whose scores know something or nothing, coarse or fine.
    fn rare(metric: &str, n_samples: usize, grid: f64, skill: f64, seed: u64) -> Problem {
        const LABELS: usize = 12;
        let mut rng = Seed::new(seed).rng();
        let shares: Vec<f64> = (0..LABELS)
            .map(|label| [2.0, 3.0, 5.0, 8.0, 12.0, 20.0][label % 6] / n_samples as f64)
            .collect();
        let (mut scores, mut truth) = (Vec::new(), Vec::new());
        for _ in 0..n_samples {
            for share in &shares {
                let there = rng.bernoulli(share.min(0.5));
                let logit = rng.normal() - 1.0 + if there { skill } else { 0.0 };
                let score = 1.0 / (1.0 + (-logit).exp());
                #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
                scores.push(((score * grid).round() / grid) as f32);
                truth.push(there);
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
            let gap = optimum(&problem).unwrap() - Tally::at(&problem, &found.thresholds).score();
            let before = optimum(&problem).unwrap() - found.before_polish.unwrap();
            prop_assert!(gap < 5e-4 && before < 3e-3, "{before} before, {gap} after");
        }

        #[test]
        fn few_samples_are_never_below_the_recipe(
            n_samples in 40_usize..600,
            grid in prop::sample::select(vec![8.0, 100.0, 1e7]),
            skill in prop::sample::select(vec![0.0, 0.5, 1.7]),
            seed in any::<u64>(),
        ) {
            let problem = rare("samples-f2", n_samples, grid, skill, seed);
            let seed = Seed::new(seed);
            let score = |fit: Fit| Tally::at(&problem, &fit.thresholds).score();
            let ours = score(basin_hopping(&problem, seed).unwrap());
            let recipe = score(crate::mratsim::mratsim(&problem, seed).unwrap());
            prop_assert!(ours >= recipe, "{ours} {recipe}");
        }
    }
}
