//! The methods on real label tables and real probabilities: `exact` against brute force, the search
//! against the optimum and against the recipe that it replaces, the held-out score against fresh data.

use hpa_artifacts::above_thresholds;
use hpa_core::{Fold, FoldCount, Seed};
use hpa_metrics::{Confusion, Counts, Metric};
use hpa_tests::shared_file;
use hpa_threshold::{Calibration, Fit, Problem, Settings, cross_fit, fit, upper_bound};

/// Scores and truth, row-major.
struct Matrix {
    scores: Vec<f32>,
    truth: Vec<bool>,
    n_labels: usize,
}

/// The text of a file of the shared data, if there is any.
fn text(name: &str) -> Option<String> {
    Some(std::fs::read_to_string(shared_file(name)?).expect("a readable file"))
}

/// The 28 labels of each row of a `train.csv`, row-major, and its ids.
fn labels_of(table: &str) -> (Vec<String>, Vec<bool>) {
    let (mut ids, mut truth) = (Vec::new(), Vec::new());
    for line in table.lines().skip(1) {
        let (id, target) = line.split_once(',').expect("Id,Target");
        ids.push(id.to_owned());
        let start = truth.len();
        truth.resize(start + 28, false);
        for label in target.split_ascii_whitespace() {
            truth[start + label.parse::<usize>().expect("a label")] = true;
        }
    }
    (ids, truth)
}

/// The 14 labels of yeast and honest out-of-fold probabilities.
fn yeast() -> Option<Matrix> {
    let labels = text("multilabel/yeast_labels.csv")?;
    let scores = text("multilabel/yeast_oof_logreg.csv").expect("both or none");
    let cells = |table: &str, skip: usize| -> Vec<f32> {
        let rows = table.lines().skip(1);
        let cells = rows.flat_map(|row| row.split(',').skip(skip).map(str::parse::<f32>));
        cells.collect::<Result<_, _>>().expect("numbers")
    };
    let truth = cells(&labels, 0).into_iter().map(|cell| cell > 0.5).collect();
    Some(Matrix { scores: cells(&scores, 2), truth, n_labels: 14 })
}

/// Simulated scores of real labels: σ(z + 1.7·y + ½·logit(π)), z standard normal, π the
/// label's frequency.
fn simulate(truth: &[bool], seed: u64) -> Matrix {
    let n = truth.len() / 28;
    let logits: Vec<f64> = (0..28)
        .map(|label| {
            let share =
                truth.iter().skip(label).step_by(28).filter(|&&t| t).count() as f64 / n as f64;
            (share / (1.0 - share)).ln() / 2.0
        })
        .collect();
    let mut rng = Seed::new(seed).derive("simulated scores").rng();
    let score = |(index, &truth): (usize, &bool)| {
        let x = rng.normal() + 1.7 * f64::from(u8::from(truth)) + logits[index % 28];
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let score = (1.0 / (1.0 + (-x).exp())) as f32;
        score
    };
    let scores = truth.iter().enumerate().map(score).collect();
    Matrix { scores, truth: truth.to_vec(), n_labels: 28 }
}

impl Matrix {
    fn problem(&self, metric: &str) -> Problem {
        let metric = metric.parse().expect("a metric");
        Problem::new(metric, &self.scores, &self.truth, self.n_labels).expect("probabilities")
    }

    fn score(&self, metric: &str, thresholds: &[f64]) -> f64 {
        let predicted = above_thresholds(&self.scores, self.n_labels, |_| thresholds);
        let metric: Metric = metric.parse().expect("a metric");
        Confusion::new(&self.truth, &predicted, self.n_labels).score(metric)
    }
}

fn settings(method: &str, seed: u64) -> Settings {
    Settings {
        method: method.parse().expect("a method"),
        shrink: 0,
        calibration: Calibration::Platt,
        seed: Seed::new(seed),
    }
}

fn fit_by(problem: &Problem, method: &str, seed: u64) -> Fit {
    fit(problem, &settings(method, seed)).expect("thresholds")
}

