//! The talk's optimiser, made to succeed: L-BFGS-B inside basin hopping on a blurred F whose
//! blur is annealed.
//!
//! The original searches the staircase itself with finite differences of 0.05 and stalls.
//! Here F is blurred over a width (see [`crate::smooth`]) and has a true slope. Widths shrink
//! by steps; at each width basin hopping starts from the best depths of the one before, with
//! hops in proportion to the width. Of the minima of all widths the one with the highest *exact*
//! metric is kept; then comes the local polish.
//!
//! A mean over labels is a sum of functions of one variable each, so there each label is
//! searched by itself; the other metrics are searched in all variables at once.

use crate::polish::polish;
use crate::smooth::{Sloped, Smooth};
use crate::tally::Tally;
use crate::{Fit, Problem, ThresholdError};
use hpa_core::Seed;
use hpa_optim::{BasinHopping, Bounds, Closures, Lbfgsb, minimise};
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
const PATIENCE: u64 = 120;
/// Hops at the last width at most.
const LAST_HOPS: u64 = 1000;
/// Hops at each width where all labels are searched at once: a metric that couples them sums over
/// all samples, is smooth already, and costs a walk over them.
const COUPLED_HOPS: u64 = 2;
/// Longest hop at the last width: a quarter of the ranking, for rare labels have few minima far apart.
const LAST_STEP: f64 = 0.25;
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
    let (mut best, mut best_value) = (depths.clone(), smooth.at(&depths, 0.0).value);
    let mut evaluations = 1;
    let widths = widths(&smooth);
    for (stage, &width) in (0..).zip(&widths) {
        let last = width <= widths[widths.len() - 1];
        let minimum = hop(&smooth, &depths, (width, last), seed.child(stage))?;
        depths = minimum.param;
        let value = smooth.at(&depths, 0.0).value;
        evaluations += minimum.evaluations + 1;
        if value > best_value {
            (best, best_value) = (depths.clone(), value);
        }
    }
    let cuts = axes.iter().zip(&best).map(|(axis, &x)| (axis.label, axis.depth.cut(x)));
    Ok(Found { cuts: cuts.collect(), evaluations })
}

/// The widths from wide to narrow, until a blur spans about one positive of the most frequent
/// label; the blur of rarer ones stops narrowing before.
fn widths(smooth: &Smooth<'_>) -> Vec<f64> {
    let finest = smooth.axes().iter().map(|axis| axis.depth.finest()).fold(WIDEST, f64::min);
    let narrowest = finest.max(NARROWEST);
    let mut widths = vec![WIDEST];
    while widths[widths.len() - 1] * COOLING > narrowest {
        widths.push(widths[widths.len() - 1] * COOLING);
    }
    widths.push(narrowest);
    widths
}

fn hop(
    smooth: &Smooth<'_>,
    start: &[f64],
    (width, is_last): (f64, bool),
    seed: Seed,
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
    let (hops, patience) = match (start.len(), is_last) {
        (1, true) => (LAST_HOPS, PATIENCE),
        (1, false) => (HOPS, HOPS),
        _ => (COUPLED_HOPS, COUPLED_HOPS),
    };
    let solver = BasinHopping::new(local)
        .with_seed(seed.get())
        .with_temperature(TEMPERATURE)?
        .with_hops(hops)
        .with_max_hops_without_improvement(patience)
        .with_step_size(if is_last { LAST_STEP } else { 2.0 * width })?;
    minimise(&blurred, start, &solver)
}
