//! The real tables these tests run on, where they are: `HPA_SHARED` names the folder that holds
//! `data/`, by default `shared` beside the repository.

use hpa_core::Seed;
use hpa_metrics::{Confusion, Metric};
use hpa_threshold::{Calibration, Fit, Problem, Settings, fit};
use std::path::PathBuf;

/// Scores and truth, row-major.
pub(crate) struct Matrix {
    pub(crate) scores: Vec<f32>,
    pub(crate) truth: Vec<bool>,
    pub(crate) n_labels: usize,
}

/// The text of a shared file; says so when it is missing.
pub(crate) fn text(name: &str) -> Option<String> {
    let path = path(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not there (set HPA_SHARED)", path.display());
    }
    text
}

pub(crate) fn path(name: &str) -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared");
    let root = std::env::var_os("HPA_SHARED").map_or_else(beside, PathBuf::from);
    let relative = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    // As for the programs, a relative folder counts from the workspace's root.
    let root = if root.is_relative() { relative.join(root) } else { root };
    root.join("data").join(name)
}

/// The 28 labels of each row of a `train.csv`, row-major, and its ids.
pub(crate) fn labels_of(table: &str) -> (Vec<String>, Vec<bool>) {
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
pub(crate) fn yeast() -> Option<Matrix> {
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
pub(crate) fn simulate(truth: &[bool], seed: u64) -> Matrix {
    let n = truth.len() / 28;
    let logits: Vec<f64> = (0..28)
        .map(|label| {
            let share =
                truth.iter().skip(label).step_by(28).filter(|&&t| t).count() as f64 / n as f64;
            (share / (1.0 - share)).ln() / 2.0
        })
        .collect();
    let mut rng = Seed::new(seed).derive("simulated scores").rng();
    let score = |(place, &truth): (usize, &bool)| {
        let x = rng.normal() + 1.7 * f64::from(u8::from(truth)) + logits[place % 28];
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let score = (1.0 / (1.0 + (-x).exp())) as f32;
        score
    };
    let scores = truth.iter().enumerate().map(score).collect();
    Matrix { scores, truth: truth.to_vec(), n_labels: 28 }
}

impl Matrix {
    pub(crate) fn problem(&self, metric: &str) -> Problem {
        let metric = metric.parse().expect("a metric");
        Problem::new(metric, &self.scores, &self.truth, self.n_labels).expect("probabilities")
    }

    pub(crate) fn score(&self, metric: &str, thresholds: &[f64]) -> f64 {
        let decided: Vec<bool> = self
            .scores
            .iter()
            .enumerate()
            .map(|(place, &score)| f64::from(score) > thresholds[place % self.n_labels])
            .collect();
        let metric: Metric = metric.parse().expect("a metric");
        Confusion::new(&self.truth, &decided, self.n_labels).score(metric)
    }
}

pub(crate) fn settings(method: &str, seed: u64) -> Settings {
    Settings {
        method: method.parse().expect("a method"),
        shrink: 0,
        calibration: Calibration::Platt,
        seed: Seed::new(seed),
    }
}

pub(crate) fn found(problem: &Problem, method: &str, seed: u64) -> Fit {
    fit(problem, &settings(method, seed)).expect("thresholds")
}
