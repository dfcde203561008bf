//! The HTML page: one file without scripts or external resources.
//!
//! Text is escaped by construction (maud). Colours are variables of the style sheet, so that
//! SVG plots follow the light or dark colour scheme; series differ in shape as well as colour.

mod counts;
mod curves;
mod gallery;
mod histories;
mod labels;
mod scores;

use crate::data::RunData;
use crate::evaluate::gallery::{GallerySample, gallery_samples};
use crate::evaluate::{Evaluation, Resampling, best};
use crate::render::image::RenderedImages;
use hpa_artifacts::{ArtifactError, ImageStore, Provenance, canonical_json};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What the page is made from.
#[derive(Clone, Copy)]
pub struct ReportInputs<'a> {
    /// The run.
    pub run: &'a RunData,
    /// Its scores.
    pub evaluations: &'a [Evaluation],
    /// The images of samples.
    pub images: &'a ImageStore,
    /// Settings and inputs of the page.
    pub provenance: &'a Provenance,
    /// The bootstrap of the intervals; its seed also draws the gallery.
    pub resampling: Resampling,
    /// The number of samples in the gallery.
    pub gallery: usize,
}

/// The inputs with the samples of the gallery.
struct Page<'a> {
    run: &'a RunData,
    evaluations: &'a [Evaluation],
    gallery: Vec<(GallerySample, RenderedImages)>,
    provenance: &'a Provenance,
    replicates: u32,
}

/// The page as HTML.
///
/// # Errors
/// When images cannot be read.
pub fn render_page(inputs: &ReportInputs<'_>) -> Result<String, ArtifactError> {
    let ReportInputs { run, evaluations, images, provenance, resampling, .. } = *inputs;
    let mut gallery = Vec::new();
    if let Some(best) = best(evaluations) {
        for sample in gallery_samples(run, best, images, inputs.gallery, resampling.seed) {
            let pixels = images.read_pixels(&[sample.image_row])?;
            gallery.push((sample, crate::render::image::render(&pixels, images.size_px())));
        }
    }
    let replicates = resampling.replicates;
    Ok(render(&Page { run, evaluations, gallery, provenance, replicates }))
}

fn render(page: &Page<'_>) -> String {
    let best = best(page.evaluations);
    let sections = [
        ("scores", "Scores", scores::section(page, best)),
        ("thresholds", "F1 against threshold", curves::section(page, best)),
        ("labels", "Labels", labels::section(page, best)),
        ("counts", "Label counts", counts::section(page)),
        ("curves", "Learning curves", histories::section(page)),
        ("gallery", "Samples", gallery::section(page, best)),
        ("origin", "Provenance", origin(page.provenance)),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(page.provenance))
            body {
                a.skip href="#scores" { "Skip to the scores" }
                header {
                    h1 { "Protein localisation report" }
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

fn lead(run: &RunData) -> Markup {
    html! {
        (run.names.count()) " labels, "
        (thousands(run.oof.ids.len())) " samples in " (run.fold_count) " folds"
        @if let Some(test) = &run.test { ", " (thousands(test.ids.len())) " labelled test samples" }
        ", " (run.models.len()) @if run.models.len() == 1 { " model or ensemble." } @else { " models and ensembles." }
        @for notice in &run.notices { br; span.muted { (notice) "." } }
    }
}

fn origin(provenance: &Provenance) -> Markup {
    html! {
        p { "This page depends only on its settings and on these inputs, identified by BLAKE3 digests." }
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

/// A model's name, with a dagger if its out-of-fold score is optimistic.
fn model_name(run: &RunData, model: usize) -> Markup {
    let model = &run.models[model];
    html! {
        (model.name)
        @if model.selected { span title="selected on its out-of-fold score: optimistic" { " †" } }
    }
}

/// A score with three decimals, the precision of the intervals.
fn score_text(value: f64) -> String {
    format!("{value:.3}")
}

/// A number with thousands separators.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// An absent value, with a text for screen readers.
fn absent() -> Markup {
    html! { span.muted { span aria-hidden="true" { "–" } span.visually-hidden { "none" } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(31_072), "31\u{202f}072");
    }
}
