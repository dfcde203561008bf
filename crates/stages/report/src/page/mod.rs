//! The page: one file, no script, no other resource.
//!
//! Text is escaped by construction (maud). Colours are variables of the style sheet, so
//! that pictures drawn as SVG follow the reader's light or dark scheme; series are told
//! apart by shape as well as by colour.

mod counts;
mod curves;
mod gallery;
mod histories;
mod labels;
mod scores;

use crate::gallery::Exhibit;
use crate::picture::Pictures;
use crate::run::Run;
use crate::verdict::{Verdict, best};
use hpa_artifacts::{Provenance, canonical_json};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What the page shows.
pub(crate) struct Page<'a> {
    pub(crate) run: &'a Run,
    pub(crate) verdicts: &'a [Verdict],
    pub(crate) exhibits: &'a [(Exhibit, Pictures)],
    pub(crate) provenance: &'a Provenance,
    pub(crate) replicates: u32,
}

/// Renders the page.
pub(crate) fn render(page: &Page<'_>) -> String {
    let best = best(page.verdicts);
    let sections = [
        ("scores", "Scores", scores::section(page, best)),
        ("thresholds", "F1 against threshold", curves::section(page, best)),
        ("labels", "Labels", labels::section(page, best)),
        ("counts", "Label counts", counts::section(page)),
        ("curves", "Learning curves", histories::section(page)),
        ("gallery", "Samples", gallery::section(page, best)),
        ("origin", "Where this comes from", origin(page.provenance)),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(page.provenance))
            body {
                a.skip href="#scores" { "Skip to the scores" }
                header {
                    h1 { "Where the protein is" }
                    p.lead { (lead(page.run)) }
                    (scores::headline(page, best))
                    nav aria-label="Sections" {
                        @for (id, title, _) in &sections { a href={ "#" (id) } { (title) } }
                    }
                }
                main {
                    @for (id, title, content) in &sections {
                        section id=(id) aria-labelledby={ (id) "-title" } {
                            h2 id={ (id) "-title" } { (title) }
                            (content)
                        }
                    }
                }
                footer { p { "Made by hpa-report " (env!("CARGO_PKG_VERSION")) "." } }
            }
        }
    }
    .into_string()
}

fn head(provenance: &Provenance) -> Markup {
    let inputs = canonical_json(&provenance.inputs);
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="schema" content="report/1";
            meta name="config" content=(provenance.config);
            meta name="inputs" content=(inputs);
            title { "hpa report" }
            style { (PreEscaped(include_str!("style.css"))) }
        }
    }
}

fn lead(run: &Run) -> Markup {
    html! {
        (run.names.count()) " labels, "
        (thousands(run.oof.ids.len())) " samples in " (run.fold_count) " folds"
        @if let Some(test) = &run.test { ", " (thousands(test.ids.len())) " labelled test samples" }
        ", " (run.entrants.len()) @if run.entrants.len() == 1 { " model or ensemble." } @else { " models and ensembles." }
        @for notice in &run.notices { br; span.muted { (notice) "." } }
    }
}

fn origin(provenance: &Provenance) -> Markup {
    html! {
        p { "This page is a function of its settings and of these inputs; BLAKE3 digests name their contents." }
        div.scroll {
            table.digests {
                thead { tr { th scope="col" { "Input" } th scope="col" { "Digest" } } }
                tbody {
                    tr { th scope="row" { "settings" } td { code { (provenance.config) } } }
                    @for (flag, digest) in &provenance.inputs {
                        tr { th scope="row" { "--" (flag) } td { code { (digest) } } }
                    }
                }
            }
        }
    }
}

/// What an entrant is called, with a dagger where its score was selected on.
fn entrant_name(run: &Run, entrant: usize) -> Markup {
    let entrant = &run.entrants[entrant];
    html! {
        (entrant.name)
        @if entrant.selected { span title="selected on its out-of-fold score" { " †" } }
    }
}

/// Three decimals, the precision that intervals allow.
fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// A number with its thousands set apart.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// An absent value, readable aloud.
fn absent() -> Markup {
    html! { span.muted { span aria-hidden="true" { "–" } span.aloud { "none" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(31_072), "31\u{202f}072");
    }
}
