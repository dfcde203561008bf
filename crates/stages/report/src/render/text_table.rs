//! The table of scores as lines of text.

use crate::data::RunData;
use crate::evaluate::{Evaluation, Score, best};

/// The best row, then all rows in aligned columns: name, method, held-out and test macro F1.
#[must_use]
pub fn text_table(run: &RunData, evaluations: &[Evaluation]) -> String {
    let header = ["model or ensemble", "thresholds", "OOF macro F1 (95 %)", "test macro F1 (95 %)"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(best(evaluations).into_iter().chain(evaluations).map(|evaluation| {
        let model = &run.models[evaluation.model];
        let dagger = if model.selected { " †" } else { "" };
        [
            format!("{}{dagger}", model.name),
            evaluation.method(run).to_owned(),
            cell(evaluation.held_out),
            cell(evaluation.test),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if !evaluations.is_empty() {
        lines[1] += "  best";
        lines.insert(2, String::new());
    }
    if run.models.iter().any(|model| model.selected) {
        lines.push("† selected on its out-of-fold score: optimistic".to_owned());
    }
    lines.join("\n")
}

fn cell(score: Option<Score>) -> String {
    score.map_or_else(
        || "-".to_owned(),
        |score| format!("{:.3} ({:.3} to {:.3})", score.value, score.low, score.high),
    )
}
