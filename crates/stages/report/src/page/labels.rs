//! The table of labels: support, threshold, F1, area under the curve.

use super::{Page, absent, entrant_name, thousands, three};
use crate::curves::{LabelLine, label_lines};
use crate::verdict::{Verdict, best};
use maud::{Markup, html};

/// One table an entrant, by its best method; the best one's is open.
pub(super) fn section(page: &Page<'_>, overall: Option<&Verdict>) -> Markup {
    let run = page.run;
    let tables = (0..run.entrants.len()).filter_map(|entrant| {
        let mine: Vec<Verdict> =
            page.verdicts.iter().filter(|verdict| verdict.entrant == entrant).cloned().collect();
        best(&mine).cloned()
    });
    html! {
        p {
            "Each system by its best method. In brackets: the lowest and highest threshold among those "
            "fitted without a fold; a wide range means that the threshold is luck. AUC is the chance that "
            "a sample with the label scores higher than one without (0.5 is a coin)."
        }
        @for verdict in tables {
            @let entrant = &run.entrants[verdict.entrant];
            details open[overall == Some(&verdict)] {
                summary { (entrant_name(run, verdict.entrant)) ", " (entrant.chosen[verdict.chosen].method) }
                (table(page, &label_lines(run, &verdict)))
            }
        }
    }
}

fn table(page: &Page<'_>, lines: &[LabelLine]) -> Markup {
    let has_test = lines.iter().any(|line| line.test.is_some());
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
                    @for ((label, name), line) in page.run.names.as_slice().iter().enumerate().zip(lines) {
                        (row((label, name), line, has_test))
                    }
                }
            }
        }
    }
}

fn row((label, name): (usize, &str), line: &LabelLine, has_test: bool) -> Markup {
    html! {
        tr {
            th scope="row" { span.muted.ordinal { (label) } " " (name) }
            td.number { (thousands(line.support)) }
            td.number {
                (three(line.threshold))
                @if let Some((low, high)) = line.fold_thresholds { " " span.range { "(" (three(low)) "–" (three(high)) ")" } }
            }
            td { (bar(line.held_out)) }
            td.number { (number(line.fitted)) }
            td.number { (number(line.auc)) }
            @if has_test {
                @let test = line.test;
                td.number { @if let Some((support, ..)) = test { (thousands(support)) } @else { (absent()) } }
                td.number { (number(test.map(|test| test.1))) }
                td.number { (number(test.and_then(|test| test.2))) }
            }
        }
    }
}

fn number(value: Option<f64>) -> Markup {
    html! { @if let Some(value) = value { (three(value)) } @else { (absent()) } }
}

fn bar(value: Option<f64>) -> Markup {
    html! {
        @if let Some(value) = value {
            span.bar-cell {
                span { (three(value)) }
                span.track { span.bar style={ "width:" (format!("{:.1}", 100.0 * value)) "%" } {} }
            }
        } @else { (absent()) }
    }
}
