//! Progress bars on standard error: pieces a second, a message, the time that remains.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;

/// A bar; clones share it, and any thread may move it.
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
                // A bar that cannot be written has nobody to tell.
                let _ = write!(text, "{:.1}", state.per_sec());
            })
            .progress_chars("=> ");
        Self(ProgressBar::with_draw_target(Some(total), target).with_style(style))
    }

    /// `count` more pieces are done.
    pub fn inc(&self, count: u64) {
        self.0.inc(count);
    }

    /// Something to show beside the bar: the loss, say.
    pub fn message(&self, text: String) {
        self.0.set_message(text);
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
