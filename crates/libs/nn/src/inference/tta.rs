//! Test-time augmentation: several views of a sample, and the probability over them.

use crate::data::transform::Transform;
use hpa_imaging::Dihedral;

/// The views of a sample, and how their probabilities are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestTimeAugmentation {
    /// The sample itself.
    #[default]
    None,
    /// Mean over the eight symmetries of the square.
    D4,
    /// Maximum over the eight symmetries of the square.
    D4Max,
    /// fastai's TTA: 0.4 of the sample itself, 0.6 of the mean over the eight symmetries.
    FastAi,
    /// Mean over this many crops of 7/8 of the side: centre, corners, edges.
    Crops(usize),
}

/// Weight of the sample itself in [`TestTimeAugmentation::FastAi`]: fastai 1.0's `beta`.
const FASTAI_BETA: f64 = 0.4;
const CROP_ZOOM: f32 = 8.0 / 7.0;
/// Centres of the crops, in their order.
const CROP_CENTRES: [[f32; 2]; 9] = [
    [0.0, 0.0],
    [-1.0, -1.0],
    [1.0, -1.0],
    [-1.0, 1.0],
    [1.0, 1.0],
    [0.0, -1.0],
    [-1.0, 0.0],
    [1.0, 0.0],
    [0.0, 1.0],
];

impl TestTimeAugmentation {
    /// The views of every sample; the first is the sample itself, or the central crop.
    #[must_use]
    pub fn views(self) -> Vec<Transform> {
        match self {
            Self::None => vec![Transform::turned(Dihedral::default())],
            Self::D4 | Self::D4Max | Self::FastAi => {
                Dihedral::all().map(Transform::turned).to_vec()
            }
            Self::Crops(count) => CROP_CENTRES[..count.min(CROP_CENTRES.len())]
                .iter()
                .map(|&focus| Transform {
                    zoom: CROP_ZOOM,
                    focus,
                    ..Transform::turned(Dihedral::default())
                })
                .collect(),
        }
    }

    /// The probability over the views, from those of each, in their order.
    #[must_use]
    pub fn combine(self, probabilities: impl Iterator<Item = f64> + Clone) -> f64 {
        let mean = || {
            let (sum, count) =
                probabilities.clone().fold((0.0, 0.0), |(sum, count), p| (sum + p, count + 1.0));
            sum / count
        };
        match self {
            Self::None | Self::D4 | Self::Crops(_) => mean(),
            Self::D4Max => probabilities.fold(0.0, f64::max),
            Self::FastAi => {
                let plain = probabilities.clone().next().unwrap_or(0.0);
                FASTAI_BETA * plain + (1.0 - FASTAI_BETA) * mean()
            }
        }
    }
}

impl std::str::FromStr for TestTimeAugmentation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let crops = |count: &str| count.parse().ok().filter(|count| (1..=9).contains(count));
        match text {
            "none" => Ok(Self::None),
            "d4" => Ok(Self::D4),
            "d4-max" => Ok(Self::D4Max),
            "fastai" => Ok(Self::FastAi),
            "mix" => Err("\"mix\" is now called fastai".into()),
            _ => text.strip_prefix("crops:").and_then(crops).map(Self::Crops).ok_or_else(|| {
                format!(
                    "{text:?} is not a test-time augmentation: expected none, d4, d4-max, fastai or crops:N with N from 1 to 9"
                )
            }),
        }
    }
}

impl std::fmt::Display for TestTimeAugmentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::D4 => f.write_str("d4"),
            Self::D4Max => f.write_str("d4-max"),
            Self::FastAi => f.write_str("fastai"),
            Self::Crops(count) => write!(f, "crops:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tta(text: &str) -> TestTimeAugmentation {
        text.parse().unwrap()
    }

    #[test]
    fn the_written_form_reads_back_and_others_are_refused() {
        for text in ["none", "d4", "d4-max", "fastai", "crops:1", "crops:9"] {
            assert_eq!(tta(text).to_string(), text);
        }
        for text in ["", "D4", "crops", "crops:0", "crops:10", "crops:x"] {
            let error = text.parse::<TestTimeAugmentation>().unwrap_err();
            assert!(error.contains("d4-max"), "{error}");
        }
        assert!("mix".parse::<TestTimeAugmentation>().unwrap_err().contains("fastai"));
    }
}