/// Ten seeds of the search stay within 0.0005 of the optimum, and 0.003 before the polish.
fn assert_reaches_the_optimum(matrix: &Matrix, seeds: std::ops::Range<u64>, what: &str) {
    let problem = matrix.problem("macro-f1");
    let best = matrix.score("macro-f1", &fit_by(&problem, "exact", 0).thresholds);
    for seed in seeds {
        let fit = fit_by(&problem, "basinhopping", seed);
        let after = best - matrix.score("macro-f1", &fit.thresholds);
        let before = best - fit.before_polish.expect("the search polishes");
        eprintln!(
            "{what}, seed {seed}: optimum {best:.6}, {before:.6} below before the polish, {after:.6} after, {} evaluations",
            fit.evaluations
        );
        assert!(after < 5e-4 && before < 3e-3, "{what}, seed {seed}: {before} then {after}");
    }
}

#[test]
fn the_search_reaches_the_optimum_on_simulated_scores() {
    let Some(table) = text("kaggle-tables/train.csv") else { return };
    let (_, truth) = labels_of(&table);
    for seed in 0..10 {
        assert_reaches_the_optimum(&simulate(&truth, seed), seed..seed + 1, "simulated");
    }
}

#[test]
fn the_search_reaches_the_optimum_on_yeast() {
    let Some(matrix) = yeast() else { return };
    assert_reaches_the_optimum(&matrix, 0..10, "yeast");
}

#[test]
fn the_search_reaches_the_optimum_on_real_networks() {
    let Some(table) = text("probabilities/test_labels_128.csv") else { return };
    let (ids, truth) = labels_of(&table);
    let template = text("kaggle-tables/sample_submission.csv").expect("the tables are there");
    let order: Vec<&str> =
        template.lines().skip(1).map(|line| line.split(',').next().expect("Id")).collect();
    for network in ["DenseNet121", "InceptionV3", "ResNet50"] {
        let array =
            shared_file(&format!("probabilities/{network}.npz")).expect("the arrays are there");
        let all = hpa_import::npy::read_npy(&array, Some("pred"), order.len()).expect("an array");
        #[expect(clippy::cast_possible_truncation, reason = "the array holds 32-bit floats")]
        let all: Vec<f32> = all.values.iter().map(|&value| value as f32).collect();
        let row =
            |id: &String| order.iter().position(|other| other == id).expect("in the template");
        let scores = ids.iter().flat_map(|id| all[28 * row(id)..][..28].to_vec()).collect();
        let matrix = Matrix { scores, truth: truth.clone(), n_labels: 28 };
        assert_reaches_the_optimum(&matrix, 0..10, network);
    }
}

#[test]
fn the_held_out_score_is_the_one_on_fresh_data() {
    let Some(table) = text("kaggle-tables/train.csv") else { return };
    let (_, truth) = labels_of(&table);
    let count = FoldCount::try_from(5).expect("five folds");
    let folds: Vec<Fold> =
        (0..truth.len() as u64 / 28).map(|row| count.fold(row % 5).expect("below 5")).collect();
    let (mut held_out_error, mut fitted_error) = (0.0, 0.0);
    for seed in 0..20 {
        let matrix = simulate(&truth, seed);
        let problem = matrix.problem("macro-f1");
        let all = fit_by(&problem, "exact", 0).thresholds;
        let fits = cross_fit(&problem, count, &folds, &settings("exact", 0)).expect("fits");
        let predicted =
            above_thresholds(&matrix.scores, 28, |sample| &fits[folds[sample].index()].thresholds);
        let held_out = hpa_metrics::macro_f1(&matrix.truth, &predicted, 28);
        let fresh = simulate(&truth, 1000 + seed).score("macro-f1", &all);
        held_out_error += (held_out - fresh) / 20.0;
        fitted_error += (matrix.score("macro-f1", &all) - fresh) / 20.0;
    }
    eprintln!(
        "mean error over 20 data sets: held out {held_out_error:.5}, fitted {fitted_error:.5}"
    );
    assert!(held_out_error.abs() < 0.003, "held out is off by {held_out_error}");
    assert!(fitted_error > 0.01, "fitted is off by {fitted_error}");
}

