//! Golden values of scikit-learn: F in three averages and three β, and the ROC area.

use hpa_metrics::{Confusion, Metric, Ranking, macro_f1};

const GOLDEN: &str = include_str!("golden/scikit_learn.txt");

fn numbers<T: std::str::FromStr<Err: std::fmt::Debug>>(line: &str) -> Vec<T> {
    line.split_whitespace().map(|word| word.parse().expect("a number")).collect()
}

fn close(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() < 1e-14, "{what}: {ours} is not {theirs}");
}

#[test]
fn scores_and_roc_areas_agree_with_scikit_learn() {
    let lines: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 6 * 4);
    for case in lines.chunks_exact(4) {
        let shape: Vec<usize> = numbers(case[0]);
        let (n, n_labels) = (shape[0], shape[1]);
        let truth: Vec<bool> = numbers::<u8>(case[1]).into_iter().map(|bit| bit == 1).collect();
        let scores: Vec<f32> =
            numbers::<u8>(case[2]).into_iter().map(|part| f32::from(part) / 64.0).collect();
        let predicted: Vec<bool> = scores.iter().map(|&score| score > 0.5).collect();
        let expected: Vec<f64> = numbers(case[3]);
        let confusion = Confusion::new(&truth, &predicted, n_labels);
        let names = ["macro", "micro", "samples"]
            .into_iter()
            .flat_map(|average| ["f1", "f2", "f0.5"].map(|f| format!("{average}-{f}")));
        for (name, &value) in names.zip(&expected) {
            close(confusion.score(name.parse::<Metric>().unwrap()), value, &name);
        }
        close(macro_f1(&truth, &predicted, n_labels), expected[0], "macro_f1");
        for (label, &area) in expected[9..].iter().enumerate() {
            let column = |row: usize| row * n_labels + label;
            let scores: Vec<f32> = (0..n).map(|row| scores[column(row)]).collect();
            let truth: Vec<bool> = (0..n).map(|row| truth[column(row)]).collect();
            match Ranking::new(&scores, &truth).unwrap().roc_auc() {
                Some(ours) => close(ours, area, "ROC area"),
                None => assert!(area.is_nan(), "scikit-learn finds {area}"),
            }
        }
    }
}
