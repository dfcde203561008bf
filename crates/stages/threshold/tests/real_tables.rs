//! The search against the exact optimum, and the held-out score against fresh data, on
//! real label tables and real probabilities.

mod shared;

use hpa_core::{Fold, FoldCount};
use hpa_threshold::cross_fit;
use shared::{Matrix, found, labels_of, settings, simulate, text, yeast};

/// Ten seeds of the search stay within 0.0005 of the optimum, and 0.003 before the polish.
fn assert_reaches_the_optimum(matrix: &Matrix, seeds: std::ops::Range<u64>, what: &str) {
    let problem = matrix.problem("macro-f1");
    let best = matrix.score("macro-f1", &found(&problem, "exact", 0).thresholds);
    for seed in seeds {
        let fit = found(&problem, "basinhopping", seed);
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
        let array = shared::path(&format!("probabilities/{network}.npz"));
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
        let all = found(&problem, "exact", 0).thresholds;
        let fits = cross_fit(&problem, count, &folds, &settings("exact", 0)).expect("fits");
        // Pooled decisions: give each row the thresholds of its fold by shifting its scores' truth.
        let decided = Matrix {
            scores: matrix
                .scores
                .iter()
                .enumerate()
                .map(|(place, &score)| {
                    let threshold = fits[folds[place / 28].index()].thresholds[place % 28];
                    f32::from(u8::from(f64::from(score) > threshold))
                })
                .collect(),
            ..simulate(&truth, seed)
        };
        let held_out = decided.score("macro-f1", &[0.5; 28]);
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