/// The highest F1 of a label, every distinct score tried as the lowest predicted one.
fn brute_force(matrix: &Matrix, label: usize) -> f64 {
    let cells = || (label..matrix.scores.len()).step_by(matrix.n_labels);
    let scores: Vec<f32> = cells().map(|cell| matrix.scores[cell]).collect();
    let positives: Vec<f32> =
        cells().filter(|&cell| matrix.truth[cell]).map(|cell| matrix.scores[cell]).collect();
    let count = |column: &[f32], lowest: f32| -> u64 {
        column.iter().map(|&score| u64::from(score >= lowest)).sum()
    };
    let f1 = |&lowest: &f32| {
        let hits = count(&positives, lowest);
        let counts = Counts {
            true_positives: hits,
            false_positives: count(&scores, lowest) - hits,
            false_negatives: positives.len() as u64 - hits,
        };
        counts.f1()
    };
    scores.iter().map(f1).fold(0.0, f64::max)
}

#[test]
fn exact_thresholds_equal_brute_force_on_the_real_table() {
    let Some(table) = text("kaggle-tables/train.csv") else { return };
    let (_, truth) = labels_of(&table);
    // Every third row: the trials grow with the square.
    let rows = truth.chunks_exact(28).step_by(3);
    let matrix = simulate(&rows.flatten().copied().collect::<Vec<_>>(), 3);
    let brute = (0..28).map(|label| brute_force(&matrix, label)).sum::<f64>() / 28.0;
    let exact = fit_by(&matrix.problem("macro-f1"), "exact", 0).thresholds;
    let score = matrix.score("macro-f1", &exact);
    assert_eq!(score.to_bits(), brute.to_bits(), "{score} is not {brute}");
}

#[test]
fn on_samples_f2_the_search_is_never_below_scipys_on_yeast() {
    let Some(matrix) = yeast() else { return };
    let problem = matrix.problem("samples-f2");
    let golden = include_str!("golden/scipy_yeast_samples_f2.txt");
    let lines: Vec<&str> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 10);
    for (seed, line) in (0..).zip(lines) {
        let scipy: f64 = line.split(' ').next().expect("a score").parse().expect("a number");
        let ours = matrix.score("samples-f2", &fit_by(&problem, "basinhopping", seed).thresholds);
        eprintln!("yeast, seed {seed}: {ours:.6}, SciPy {scipy:.6}");
        assert!(ours >= scipy, "seed {seed}: {ours} is below {scipy}");
    }
}

#[test]
fn on_samples_f2_the_search_is_never_below_the_recipe_on_simulated_scores() {
    let Some(table) = text("kaggle-tables/train.csv") else { return };
    let (_, truth) = labels_of(&table);
    for seed in 0..10 {
        let matrix = simulate(&truth, seed);
        let problem = matrix.problem("samples-f2");
        let score =
            |method: &str| matrix.score("samples-f2", &fit_by(&problem, method, seed).thresholds);
        let (ours, recipe) = (score("basinhopping"), score("basinhopping-mratsim"));
        eprintln!("simulated, seed {seed}: {ours:.6}, the recipe {recipe:.6}");
        assert!(ours >= recipe, "seed {seed}: {ours} is below {recipe}");
    }
}

#[test]
fn micro_f1_comes_near_its_optimum_and_coordinate_ascent_too() {
    let Some(table) = text("kaggle-tables/train.csv") else { return };
    let (_, truth) = labels_of(&table);
    for seed in 0..3 {
        let matrix = simulate(&truth, seed);
        let problem = matrix.problem("micro-f1");
        let best = upper_bound(&problem).expect("known for micro averages");
        for (method, within) in [("coordinate", 1e-4), ("basinhopping", 1e-3)] {
            let score = matrix.score("micro-f1", &fit_by(&problem, method, seed).thresholds);
            eprintln!("micro F1 by {method}, seed {seed}: {:.6} below {best:.6}", best - score);
            assert!(score <= best + 1e-12 && best - score < within, "{method}: {score} {best}");
        }
    }
}
