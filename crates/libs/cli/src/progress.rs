//! Progress bars on standard error: rate, message and remaining time.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;

/// A progress bar; clones share it, and any thread may advance it.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(visible: bool, what: &str, total: u64, unit: &str) -> Self {
        let target = if visible {
            ProgressDrawTarget::stderr_with_hz(5)
        } else {
            ProgressDrawTarget::hidden()
        };
        let template = format!(
            "{what} [{{bar:30}}] {{human_pos}}/{{human_len}} {unit}, {{rate}} {unit}/s, {{eta}} left {{msg}}"
        );
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                // An error here only leaves the bar incomplete.
                let _ = write!(text, "{:.1}", state.per_sec());
            })
            .progress_chars("=> ");
        Self(ProgressBar::with_draw_target(Some(total), target).with_style(style))
    }

    /// Advances by `count` items.
    pub fn inc(&self, count: u64) {
        self.0.inc(count);
    }

    /// Sets the text beside the bar, the loss for example.
    pub fn message(&self, text: String) {
        self.0.set_message(text);
    }

    /// Removes the bar from the screen.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
