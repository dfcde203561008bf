//! Settings of data: crops, gain, holes, mixing, sampling, targets.
//!
//! The defaults change nothing, and a setting that has its default is not written into the
//! checkpoint: a recipe that says nothing of these things keeps its bytes and its digest.

use hpa_cli::{in_range, in_range_f64};
use hpa_nn::{LabelWeighting, Sampler, SamplingKind};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

const CROP_AREA: f64 = 1.0;
const CROP_ASPECT: f64 = 4.0 / 3.0; // torchvision's
const CUTOUT_SIDE: f64 = 0.25;
const SAMPLING_CAP: f64 = 5.0;
/// The smallest α of mixup: below it, all but one image in a thousand would stay as they are.
const LEAST_MIXUP: f64 = 0.01;

/// How the data is shown to the network; the defaults show it as it is.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataSettings {
    /// Cut out a random rectangle of at least this part of the area and stretch it to the whole
    #[arg(long, default_value_t = CROP_AREA, value_parser = in_range_f64(0.05..=1.0))]
    pub crop_area: f64,
    /// The longest that a crop's one side may be in relation to the other
    #[arg(long, default_value_t = CROP_ASPECT, value_parser = in_range_f64(1.0..=4.0))]
    pub crop_aspect: f64,
    /// Multiply each channel by a factor of its own, by up to this part either way
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=0.9))]
    pub gain: f64,
    /// Hide this many squares (cutout)
    #[arg(long, default_value_t = 0, value_parser = in_range::<usize>(0..=8))]
    pub cutout_holes: usize,
    /// Side of the hidden squares, as a part of the picture's
    #[arg(long, default_value_t = CUTOUT_SIDE, value_parser = in_range_f64(0.01..=1.0))]
    pub cutout_side: f64,
    /// Blend each sample with another of its batch, the shares from Beta(A, A): 0 (off) or 0.01 to 4
    #[arg(long, value_name = "A", default_value_t = 0.0, value_parser = mixup)]
    pub mixup: f64,
    /// How often samples are seen: uniform, oversample or median-frequency
    #[arg(long, default_value = "uniform")]
    pub sampling: SamplingKind,
    /// The most often that a sample is taken because of its rarest label
    #[arg(long, default_value_t = SAMPLING_CAP, value_parser = in_range_f64(1.0..=100.0))]
    pub sampling_cap: f64,
    /// Pull the targets of training towards 1/2 by this part
    #[arg(long, default_value_t = 0.0, value_parser = in_range_f64(0.0..=0.5))]
    pub label_smoothing: f64,
    /// How much labels count in the loss: none, median-frequency, log, or one number each: 1,2,0.5
    #[arg(long, default_value = "none")]
    pub label_weights: LabelWeighting,
}

impl DataSettings {
    /// How often samples are seen.
    #[must_use]
    pub const fn sampling(&self) -> Sampler {
        Sampler { kind: self.sampling, cap: self.sampling_cap }
    }

    /// Name, value and default of each setting.
    fn entries(&self) -> [(&'static str, Value, Value); 10] {
        [
            ("crop_area", json!(self.crop_area), json!(CROP_AREA)),
            ("crop_aspect", json!(self.crop_aspect), json!(CROP_ASPECT)),
            ("gain", json!(self.gain), json!(0.0)),
            ("cutout_holes", json!(self.cutout_holes), json!(0)),
            ("cutout_side", json!(self.cutout_side), json!(CUTOUT_SIDE)),
            ("mixup", json!(self.mixup), json!(0.0)),
            ("sampling", json!(self.sampling), json!(SamplingKind::Uniform)),
            ("sampling_cap", json!(self.sampling_cap), json!(SAMPLING_CAP)),
            ("label_smoothing", json!(self.label_smoothing), json!(0.0)),
            ("label_weights", json!(self.label_weights.to_string()), json!("none")),
        ]
    }
}

impl Serialize for DataSettings {
    /// What differs from the defaults.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value, usual) in self.entries() {
            if value != usual {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

fn mixup(text: &str) -> Result<f64, String> {
    let alpha = in_range_f64(0.0..=4.0)(text)?;
    if alpha > 0.0 && alpha < LEAST_MIXUP {
        return Err(format!("out of range: expected 0, or {LEAST_MIXUP} to 4"));
    }
    Ok(alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};

    fn settings(words: &[&str]) -> DataSettings {
        let command = DataSettings::augment_args(Command::new("x").no_binary_name(true));
        let matches = command.try_get_matches_from(words).unwrap();
        DataSettings::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn defaults_leave_no_trace_and_every_other_value_does() {
        assert_eq!(json!(settings(&[])), json!({}));
        let words = [
            ("--crop-area=0.5", "crop_area"),
            ("--crop-aspect=2", "crop_aspect"),
            ("--gain=0.1", "gain"),
            ("--cutout-holes=1", "cutout_holes"),
            ("--cutout-side=0.5", "cutout_side"),
            ("--mixup=0.4", "mixup"),
            ("--sampling=oversample", "sampling"),
            ("--sampling-cap=9", "sampling_cap"),
            ("--label-smoothing=0.1", "label_smoothing"),
            ("--label-weights=log", "label_weights"),
        ];
        for (word, key) in words {
            let written = json!(settings(&[word]));
            let keys: Vec<&String> = written.as_object().unwrap().keys().collect();
            assert_eq!(keys, [key], "{word}");
        }
        assert_eq!(words.len(), settings(&[]).entries().len());
    }

    #[test]
    fn a_mixup_too_small_to_mix_is_refused() {
        assert!(mixup("0.001").unwrap_err().contains("0.01 to 4"));
        assert_eq!((mixup("0"), mixup("0.01"), mixup("4")), (Ok(0.0), Ok(0.01), Ok(4.0)));
    }
}
