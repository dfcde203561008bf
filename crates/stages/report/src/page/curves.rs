//! Small multiples: F1 of each label against its threshold.

use super::{Page, model_name, score_text, thousands};
use crate::data::ModelResult;
use crate::evaluate::Evaluation;
use crate::evaluate::labels::{Curve, curve_split, curves};
use crate::render::svg::{Scale, coordinate, marker, path};
use maud::{Markup, html};

const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 104.0;

/// One block per model; the best one's is open.
pub(super) fn section(page: &Page<'_>, best: Option<&Evaluation>) -> Markup {
    let run = page.run;
    let open = best.map(|best| best.model);
    html! {
        p {
            "F1 of each label as a function of its threshold, on the out-of-fold samples. Marks show "
            "the thresholds of each method (fitted on all folds)."
        }
        @for (index, model) in run.models.iter().enumerate() {
            @if curve_split(run, model).is_some() {
                details open[open == Some(index)] {
                    summary { (model_name(run, index)) }
                    (legend(model))
                    div.multiples {
                        @for (curve, name) in curves(run, model).iter().zip(run.names.as_slice()) {
                            (panel(curve, name, model))
                        }
                    }
                }
            }
        }
    }
}

fn legend(model: &ModelResult) -> Markup {
    html! {
        ul.legend {
            @for (series, set) in model.threshold_sets.iter().enumerate() {
                li {
                    svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" {
                        path.{ "fill s" (series % 6) } d=(marker(series, (6.0, 6.0), 4.2)) {}
                    }
                    " " (set.method)
                }
            }
        }
    }
}

fn panel(curve: &Curve, name: &str, model: &ModelResult) -> Markup {
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
            svg viewBox="0 0 190 104" role="img" aria-label=(description(curve, name, model)) {
                @for tick in [0.0, 0.5, 1.0] {
                    @let (tx, ty) = (coordinate(x.at(tick)), coordinate(y.at(tick)));
                    line.grid x1="22" x2="184" y1=(ty) y2=(ty) {}
                    text x="18" y=(coordinate(y.at(tick) + 3.0)) text-anchor="end" { (tick) }
                    text x=(tx) y="102" text-anchor="middle" { (tick) }
                }
                path.curve d=(path(&points)) {}
                @for (series, (at, set)) in curve.markers.iter().zip(&model.threshold_sets).enumerate() {
                    path.{ "fill s" (series % 6) } d=(marker(series, (x.at(at.0), y.at(at.1)), 3.4)) {
                        title { (set.method) ": threshold " (score_text(at.0)) ", F1 " (score_text(at.1)) }
                    }
                }
            }
        }
    }
}

/// A text alternative of the panel.
fn description(curve: &Curve, name: &str, model: &ModelResult) -> String {
    let set = curve.markers.iter().zip(&model.threshold_sets).map(|((threshold, f1), set)| {
        format!("; {}: threshold {threshold:.3}, F1 {f1:.3}", set.method)
    });
    format!("F1 of {name} against its threshold{}", set.collect::<String>())
}
