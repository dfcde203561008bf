//! Learning curves: loss and macro F1 over the epochs, one line per fold.

use super::Page;
use crate::data::ModelHistory;
use crate::render::svg::{Scale, coordinate, path, tick_label, ticks};
use hpa_artifacts::HistoryRow;
use maud::{Markup, html};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 220.0;

/// Two plots per model.
pub(super) fn section(page: &Page<'_>) -> Markup {
    let histories = &page.run.histories;
    html! {
        @if histories.is_empty() {
            p { "No training histories are given." }
        } @else {
            p {
                "Left: the loss on the augmented training batches (thin, dashed) and on the fold held out. "
                "Right: macro F1 at threshold 0.5 on the fold held out."
            }
        }
        @for history in histories {
            h3 {
                (history.model)
                @if history.is_selected() { " " small.muted { "† the best epoch on the fold held out was selected" } }
            }
            ul.legend {
                @for (series, fold) in history.folds.iter().enumerate() {
                    li { span.{ "s" (series % 6) } { "━" } " " (fold.name.replace('-', " ")) " " span.muted { (summary(&fold.history.rows)) } }
                }
            }
            div.pair {
                (plot(history, "loss", &[("thin", |row| row.train_loss), ("", |row| row.valid_loss)]))
                (plot(history, "macro F1", &[("", |row| row.valid_macro_f1)]))
            }
        }
    }
}

fn summary(rows: &[HistoryRow]) -> String {
    rows.last().map_or_else(
        || "no epochs".to_owned(),
        |row| format!("{} epochs, F1 {:.3} at 0.5", rows.len(), row.valid_macro_f1),
    )
}

type Line = (&'static str, fn(&HistoryRow) -> f64);

fn plot(history: &ModelHistory, what: &str, lines: &[Line]) -> Markup {
    let rows = || history.folds.iter().flat_map(|fold| &fold.history.rows);
    let values = || lines.iter().flat_map(|line| rows().map(line.1)).filter(|v| v.is_finite());
    let high = values().fold(0.0, f64::max) * 1.05;
    let high = if high > 0.0 { high } else { 1.0 };
    let epochs = rows().map(|row| row.epoch).max().unwrap_or(0);
    let x = Scale::new((0.0, f64::from(epochs)), (40.0, WIDTH - 10.0));
    let y = Scale::new((0.0, high), (HEIGHT - 34.0, 10.0));
    let description =
        format!("{what} of {} over {} epochs, one line per fold", history.model, epochs + 1);
    html! {
        figure {
            svg viewBox="0 0 460 220" role="img" aria-label=(description) {
                (axes(&x, f64::from(epochs), &y, high, what))
                @for (series, fold) in history.folds.iter().enumerate() {
                    @for (style, value) in lines {
                        @let points = points(&fold.history.rows, *value, &x, &y);
                        path.{ "stroke line s" (series % 6) " " (style) } d=(path(&points)) {}
                        @if let Some(end) = points.last().filter(|_| style.is_empty()) {
                            circle.{ "fill s" (series % 6) } cx=(coordinate(end.0)) cy=(coordinate(end.1)) r="2.5" {}
                        }
                    }
                }
            }
        }
    }
}

fn points(
    rows: &[HistoryRow],
    value: fn(&HistoryRow) -> f64,
    x: &Scale,
    y: &Scale,
) -> Vec<(f64, f64)> {
    // A loss that is not finite cannot be plotted.
    let finite = rows.iter().filter(|row| value(row).is_finite());
    finite.map(|row| (x.at(f64::from(row.epoch)), y.at(value(row)))).collect()
}

fn axes(x: &Scale, epochs: f64, y: &Scale, high: f64, what: &str) -> Markup {
    html! {
        @for tick in ticks(0.0, high, 4) {
            @let at = y.at(tick);
            line.grid x1="40" x2="450" y1=(coordinate(at)) y2=(coordinate(at)) {}
            text x="34" y=(coordinate(at + 3.5)) text-anchor="end" { (tick_label(tick)) }
        }
        @for tick in ticks(0.0, epochs, 6).into_iter().filter(|tick| tick.fract() == 0.0) {
            text x=(coordinate(x.at(tick))) y="202" text-anchor="middle" { (tick_label(tick)) }
        }
        text.title x="40" y="217" { (what) " against epoch" }
    }
}
