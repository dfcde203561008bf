//! From a first convolution over three channels to one over four.
//!
//! A network trained on photographs sees red, green and blue; samples have a fourth channel,
//! yellow. Each way to fill the fourth slice of `[O, 4, k, k]` is one that competitors used;
//! `reuse-first` is the one the talk ended with.

use hpa_artifacts::Weights;
use hpa_core::Channel;
use serde::{Deserialize, Serialize};

/// What a pretrained first convolution becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstConvolution {
    /// A new layer with random weights; nothing is copied.
    Random,
    /// Three slices copied, the fourth random.
    CopyThree,
    /// Three slices copied, the fourth zero: equal to the old network on red, green and blue.
    Zero,
    /// Three slices copied, the fourth a copy of the first.
    ReuseFirst,
    /// Three slices copied, the fourth their mean.
    Mean,
    /// Three slices copied, the fourth the mean of red's and blue's.
    MeanRedBlue,
    /// Red's slice once more, then all four times ¾, so that the sum stays what it was: what
    /// timm's `adapt_input_conv` does for four channels.
    Timm,
}

impl std::str::FromStr for FirstConvolution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Self::Random),
            "copy-three" => Ok(Self::CopyThree),
            "zero" => Ok(Self::Zero),
            "reuse-first" => Ok(Self::ReuseFirst),
            "mean" => Ok(Self::Mean),
            "mean-red-blue" => Ok(Self::MeanRedBlue),
            "timm" => Ok(Self::Timm),
            _ => {
                let ways = Self::ALL.map(Self::name).join(", ");
                Err(format!("{text:?} is no way to a first convolution: expected one of {ways}"))
            }
        }
    }
}

impl FirstConvolution {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Random,
        Self::CopyThree,
        Self::Zero,
        Self::ReuseFirst,
        Self::Mean,
        Self::MeanRedBlue,
        Self::Timm,
    ];

    /// The word in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::CopyThree => "copy-three",
            Self::Zero => "zero",
            Self::ReuseFirst => "reuse-first",
            Self::Mean => "mean",
            Self::MeanRedBlue => "mean-red-blue",
            Self::Timm => "timm",
        }
    }

    /// What the old network must be shown to answer as the new one does about red, green, blue and
    /// yellow: a convolution is linear, so yellow's slice may as well be applied to the channels that
    /// it was made of. Nothing where yellow has weights of its own.
    pub(crate) fn as_three(self, [red, green, blue, yellow]: [f32; 4]) -> Option<[f32; 3]> {
        let third = yellow / 3.0;
        match self {
            Self::Random | Self::CopyThree => None,
            Self::Zero => Some([red, green, blue]),
            Self::ReuseFirst => Some([red + yellow, green, blue]),
            Self::Mean => Some([red + third, green + third, blue + third]),
            Self::MeanRedBlue => Some([red + yellow / 2.0, green, blue + yellow / 2.0]),
            Self::Timm => Some([0.75 * (red + yellow), 0.75 * green, 0.75 * blue]),
        }
    }

    /// The four-channel weight: `pretrained` is `[O, 3, k, k]`, `start` (random) `[O, 4, k, k]`.
    pub(crate) fn four_channels(self, pretrained: &Weights, start: &Weights) -> Weights {
        if self == Self::Random {
            return start.clone();
        }
        let area = start.shape[2] * start.shape[3];
        let (three, four) = (3 * area, Channel::COUNT * area);
        let mut values = Vec::with_capacity(start.values.len());
        for (old, new) in pretrained.values.chunks_exact(three).zip(start.values.chunks_exact(four))
        {
            let scale = if self == Self::Timm { 0.75 } else { 1.0 };
            values.extend(old.iter().map(|weight| scale * weight));
            match self {
                Self::Random | Self::CopyThree => values.extend_from_slice(&new[three..]),
                Self::Zero => values.extend(std::iter::repeat_n(0.0, area)),
                Self::ReuseFirst => values.extend_from_slice(&old[..area]),
                Self::Timm => values.extend(old[..area].iter().map(|weight| scale * weight)),
                Self::MeanRedBlue => {
                    values.extend((0..area).map(|at| f32::midpoint(old[at], old[2 * area + at])));
                }
                Self::Mean => values.extend(
                    (0..area).map(|at| (old[at] + old[area + at] + old[2 * area + at]) / 3.0),
                ),
            }
        }
        Weights { shape: start.shape.clone(), values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fourth(way: &str) -> Vec<f32> {
        let pretrained = Weights { shape: vec![2, 3, 1, 1], values: vec![1., 2., 6., 4., 5., 9.] };
        let start = Weights { shape: vec![2, 4, 1, 1], values: vec![-1.0; 8] };
        let four = way.parse::<FirstConvolution>().unwrap().four_channels(&pretrained, &start);
        assert_eq!(four.shape, [2, 4, 1, 1]);
        if way == "timm" {
            assert_eq!(four.values, [0.75, 1.5, 4.5, 0.75, 3.0, 3.75, 6.75, 3.0]);
        } else if way != "random" {
            assert_eq!([&four.values[..3], &four.values[4..7]].concat(), pretrained.values);
        }
        vec![four.values[3], four.values[7]]
    }

    #[test]
    fn each_way_fills_the_fourth_slice_as_it_says() {
        assert_eq!(fourth("random"), [-1.0, -1.0]);
        assert_eq!(fourth("copy-three"), [-1.0, -1.0]);
        assert_eq!(fourth("zero"), [0.0, 0.0]);
        assert_eq!(fourth("reuse-first"), [1.0, 4.0]);
        assert_eq!(fourth("mean"), [3.0, 6.0]);
        assert_eq!(fourth("mean-red-blue"), [3.5, 6.5]);
        assert_eq!(fourth("timm"), [0.75, 3.0]);
        for way in FirstConvolution::ALL {
            assert_eq!(way.name().parse(), Ok(way));
        }
        assert!("half".parse::<FirstConvolution>().unwrap_err().contains("reuse-first"));
    }
}
