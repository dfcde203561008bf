//! SVG plot of a learning rate curve: smoothed loss over the logarithm of the learning rate, the
//! losses as dots, the suggestion marked.

use hpa_artifacts::LrCurve;
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 48.0;
const MARGIN: f64 = 16.0;

/// Ranges of the axes.
struct Axes {
    log_rates: (f64, f64),
    losses: (f64, f64),
}

impl Axes {
    fn new(curve: &LrCurve) -> Self {
        let logs = || curve.points.iter().map(|point| point.learning_rate.log10());
        let smooth = || curve.points.iter().map(|point| point.smooth_loss);
        let (low, high) = (smooth().fold(f64::MAX, f64::min), smooth().fold(f64::MIN, f64::max));
        // The divergence at the end would flatten the rest of the curve.
        let high = high.min(low + 1.5 * (curve.points[0].smooth_loss - low).max(0.1 * low.abs()));
        let padding = 0.05 * (high - low).max(1e-9);
        Self {
            log_rates: (logs().fold(f64::MAX, f64::min), logs().fold(f64::MIN, f64::max)),
            losses: (low - padding, high + padding),
        }
    }

    fn x(&self, rate: f64) -> f64 {
        let (low, high) = self.log_rates;
        let fraction = (rate.log10() - low) / (high - low).max(1e-9);
        LEFT + fraction.clamp(0.0, 1.0) * (WIDTH - LEFT - MARGIN)
    }

    fn y(&self, loss: f64) -> f64 {
        let fraction = (loss - self.losses.0) / (self.losses.1 - self.losses.0);
        HEIGHT - BOTTOM - fraction.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - MARGIN)
    }
}

/// The plot as SVG text.
pub(crate) fn svg(curve: &LrCurve) -> String {
    let mut text = String::new();
    draw(&mut text, curve, &Axes::new(curve)).expect("a string can be written to");
    text
}

fn draw(svg: &mut String, curve: &LrCurve, axes: &Axes) -> std::fmt::Result {
    let (floor, right) = (HEIGHT - BOTTOM, WIDTH - MARGIN);
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss over learning rate" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>"#
    )?;
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten of a learning rate")]
    let powers = axes.log_rates.0.ceil() as i32..=axes.log_rates.1.floor() as i32;
    for power in powers {
        let x = axes.x(10_f64.powi(power));
        let y = floor + 18.0;
        writeln!(
            svg,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{MARGIN}" y2="{floor}" stroke="#eee"/>
<text x="{x:.1}" y="{y}" text-anchor="middle">1e{power}</text>"##
        )?;
    }
    for quarter in 0..=4 {
        let loss = axes.losses.0 + (axes.losses.1 - axes.losses.0) * f64::from(quarter) / 4.0;
        let y = axes.y(loss);
        let (text_x, text_y) = (LEFT - 6.0, y + 4.0);
        writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}" stroke="#eee"/>
<text x="{text_x}" y="{text_y:.1}" text-anchor="end">{loss:.3}</text>"##
        )?;
    }
    let y = HEIGHT - 8.0;
    writeln!(svg, r#"<text x="{LEFT}" y="{y}">smoothed loss over learning rate</text>"#)?;
    for point in &curve.points {
        let (x, y) = (axes.x(point.learning_rate), axes.y(point.loss));
        writeln!(svg, r##"<circle cx="{x:.1}" cy="{y:.1}" r="1.5" fill="#bbb"/>"##)?;
    }
    let points = curve.points.iter().map(|point| {
        format!("{:.1},{:.1}", axes.x(point.learning_rate), axes.y(point.smooth_loss))
    });
    let points = points.collect::<Vec<_>>().join(" ");
    let (x, suggestion) = (axes.x(curve.suggestion), curve.suggestion);
    let text_x = x + 6.0;
    writeln!(
        svg,
        r##"<polyline points="{points}" fill="none" stroke="#1f77b4" stroke-width="2"/>
<line x1="{x:.1}" x2="{x:.1}" y1="{MARGIN}" y2="{floor}" stroke="#d62728" stroke-dasharray="4 3"/>
<text x="{text_x:.1}" y="28" fill="#d62728">steepest at {suggestion:.2e}</text>
</svg>"##
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_artifacts::LrCurvePoint;

    #[test]
    fn the_plot_has_the_curve_and_the_suggestion() {
        let points = (0..40).map(|step| LrCurvePoint {
            step,
            learning_rate: 1e-6 * 1.5_f64.powi(i32::try_from(step).unwrap()),
            loss: 2.0 - f64::from(step) / 30.0,
            smooth_loss: 2.0 - f64::from(step) / 40.0,
        });
        let curve = LrCurve { points: points.collect(), suggestion: 1e-3 };
        let text = svg(&curve);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert_eq!(text.matches("<circle").count(), 40);
        assert!(text.contains("steepest at 1.00e-3") && text.contains(">1e-4<"));
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }
}
