//! The curve of a search for a learning rate as a picture: smoothed loss over the logarithm of
//! the rate, single losses as dots, the suggestion marked.

use hpa_artifacts::LrCurve;
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 48.0;
const MARGIN: f64 = 16.0;

/// Values to coordinates.
struct Frame {
    rates: (f64, f64),
    losses: (f64, f64),
}

impl Frame {
    fn of(curve: &LrCurve) -> Self {
        let logs = || curve.points.iter().map(|point| point.learning_rate.log10());
        let smooth = || curve.points.iter().map(|point| point.smooth_loss);
        let (low, high) = (smooth().fold(f64::MAX, f64::min), smooth().fold(f64::MIN, f64::max));
        // The explosion at the end would press all else to the floor.
        let high = high.min(low + 1.5 * (curve.points[0].smooth_loss - low).max(0.1 * low.abs()));
        let room = 0.05 * (high - low).max(1e-9);
        Self {
            rates: (logs().fold(f64::MAX, f64::min), logs().fold(f64::MIN, f64::max)),
            losses: (low - room, high + room),
        }
    }

    fn x(&self, rate: f64) -> f64 {
        let share = (rate.log10() - self.rates.0) / (self.rates.1 - self.rates.0).max(1e-9);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - MARGIN)
    }

    fn y(&self, loss: f64) -> f64 {
        let share = (loss - self.losses.0) / (self.losses.1 - self.losses.0);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - MARGIN)
    }
}

/// The picture.
pub(crate) fn svg(curve: &LrCurve) -> String {
    let frame = Frame::of(curve);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"loss over learning rate\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    axes(&mut text, &frame);
    for point in &curve.points {
        let (x, y) = (frame.x(point.learning_rate), frame.y(point.loss));
        line(&mut text, &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.5\" fill=\"#bbb\"/>"));
    }
    let way: Vec<String> = curve
        .points
        .iter()
        .map(|point| {
            format!("{:.1},{:.1}", frame.x(point.learning_rate), frame.y(point.smooth_loss))
        })
        .collect();
    let points = way.join(" ");
    line(
        &mut text,
        &format!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"2\"/>"
        ),
    );
    suggestion(&mut text, &frame, curve.suggestion);
    text + "</svg>\n"
}

fn line(text: &mut String, element: &str) {
    writeln!(text, "{element}").expect("into memory");
}

fn suggestion(text: &mut String, frame: &Frame, rate: f64) {
    let (x, floor) = (frame.x(rate), HEIGHT - BOTTOM);
    line(
        text,
        &format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{MARGIN}\" y2=\"{floor}\" stroke=\"#d62728\" \
             stroke-dasharray=\"4 3\"/>"
        ),
    );
    line(
        text,
        &format!(
            "<text x=\"{:.1}\" y=\"28\" fill=\"#d62728\">steepest at {rate:.2e}</text>",
            x + 6.0
        ),
    );
}

fn axes(text: &mut String, frame: &Frame) {
    let (floor, right) = (HEIGHT - BOTTOM, WIDTH - MARGIN);
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten of a learning rate")]
    let powers = frame.rates.0.ceil() as i32..=frame.rates.1.floor() as i32;
    for power in powers {
        let x = frame.x(10_f64.powi(power));
        line(
            text,
            &format!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{MARGIN}\" y2=\"{floor}\" stroke=\"#eee\"/>"
            ),
        );
        let y = floor + 18.0;
        line(
            text,
            &format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">1e{power}</text>"),
        );
    }
    for part in 0..=4 {
        let loss = frame.losses.0 + (frame.losses.1 - frame.losses.0) * f64::from(part) / 4.0;
        let y = frame.y(loss);
        line(
            text,
            &format!(
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#eee\"/>"
            ),
        );
        let x = LEFT - 6.0;
        line(
            text,
            &format!("<text x=\"{x}\" y=\"{:.1}\" text-anchor=\"end\">{loss:.3}</text>", y + 4.0),
        );
    }
    let y = HEIGHT - 8.0;
    line(text, &format!("<text x=\"{LEFT}\" y=\"{y}\">smoothed loss against learning rate</text>"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use hpa_artifacts::LrCurvePoint;

    #[test]
    fn the_picture_has_the_curve_and_the_suggestion() {
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
