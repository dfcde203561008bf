//! Test-time augmentation: a sample is looked at in several ways, and the answers become one.

use crate::data::transform::Transform;
use hpa_imaging::Dihedral;

/// In which ways, and how the probabilities are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestTimeAugmentation {
    /// As it is.
    #[default]
    None,
    /// The mean over the eight symmetries of the square.
    D4,
    /// The largest of the eight.
    D4Max,
    /// fastai's mixture: 0.4 of the plain view, 0.6 of the mean over the eight.
    Mix,
    /// The mean over this many crops of 7/8 of the side: centre, corners, edges.
    Crops(usize),
}

/// Share of the plain view in [`TestTimeAugmentation::Mix`]: fastai 1.0's `beta`.
const PLAIN_SHARE: f64 = 0.4;
const CROP_ZOOM: f32 = 8.0 / 7.0;
/// Where crops lie, in the order in which they are taken.
const PLACES: [[f32; 2]; 9] = [
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
    /// The views of every sample; the first is the plain one, or the central crop.
    #[must_use]
    pub fn views(self) -> Vec<Transform> {
        match self {
            Self::None => vec![Transform::turned(Dihedral::default())],
            Self::D4 | Self::D4Max | Self::Mix => Dihedral::all().map(Transform::turned).to_vec(),
            Self::Crops(count) => PLACES[..count.min(PLACES.len())]
                .iter()
                .map(|&focus| Transform {
                    zoom: CROP_ZOOM,
                    focus,
                    ..Transform::turned(Dihedral::default())
                })
                .collect(),
        }
    }

    /// One probability from those of the views, in their order.
    #[must_use]
    pub fn join(self, probabilities: impl Iterator<Item = f64> + Clone) -> f64 {
        let mean = || {
            let (sum, count) =
                probabilities.clone().fold((0.0, 0.0), |(sum, count), p| (sum + p, count + 1.0));
            sum / count
        };
        match self {
            Self::None | Self::D4 | Self::Crops(_) => mean(),
            Self::D4Max => probabilities.fold(0.0, f64::max),
            Self::Mix => {
                let plain = probabilities.clone().next().unwrap_or(0.0);
                PLAIN_SHARE * plain + (1.0 - PLAIN_SHARE) * mean()
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
            "mix" => Ok(Self::Mix),
            _ => text.strip_prefix("crops:").and_then(crops).map(Self::Crops).ok_or_else(|| {
                format!(
                    "{text:?} is no test-time augmentation: expected none, d4, d4-max, mix or crops:N with N from 1 to 9"
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
            Self::Mix => f.write_str("mix"),
            Self::Crops(count) => write!(f, "crops:{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_form_reads_back_and_others_are_refused() {
        for text in ["none", "d4", "d4-max", "mix", "crops:1", "crops:9"] {
            let mode: TestTimeAugmentation = text.parse().unwrap();
            assert_eq!(mode.to_string(), text);
        }
        for text in ["", "D4", "crops", "crops:0", "crops:10", "crops:x"] {
            let error = text.parse::<TestTimeAugmentation>().unwrap_err();
            assert!(error.contains("d4-max"), "{error}");
        }
    }

    #[test]
    fn answers_are_joined_as_each_mode_says() {
        let join = |mode: &str| {
            let mode: TestTimeAugmentation = mode.parse().unwrap();
            mode.join([0.2, 0.4, 0.9].into_iter())
        };
        assert!((join("d4") - 0.5).abs() < 1e-15);
        assert!((join("d4-max") - 0.9).abs() < 1e-15);
        assert!((join("mix") - (0.4 * 0.2 + 0.6 * 0.5)).abs() < 1e-15);
        assert!((join("crops:3") - 0.5).abs() < 1e-15);
    }

    #[test]
    fn views_are_different_and_as_many_as_said() {
        for (mode, count) in [("none", 1), ("d4", 8), ("d4-max", 8), ("mix", 8), ("crops:5", 5)] {
            let views = mode.parse::<TestTimeAugmentation>().unwrap().views();
            assert_eq!(views.len(), count);
            assert!(views.iter().enumerate().all(|(at, view)| !views[..at].contains(view)));
        }
    }
}
