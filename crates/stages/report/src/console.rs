//! The table of scores as lines of text, for the end of a run.

use crate::run::Run;
use crate::verdict::{Score, Verdict};

/// Aligned columns: name, method, held-out macro F1, test macro F1.
#[must_use]
pub fn text_table(run: &Run, verdicts: &[Verdict]) -> String {
    let header = ["model or ensemble", "thresholds", "OOF macro F1 (95 %)", "test macro F1 (95 %)"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(verdicts.iter().map(|verdict| {
        let entrant = &run.entrants[verdict.entrant];
        let dagger = if entrant.selected { " †" } else { "" };
        [
            format!("{}{dagger}", entrant.name),
            entrant.chosen[verdict.chosen].method.clone(),
            cell(verdict.held_out),
            cell(verdict.test),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or(0));
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if run.entrants.iter().any(|entrant| entrant.selected) {
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
