//! Settings with a syntax of their own: progressive resizing, label weights, mixup's alpha.

use serde::{Deserialize, Deserializer};

/// Largest number of sizes.
const MAX_SIZES: usize = 8;

/// Image sizes of the first epochs, smallest work first; later epochs use the stored size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressiveResize {
    /// Side in pixels and number of epochs; unused entries have no epochs.
    stages: [(u16, u16); MAX_SIZES],
}

impl ProgressiveResize {
    /// Image side in this epoch, in pixels; none for the stored size.
    #[must_use]
    pub fn side_px(&self, epoch: usize) -> Option<usize> {
        let mut end = 0;
        self.stages.iter().find_map(|&(side, epochs)| {
            end += usize::from(epochs);
            (epoch < end).then_some(usize::from(side))
        })
    }

    /// All sides in pixels.
    pub fn sides_px(&self) -> impl Iterator<Item = usize> {
        self.stages.into_iter().filter(|stage| stage.1 > 0).map(|stage| usize::from(stage.0))
    }

    /// Number of epochs below the stored size.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.stages.iter().map(|stage| usize::from(stage.1)).sum()
    }
}

impl std::str::FromStr for ProgressiveResize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut resize = Self::default();
        let words: Vec<&str> = text.split(',').filter(|word| !word.trim().is_empty()).collect();
        if words.len() > MAX_SIZES {
            return Err(format!("too many sizes: expected at most {MAX_SIZES}"));
        }
        for (stage, word) in resize.stages.iter_mut().zip(words) {
            let pair = word.trim().split_once(':');
            let pair =
                pair.and_then(|(side, epochs)| Some((side.parse().ok()?, epochs.parse().ok()?)));
            let is_valid = |&(side, epochs): &(u16, u16)| side >= 32 && epochs > 0;
            *stage = pair.filter(is_valid).ok_or_else(|| {
                format!(
                    "{word:?}: expected PX:EPOCHS with at least 32 px and 1 epoch, such as 48:4"
                )
            })?;
        }
        Ok(resize)
    }
}

impl std::fmt::Display for ProgressiveResize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stages = self.stages.iter().filter(|stage| stage.1 > 0);
        let words: Vec<String> = stages.map(|(side, epochs)| format!("{side}:{epochs}")).collect();
        f.write_str(&words.join(","))
    }
}

/// Largest given label weight; a larger one lets one label drown all others.
const MAX_LABEL_WEIGHT: f32 = 100.0;

/// Label weights in the loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LabelWeighting {
    /// All labels weigh 1.
    #[default]
    None,
    /// Median count divided by the label's count, from 1 to 5.
    MedianFrequency,
    /// Logarithm of the inverse frequency.
    Log,
    /// One weight per label, in label order.
    Given(Vec<f32>),
}

impl std::fmt::Display for LabelWeighting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::MedianFrequency => f.write_str("median-frequency"),
            Self::Log => f.write_str("log"),
            Self::Given(weights) => {
                let words: Vec<String> = weights.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

impl std::str::FromStr for LabelWeighting {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self::None),
            "median-frequency" => return Ok(Self::MedianFrequency),
            "log" => return Ok(Self::Log),
            _ => {}
        }
        let weight = |word: &str| {
            let weight = word.trim().parse().ok();
            weight.filter(|weight: &f32| (0.0..=MAX_LABEL_WEIGHT).contains(weight))
        };
        text.split(',').map(weight).collect::<Option<Vec<f32>>>().map(Self::Given).ok_or_else(|| {
            format!(
                "expected none, median-frequency, log or one number from 0 to {MAX_LABEL_WEIGHT} \
                 per label, separated by commas"
            )
        })
    }
}

/// Smallest alpha of mixup: below it, almost every lambda would be 1.
const MIN_MIXUP_ALPHA: f64 = 0.01;

pub(super) fn mixup_alpha<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let alpha = f64::deserialize(from)?;
    if alpha > 0.0 && alpha < MIN_MIXUP_ALPHA {
        let reason = format!("out of range: expected 0, or {MIN_MIXUP_ALPHA} to 4");
        return Err(serde::de::Error::custom(reason));
    }
    Ok(alpha)
}

/// Serializes a value by `Display` and `FromStr`.
pub(super) mod text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(in crate::config) fn serialize<S: Serializer>(
        value: &impl Display,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
        from: D,
    ) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progressive_resize_ends_with_the_stored_size() {
        let resize: ProgressiveResize = "48:2,56:1".parse().unwrap();
        let sides = [0, 1, 2, 3].map(|epoch| resize.side_px(epoch));
        assert_eq!(sides, [Some(48), Some(48), Some(56), None]);
        assert_eq!((resize.to_string().as_str(), resize.epochs()), ("48:2,56:1", 3));
        assert_eq!("".parse(), Ok(ProgressiveResize::default()));
        assert_eq!("48:1,".parse::<ProgressiveResize>().unwrap().epochs(), 1);
        for wrong in ["48", "31:2", "48:0", "x:1", "1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1,1:1"] {
            assert!(wrong.parse::<ProgressiveResize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn invalid_label_weights_are_refused() {
        for text in ["", "1,,2", "1,x", "-1,1", "1,nan", "101"] {
            let error = text.parse::<LabelWeighting>().unwrap_err();
            assert!(error.contains("median-frequency"), "{error}");
        }
        for text in ["none", "median-frequency", "log", "1,0,2.5"] {
            assert_eq!(text.parse::<LabelWeighting>().unwrap().to_string(), text);
        }
    }
}
