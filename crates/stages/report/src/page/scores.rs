//! The table of scores, and the best scores as tiles.

use super::{Page, absent, model_name, score_text};
use crate::data::RunData;
use crate::evaluate::{Evaluation, Score};
use crate::render::svg::{Scale, coordinate, marker, tick_label, ticks};
use maud::{Markup, html};

const WIDTH: f64 = 260.0;

/// The best model's scores.
pub(super) fn headline(page: &Page<'_>, best: Option<&Evaluation>) -> Markup {
    let Some(best) = best else { return html! {} };
    html! {
        dl.tiles {
            div { dt { "best model" } dd { (model_name(page.run, best.model)) small { (best.method(page.run)) } } }
            (tile("macro F1, out of fold", best.held_out, best.held_out_gain))
            (tile("macro F1, test", best.test, best.test_gain))
        }
    }
}

fn tile(title: &str, score: Option<Score>, gain: Option<Score>) -> Markup {
    html! {
        @if let Some(score) = score {
            div {
                dt { (title) }
                dd {
                    (score_text(score.value)) small { (score_text(score.low)) "–" (score_text(score.high)) }
                    @if let Some(gain) = gain {
                        small.gain { (signed(gain.value)) " against threshold 0.5 (" (signed(gain.low)) " to " (signed(gain.high)) ")" }
                    }
                }
            }
        }
    }
}

fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text == "-0.000" { "+0.000".to_owned() } else { text.replace('-', "−") }
}

/// The table of scores.
pub(super) fn section(page: &Page<'_>, best: Option<&Evaluation>) -> Markup {
    let run = page.run;
    if page.evaluations.is_empty() {
        return html! { p { "No thresholds are given, so nothing is scored." } };
    }
    let scale = scale(page.evaluations);
    let has_test = run.test.is_some();
    html! {
        p {
            "Macro F1 with 95 % intervals from " (page.replicates) " bootstrap resamples of "
            "duplicate groups. " strong { "Held out" } ": with thresholds fitted without the sample's "
            "fold. " em { "Fitted" } ": with thresholds fitted on the same samples, which is optimistic. "
            "A label with no positives and no predictions scores 0 and stays in the mean."
        }
        div.scroll {
            table.scores {
                thead {
                    tr {
                        th scope="col" { "Model or ensemble" } th scope="col" { "Thresholds" }
                        th scope="col" { "Held out, 95 %" }
                        @if has_test { th scope="col" { "Test, 95 %" } }
                        th scope="col" { "Fitted" }
                        th.plot scope="col" { (axis(&scale, has_test)) }
                    }
                }
                @for model in 0..run.models.len() {
                    (rows(page, model, &scale, best))
                }
            }
        }
        (footnotes(run))
    }
}

fn rows(page: &Page<'_>, model: usize, scale: &PlotScale, best: Option<&Evaluation>) -> Markup {
    let own: Vec<&Evaluation> = page.evaluations.iter().filter(|v| v.model == model).collect();
    html! {
        tbody {
            @for (index, evaluation) in own.iter().enumerate() {
                tr.best[best == Some(*evaluation)] {
                    @if index == 0 {
                        th scope="rowgroup" rowspan=(own.len()) { (model_name(page.run, model)) }
                    }
                    th.method scope="row" { (evaluation.method(page.run)) }
                    td { (cell(evaluation.held_out)) }
                    @if page.run.test.is_some() { td { (cell(evaluation.test)) } }
                    td.muted { @if let Some(score) = evaluation.fitted { (score_text(score.value)) } @else { (absent()) } }
                    td.plot { (whiskers(evaluation, scale)) }
                }
            }
        }
    }
}

fn cell(score: Option<Score>) -> Markup {
    html! {
        @if let Some(score) = score {
            b { (score_text(score.value)) } " " span.range { (score_text(score.low)) "–" (score_text(score.high)) }
        } @else { (absent()) }
    }
}

/// The axis of the rightmost column.
struct PlotScale {
    scale: Scale,
    low: f64,
    high: f64,
}

fn scale(evaluations: &[Evaluation]) -> PlotScale {
    let scores = || evaluations.iter().flat_map(|v| [v.held_out, v.test]).flatten();
    let low = scores().map(|score| score.low).fold(1.0, f64::min);
    let high = scores().map(|score| score.high).fold(0.0, f64::max);
    let (low, high) = if high > low { (low, high) } else { (0.0, 1.0) };
    let margin = 0.04 * (high - low);
    let (low, high) = ((low - margin).max(0.0), (high + margin).min(1.0));
    PlotScale { scale: Scale::new((low, high), (8.0, WIDTH - 8.0)), low, high }
}

fn axis(plot: &PlotScale, has_test: bool) -> Markup {
    html! {
        span.key { span.s0 { "◆" } " held out" @if has_test { " " span.s1 { "■" } " test" } }
        svg viewBox="0 0 260 16" width="260" height="16" aria-hidden="true" {
            @for tick in ticks(plot.low, plot.high, 5) {
                @let x = coordinate(plot.scale.at(tick));
                text x=(x) y="12" text-anchor="middle" { (tick_label(tick)) }
            }
        }
    }
}

fn whiskers(evaluation: &Evaluation, plot: &PlotScale) -> Markup {
    let lanes = [(0, evaluation.held_out), (1, evaluation.test)];
    let lane_count = lanes.iter().filter(|(_, score)| score.is_some()).count();
    html! {
        svg viewBox="0 0 260 26" width="260" height="26" aria-hidden="true" {
            @for tick in ticks(plot.low, plot.high, 5) {
                @let x = coordinate(plot.scale.at(tick));
                line.grid x1=(x) x2=(x) y1="0" y2="26" {}
            }
            @for (series, score) in lanes {
                @if let Some(score) = score {
                    @let y = if lane_count == 1 { 13.0 } else if series == 0 { 8.0 } else { 18.0 };
                    @let (low, high) = (plot.scale.at(score.low), plot.scale.at(score.high));
                    line.{ "stroke s" (series) } x1=(coordinate(low)) x2=(coordinate(high)) y1=(coordinate(y)) y2=(coordinate(y)) {}
                    path.{ "fill s" (series) } d=(marker(series, (plot.scale.at(score.value), y), 3.6)) {}
                }
            }
        }
    }
}

fn footnotes(run: &RunData) -> Markup {
    html! {
        @if run.models.iter().any(|model| model.selected) {
            p.note {
                "† Selected: the checkpoint is the best epoch on the fold that it is scored on, or the "
                "ensemble may contain such a model. Its out-of-fold scores are optimistic; test scores "
                "are not."
            }
        }
        @if run.test.is_none() {
            p.note { "No test labels are given, so the test split is not scored." }
        }
    }
}
