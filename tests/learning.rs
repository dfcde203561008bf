//! Learning: macro F1 of `quick` above a floor, and of shuffled labels below a ceiling.
//!
//! These tests read finished runs, which take minutes: `make check-learning` makes the first and
//! `make check-shuffled` the second.

#![expect(clippy::print_stdout, reason = "the figures are what people run this for")]

use hpa_artifacts::{Artifact, Labels, ScoreRow, Scores};
use std::path::PathBuf;

/// Held-out test macro F1 of the best ensemble of `quick` is at least this …
const FLOOR: f64 = 0.45;
/// … and this much above its own score at threshold 0.5.
const GAIN: f64 = 0.02;
/// Shuffled labels may score this much above the all-positive baseline.
const SLACK: f64 = 0.03;
const ENSEMBLES: [&str; 2] = ["average", "max"];

fn run(name: &str) -> PathBuf {
    hpa_tests::workspace().join("data").join(name)
}

/// The test macro F1 of every name and method.
fn test_scores(name: &str) -> Vec<ScoreRow> {
    let path = run(name).join("report/scores.parquet");
    let scores = Scores::read(&path).expect("the run is finished").value;
    let wanted = |row: &ScoreRow| row.split == "test" && row.metric == "macro-f1";
    scores.rows.into_iter().filter(wanted).collect()
}

#[test]
#[ignore = "needs the finished run quick: make check-learning"]
fn quick_learns_and_fitted_thresholds_beat_0_5() {
    let scores = test_scores("quick");
    let of = |name: &str, method: &str| {
        scores.iter().find(|row| row.name == name && row.method == method).map(|row| row.value)
    };
    let best = ENSEMBLES
        .iter()
        .filter_map(|name| Some((of(name, "exact")?, of(name, "fixed:0.5")?)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (fitted, half) = best.expect("quick has ensembles");
    println!("best ensemble: {fitted:.4}, at threshold 0.5: {half:.4}");
    assert!(fitted >= FLOOR, "test macro F1 {fitted:.4}, expected at least {FLOOR}");
    assert!(fitted >= half + GAIN, "{fitted:.4} is not {GAIN} above {half:.4}");
}

#[test]
#[ignore = "needs the finished run quick-shuffled: make check-shuffled"]
fn nothing_is_learnt_from_shuffled_labels() {
    let labels = Labels::read(&run("quick-shuffled").join("test-labels.parquet")).unwrap().value;
    let share = |label| {
        let positives = labels.rows.iter().filter(|row| row.labels.contains(label)).count();
        positives as f64 / labels.rows.len() as f64
    };
    let all_positive: Vec<f64> =
        labels.names.labels().map(|label| 2.0 * share(label) / (1.0 + share(label))).collect();
    let ceiling = all_positive.iter().sum::<f64>() / all_positive.len() as f64 + SLACK;
    for row in test_scores("quick-shuffled") {
        println!("{} {}: {:.4} (ceiling {ceiling:.4})", row.name, row.method, row.value);
        assert!(
            row.value <= ceiling,
            "{} {}: {:.4} > {ceiling:.4}",
            row.name,
            row.method,
            row.value
        );
    }
}
