//! Samples in false colour with what was right, missed and wrong.

use super::{Page, entrant_name};
use crate::gallery::Exhibit;
use crate::picture::Pictures;
use crate::verdict::Verdict;
use hpa_core::Label;
use maud::{Markup, html};

/// Cards with two pictures each.
pub(super) fn section(page: &Page<'_>, best: Option<&Verdict>) -> Markup {
    let Some(best) = best.filter(|_| !page.exhibits.is_empty()) else {
        return html! { p { "No sample has both a picture and decisions." } };
    };
    let method = &page.run.entrants[best.entrant].chosen[best.chosen].method;
    html! {
        p {
            "Decisions of " strong { (entrant_name(page.run, best.entrant)) } ", " (method)
            ", on samples it has not seen. Labels take turns, frequent and rare alternately, and each "
            "draws a sample by lot: nothing is picked for looks. Left, false colour as in the Atlas: "
            "microtubules red, protein green, nucleus blue, endoplasmic reticulum yellow. Right, the "
            "protein alone. Every channel is brightened for display."
        }
        ul.legend {
            li.chip.correct { "correct" } li.chip.missed { "missed" } li.chip.wrong { "wrong" }
        }
        div.gallery {
            @for (exhibit, pictures) in page.exhibits { (card(page, exhibit, pictures)) }
        }
    }
}

fn card(page: &Page<'_>, exhibit: &Exhibit, pictures: &Pictures) -> Markup {
    let names = |labels: &[Label]| {
        labels.iter().map(|&label| page.run.names.name(label)).collect::<Vec<_>>().join(", ")
    };
    let truth: Vec<Label> = exhibit.correct.iter().chain(&exhibit.missed).copied().collect();
    let truth = if truth.is_empty() { "no label".to_owned() } else { names(&truth) };
    let kinds =
        [("correct", &exhibit.correct), ("missed", &exhibit.missed), ("wrong", &exhibit.wrong)];
    html! {
        article.card {
            div.pictures.small[pictures.side <= 128] {
                img src=(pictures.composite) width=(pictures.side) height=(pictures.side)
                    alt={ "Cells of sample " (exhibit.id) " in false colour; true labels: " (truth) };
                img src=(pictures.protein) width=(pictures.side) height=(pictures.side)
                    alt={ "The protein alone, sample " (exhibit.id) };
            }
            p.id title=(exhibit.id) { (exhibit.id) }
            ul.chips {
                @for (kind, labels) in kinds {
                    @for &label in labels {
                        li.{ "chip " (kind) } { span.aloud { (kind) ": " } (page.run.names.name(label)) }
                    }
                }
                @if kinds.iter().all(|(_, labels)| labels.is_empty()) {
                    li.chip.correct { "no label, none predicted" }
                }
            }
        }
    }
}
