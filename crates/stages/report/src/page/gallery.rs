//! Gallery of samples in false colour, with correct, missed and wrong labels.

use super::{Page, model_name};
use crate::evaluate::Evaluation;
use crate::evaluate::gallery::GallerySample;
use crate::render::image::RenderedImages;
use hpa_core::Label;
use maud::{Markup, html};

/// Cards with two images each.
pub(super) fn section(page: &Page<'_>, best: Option<&Evaluation>) -> Markup {
    let Some(best) = best.filter(|_| !page.gallery.is_empty()) else {
        return html! { p { "No sample has both an image and predictions." } };
    };
    html! {
        p {
            "Predictions of " strong { (model_name(page.run, best.model)) } ", " (best.method(page.run))
            " on samples held out from training. The samples are drawn at random, frequent and rare labels "
            "alternating. Left: false colour as in the Atlas, microtubules red, protein green, nucleus "
            "blue, endoplasmic reticulum yellow. Right: the protein alone. Every channel is scaled for "
            "display."
        }
        ul.legend {
            li.chip.correct { "correct" } li.chip.missed { "missed" } li.chip.wrong { "wrong" }
        }
        div.gallery {
            @for (sample, images) in &page.gallery { (card(page, sample, images)) }
        }
    }
}

fn card(page: &Page<'_>, sample: &GallerySample, images: &RenderedImages) -> Markup {
    let names = |labels: &[Label]| {
        labels.iter().map(|&label| page.run.names.name(label)).collect::<Vec<_>>().join(", ")
    };
    let truth: Vec<Label> = sample.correct.iter().chain(&sample.missed).copied().collect();
    let truth = if truth.is_empty() { "no label".to_owned() } else { names(&truth) };
    let kinds =
        [("correct", &sample.correct), ("missed", &sample.missed), ("wrong", &sample.wrong)];
    html! {
        article.card {
            div.images.small[images.side <= 128] {
                img src=(images.composite) width=(images.side) height=(images.side)
                    alt={ "Cells of sample " (sample.id) " in false colour; true labels: " (truth) };
                img src=(images.protein) width=(images.side) height=(images.side)
                    alt={ "The protein alone, sample " (sample.id) };
            }
            p.id title=(sample.id) { (sample.id) }
            ul.chips {
                @for (kind, labels) in kinds {
                    @for &label in labels {
                        li.{ "chip " (kind) } { span.visually-hidden { (kind) ": " } (page.run.names.name(label)) }
                    }
                }
                @if kinds.iter().all(|(_, labels)| labels.is_empty()) {
                    li.chip.correct { "no label, none predicted" }
                }
            }
        }
    }
}
