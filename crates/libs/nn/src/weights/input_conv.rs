//! Input convolution over four channels from a pretrained one over three (timm: `adapt_input_conv`).
//!
//! A network pretrained on RGB images has no weights for the fourth channel of a sample, yellow.
//! Each [`InputConvInit`] is a way to fill the fourth slice of `[O, 4, k, k]` that a competitor used;
//! `reuse-first` is the one that the talk ended with.

use crate::config::InputConvInit;
use hpa_artifacts::Weights;
use hpa_core::Channel;

impl InputConvInit {
    /// The RGB pixel for which the pretrained network gives the logits that the four-channel network
    /// gives for this pixel: a convolution is linear, so yellow's slice may as well be applied to the
    /// channels that it was made of. None if yellow has weights of its own.
    pub(crate) fn equivalent_rgb(self, [red, green, blue, yellow]: [f32; 4]) -> Option<[f32; 3]> {
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

    /// The four-channel weight of a `pretrained` `[O, 3, k, k]` and a random `initial` `[O, 4, k, k]`.
    pub(crate) fn four_channels(self, pretrained: &Weights, initial: &Weights) -> Weights {
        if self == Self::Random {
            return initial.clone();
        }
        let area = initial.shape[2] * initial.shape[3];
        let (three, four) = (3 * area, Channel::COUNT * area);
        let mut values = Vec::with_capacity(initial.values.len());
        for (old, new) in
            pretrained.values.chunks_exact(three).zip(initial.values.chunks_exact(four))
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
        Weights { shape: initial.shape.clone(), values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fourth(init: InputConvInit) -> Vec<f32> {
        let pretrained = Weights { shape: vec![2, 3, 1, 1], values: vec![1., 2., 6., 4., 5., 9.] };
        let initial = Weights { shape: vec![2, 4, 1, 1], values: vec![-1.0; 8] };
        let four = init.four_channels(&pretrained, &initial);
        assert_eq!(four.shape, [2, 4, 1, 1]);
        if init == InputConvInit::Timm {
            assert_eq!(four.values, [0.75, 1.5, 4.5, 0.75, 3.0, 3.75, 6.75, 3.0]);
        } else if init != InputConvInit::Random {
            assert_eq!([&four.values[..3], &four.values[4..7]].concat(), pretrained.values);
        }
        vec![four.values[3], four.values[7]]
    }

    #[test]
    fn each_init_fills_the_fourth_slice_as_documented() {
        assert_eq!(fourth(InputConvInit::Random), [-1.0, -1.0]);
        assert_eq!(fourth(InputConvInit::CopyThree), [-1.0, -1.0]);
        assert_eq!(fourth(InputConvInit::Zero), [0.0, 0.0]);
        assert_eq!(fourth(InputConvInit::ReuseFirst), [1.0, 4.0]);
        assert_eq!(fourth(InputConvInit::Mean), [3.0, 6.0]);
        assert_eq!(fourth(InputConvInit::MeanRedBlue), [3.5, 6.5]);
        assert_eq!(fourth(InputConvInit::Timm), [0.75, 3.0]);
    }
}
