//! Parameter groups: which parameters learn at which rate.
//!
//! Three groups as fastai cuts a pretrained network (`cnn_learner`): early body, late body, head. A
//! residual network is cut before `layer3`, an `EfficientNet` before `blocks.4` (its fifth stage),
//! both near the middle of their depth. The learning rates grow by an even factor from the first
//! group to the last: fastai's `slice(3e-5, 6e-3)` is 3e-5, 4.24e-4, 6e-3.

const GROUPS: usize = 3;

const HEAD: [&str; 2] = ["fc.", "classifier."];
const LATE_BODY: [&str; 7] =
    ["layer3.", "layer4.", "blocks.4.", "blocks.5.", "blocks.6.", "conv_head.", "bn2."];

/// The group of a parameter, by its name: 0 early body, 1 late body, 2 head.
pub(crate) fn group_of(name: &str) -> usize {
    let is_in = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if is_in(&HEAD) { 2 } else { usize::from(is_in(&LATE_BODY)) }
}

/// The learning rate of a group in units of that of the last group, given the learning rates of the
/// `first` and the `last` group.
pub(crate) fn learning_rate_factor(group: usize, first: f64, last: f64) -> f64 {
    let steps = (GROUPS - 1 - group) as f64 / (GROUPS - 1) as f64;
    (first / last).powf(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rates_between_the_ends_are_fastais() {
        let rates = [0, 1, 2].map(|group| 6e-3 * learning_rate_factor(group, 3e-5, 6e-3));
        for (rate, expected) in rates.into_iter().zip([3e-5, 4.242_640_687_119_285e-4, 6e-3]) {
            assert!((rate / expected - 1.0).abs() < 1e-12, "{rates:?}");
        }
        assert!((learning_rate_factor(1, 0.1, 0.1) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn groups_follow_the_depth_of_each_family() {
        for (name, group) in [
            ("conv1.weight", 0),
            ("bn1.bias", 0),
            ("layer2.1.bn2.weight", 0),
            ("layer3.0.conv1.weight", 1),
            ("layer4.1.bn2.bias", 1),
            ("fc.bias", 2),
            ("conv_stem.weight", 0),
            ("blocks.3.0.conv_dw.weight", 0),
            ("blocks.4.0.conv_dw.weight", 1),
            ("conv_head.weight", 1),
            ("bn2.weight", 1),
            ("classifier.weight", 2),
        ] {
            assert_eq!(group_of(name), group, "{name}");
        }
    }
}
