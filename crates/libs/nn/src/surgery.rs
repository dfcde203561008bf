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
            _ => Err(format!(
                "{text:?} is no way to a first convolution: expected random, copy-three, zero, reuse-first or mean"
            )),
        }
    }
}

impl FirstConvolution {
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
            values.extend_from_slice(old);
            match self {
                Self::Random | Self::CopyThree => values.extend_from_slice(&new[three..]),
                Self::Zero => values.extend(std::iter::repeat_n(0.0, area)),
                Self::ReuseFirst => values.extend_from_slice(&old[..area]),
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
        if way != "random" {
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
        assert!("half".parse::<FirstConvolution>().unwrap_err().contains("reuse-first"));
    }
}
