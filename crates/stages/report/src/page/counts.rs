//! Samples per label, on a logarithmic scale.

use super::{Page, thousands};
use maud::{Markup, html};

/// Bars of the training split and, if it is labelled, of the test split.
pub(super) fn section(page: &Page<'_>) -> Markup {
    let n_labels = page.run.names.count();
    let train = page.run.oof.label_counts(n_labels);
    let test = page.run.test.as_ref().map(|split| split.label_counts(n_labels));
    let largest = train.iter().chain(test.iter().flatten()).copied().max().unwrap_or(0);
    let cardinality = cardinality(&page.run.oof.truth, n_labels);
    html! {
        p {
            "Samples with each label; the bars have a logarithmic scale. Labels per sample: " (cardinality) "."
        }
        div.scroll {
            table.counts {
                thead {
                    tr {
                        th scope="col" { "Label" }
                        th scope="col" { span.s0 { "■" } " training" @if test.is_some() { ", " span.s1 { "■" } " test" } }
                        th.number scope="col" { "Training" }
                        @if test.is_some() { th.number scope="col" { "Test" } }
                    }
                }
                tbody {
                    @for (label, name) in page.run.names.as_slice().iter().enumerate() {
                        tr {
                            th scope="row" { span.muted.ordinal { (label) } " " (name) }
                            td.wide aria-hidden="true" {
                                (bar(0, train[label], largest))
                                @if let Some(test) = &test { (bar(1, test[label], largest)) }
                            }
                            td.number { (thousands(train[label])) }
                            @if let Some(test) = &test { td.number { (thousands(test[label])) } }
                        }
                    }
                }
            }
        }
    }
}

fn bar(series: usize, count: usize, largest: usize) -> Markup {
    let length = |count: usize| (count as f64 + 1.0).ln();
    let share = if largest == 0 { 0.0 } else { 100.0 * length(count) / length(largest) };
    html! { span.track { span.{ "bar s" (series) } style={ "width:" (format!("{share:.1}")) "%" } {} } }
}

/// The number of samples with 0, 1, 2, … labels, as text.
fn cardinality(truth: &[bool], n_labels: usize) -> String {
    let mut samples: Vec<usize> = Vec::new();
    for row in truth.chunks_exact(n_labels) {
        let labels = row.iter().filter(|&&positive| positive).count();
        samples.resize(samples.len().max(labels + 1), 0);
        samples[labels] += 1;
    }
    let words = samples.iter().enumerate().filter(|(_, count)| **count > 0);
    let words = words.map(|(labels, &count)| format!("{labels} in {}", thousands(count)));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_by_number_of_labels() {
        let truth = [true, true, false, false, true, false, false, true];
        assert_eq!(cardinality(&truth, 2), "0 in 1, 1 in 2, 2 in 1");
    }
}
