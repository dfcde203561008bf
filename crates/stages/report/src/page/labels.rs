//! The table of labels: support, threshold, F1, area under the curve.

use super::{Page, absent, model_name, score_text, thousands};
use crate::evaluate::labels::{LabelRow, label_rows};
use crate::evaluate::{Evaluation, best};
use maud::{Markup, html};

/// One table per model with its best method; that of the best model is open.
pub(super) fn section(page: &Page<'_>, overall: Option<&Evaluation>) -> Markup {
    let run = page.run;
    let tables = (0..run.models.len()).filter_map(|model| {
        let own: Vec<Evaluation> = page
            .evaluations
            .iter()
            .filter(|evaluation| evaluation.model == model)
            .cloned()
            .collect();
        best(&own).cloned()
    });
    html! {
        p {
            "Each model with its best method. In parentheses: the lowest and highest threshold among those "
            "fitted without one fold; a wide range means an unstable threshold. AUC is the probability that "
            "a sample with the label scores higher than one without (0.5 is chance)."
        }
        @for evaluation in tables {
            details open[overall == Some(&evaluation)] {
                summary { (model_name(run, evaluation.model)) ", " (evaluation.method(run)) }
                (table(page, &label_rows(run, &evaluation)))
            }
        }
    }
}

fn table(page: &Page<'_>, rows: &[LabelRow]) -> Markup {
    let has_test = rows.iter().any(|label| label.test.is_some());
    html! {
        div.scroll {
            table.labels {
                thead {
                    tr {
                        th scope="col" { "Label" } th.number scope="col" { "Samples" }
                        th.number scope="col" { "Threshold" }
                        th scope="col" { "F1 held out" }
                        th.number scope="col" { "F1 fitted" } th.number scope="col" { "AUC" }
                        @if has_test {
                            th.number scope="col" { "Test samples" } th.number scope="col" { "Test F1" }
                            th.number scope="col" { "Test AUC" }
                        }
                    }
                }
                tbody {
                    @for ((number, name), label) in page.run.names.as_slice().iter().enumerate().zip(rows) {
                        (table_row(number, name, label, has_test))
                    }
                }
            }
        }
    }
}

fn table_row(number: usize, name: &str, label: &LabelRow, has_test: bool) -> Markup {
    html! {
        tr {
            th scope="row" { span.muted.ordinal { (number) } " " (name) }
            td.number { (thousands(label.support)) }
            td.number {
                (score_text(label.threshold))
                @if let Some((low, high)) = label.fold_thresholds { " " span.range { "(" (score_text(low)) "–" (score_text(high)) ")" } }
            }
            td { (bar(label.held_out)) }
            td.number { (optional(label.fitted)) }
            td.number { (optional(label.auc)) }
            @if has_test {
                @let test = label.test;
                td.number { @if let Some(test) = test { (thousands(test.support)) } @else { (absent()) } }
                td.number { (optional(test.map(|test| test.f1))) }
                td.number { (optional(test.and_then(|test| test.auc))) }
            }
        }
    }
}

fn optional(value: Option<f64>) -> Markup {
    html! { @if let Some(value) = value { (score_text(value)) } @else { (absent()) } }
}

fn bar(value: Option<f64>) -> Markup {
    html! {
        @if let Some(value) = value {
            span.bar-cell {
                span { (score_text(value)) }
                span.track { span.bar style={ "width:" (format!("{:.1}", 100.0 * value)) "%" } {} }
            }
        } @else { (absent()) }
    }
}
