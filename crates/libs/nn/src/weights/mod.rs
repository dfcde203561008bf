//! Pretrained weights: state dicts by name, adapted to four channels and other labels.

pub(crate) mod input_conv;
pub(crate) mod state_dict;
