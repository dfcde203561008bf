//! Small multiples: F1 of each label against its threshold.

use super::{Page, entrant_name, thousands, three};
use crate::curves::{Curve, curves, part_of};
use crate::run::Entrant;
use crate::svg::{Scale, coordinate, mark, path};
use crate::verdict::Verdict;
use maud::{Markup, html};

const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 104.0;

/// One block an entrant; the best one's is open.
pub(super) fn section(page: &Page<'_>, best: Option<&Verdict>) -> Markup {
    let run = page.run;
    let open = best.map(|best| best.entrant);
    html! {
        p {
            "F1 of one label if everything above the threshold were predicted, on the out-of-fold "
            "samples. Marks show the thresholds that each method chose (fitted on all folds)."
        }
        @for (place, entrant) in run.entrants.iter().enumerate() {
            @if part_of(run, entrant).is_some() {
                details open[open == Some(place)] {
                    summary { (entrant_name(run, place)) }
                    (legend(entrant))
                    div.multiples {
                        @for (curve, name) in curves(run, entrant).iter().zip(run.names.as_slice()) {
                            (panel(curve, name, entrant))
                        }
                    }
                }
            }
        }
    }
}

fn legend(entrant: &Entrant) -> Markup {
    html! {
        ul.legend {
            @for (series, chosen) in entrant.chosen.iter().enumerate() {
                li {
                    svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" {
                        path.{ "fill s" (series % 6) } d=(mark(series, (6.0, 6.0), 4.2)) {}
                    }
                    " " (chosen.method)
                }
            }
        }
    }
}

fn panel(curve: &Curve, name: &str, entrant: &Entrant) -> Markup {
    let x = Scale::new((0.0, 1.0), (22.0, WIDTH - 6.0));
    let y = Scale::new((0.0, 1.0), (HEIGHT - 16.0, 6.0));
    let points: Vec<(f64, f64)> = curve.points.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
    html! {
        figure {
            figcaption {
                b { (name) }
                span.muted {
                    (thousands(curve.support)) " samples"
                    @if let Some(auc) = curve.auc { ", AUC " (format!("{auc:.2}")) }
                }
            }
            svg viewBox="0 0 190 104" role="img" aria-label=(aloud(curve, name, entrant)) {
                @for tick in [0.0, 0.5, 1.0] {
                    @let (tx, ty) = (coordinate(x.at(tick)), coordinate(y.at(tick)));
                    line.grid x1="22" x2="184" y1=(ty) y2=(ty) {}
                    text x="18" y=(coordinate(y.at(tick) + 3.0)) text-anchor="end" { (tick) }
                    text x=(tx) y="102" text-anchor="middle" { (tick) }
                }
                path.curve d=(path(&points)) {}
                @for (series, (place, chosen)) in curve.marks.iter().zip(&entrant.chosen).enumerate() {
                    path.{ "fill s" (series % 6) } d=(mark(series, (x.at(place.0), y.at(place.1)), 3.4)) {
                        title { (chosen.method) ": threshold " (three(place.0)) ", F1 " (three(place.1)) }
                    }
                }
            }
        }
    }
}

/// The panel in words.
fn aloud(curve: &Curve, name: &str, entrant: &Entrant) -> String {
    let chosen = curve.marks.iter().zip(&entrant.chosen).map(|((threshold, f1), chosen)| {
        format!("; {} chose {threshold:.3}, F1 {f1:.3}", chosen.method)
    });
    format!("F1 of {name} against its threshold{}", chosen.collect::<String>())
}
