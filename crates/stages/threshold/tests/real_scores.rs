//! Exact thresholds against brute force, and the search on coupled metrics against the recipe that
//! it replaces, on real label tables.

mod shared;

use hpa_metrics::Counts;
use shared::{Matrix, found, labels_of, simulate, text, yeast};

/// The highest F1 of a label, every distinct score tried as the lowest predicted one.
fn brute_force(matrix: &Matrix, label: usize) -> f64 {
    let column = |place: usize| place * matrix.n_labels + label;
    let n = matrix.scores.len() / matrix.n_labels;
    let scores: Vec<f32> = (0..n).map(|row| matrix.scores[column(row)]).collect();
    let inside: Vec<f32> =
        (0..n).filter(|&row| matrix.truth[column(row)]).map(|row| scores[row]).collect();
    let count = |column: &[f32], lowest: f32| -> u64 {
        column.iter().map(|&score| u64::from(score >= lowest)).sum()
    };
    let f1 = |&lowest: &f32| {
        let hits = count(&inside, lowest);
        let counts = Counts {
            true_positives: hits,
            false_positives: count(&scores, lowest) - hits,
            false_negatives: inside.len() as u64 - hits,
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
    let exact = found(&matrix.problem("macro-f1"), "exact", 0).thresholds;
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
        let ours = matrix.score("samples-f2", &found(&problem, "basinhopping", seed).thresholds);
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
            |method: &str| matrix.score("samples-f2", &found(&problem, method, seed).thresholds);
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
        let best = hpa_threshold::upper_bound(&problem).expect("known for micro averages");
        for (method, within) in [("coordinate", 1e-4), ("basinhopping", 1e-3)] {
            let score = matrix.score("micro-f1", &found(&problem, method, seed).thresholds);
            eprintln!("micro F1 by {method}, seed {seed}: {:.6} below {best:.6}", best - score);
            assert!(score <= best + 1e-12 && best - score < within, "{method}: {score} {best}");
        }
    }
}
