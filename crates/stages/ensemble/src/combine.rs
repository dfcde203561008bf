//! Means and maxima of members, and the name of the method.

use clap::ValueEnum;
use serde::Serialize;

/// How members are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The mean of the probabilities.
    Average,
    /// The largest probability.
    Max,
    /// A label is there when a member's own thresholds say so; writes 1 or 0
    Or,
}

/// The mean of the members, added up in 64 bits in their order and rounded once.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn average(members: &[&[f32]]) -> Vec<f32> {
    combined(members, |values| {
        let sum: f64 = values.map(f64::from).sum();
        #[expect(clippy::cast_possible_truncation, reason = "the one rounding")]
        let mean = (sum / members.len() as f64) as f32;
        mean
    })
}

/// The largest of the members.
///
/// # Panics
/// When members differ in length.
#[must_use]
pub fn maximum(members: &[&[f32]]) -> Vec<f32> {
    combined(members, |values| values.fold(0.0, f32::max))
}

/// One value for each place, from the members' values there in their order.
pub(crate) fn combined<T: Copy, R>(
    members: &[&[T]],
    combine: impl Fn(&mut dyn Iterator<Item = T>) -> R,
) -> Vec<R> {
    let length = members.first().map_or(0, |first| first.len());
    assert!(members.iter().all(|member| member.len() == length), "members are aligned");
    (0..length).map(|place| combine(&mut members.iter().map(|member| member[place]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The talk's three members and one sample of five labels.
    const MEMBERS: [[f32; 5]; 3] =
        [[0.8, 0.1, 0.3, 0.9, 0.5], [0.9, 0.3, 0.6, 0.1, 0.7], [0.9, 0.2, 0.4, 0.9, 0.7]];

    #[test]
    fn the_talk_s_average_and_maximum_come_out() {
        let members = MEMBERS.each_ref().map(<[f32; 5]>::as_slice);
        let expected = [0.866_666_67, 0.2, 0.433_333_33, 0.633_333_33, 0.633_333_33];
        for (ours, talk) in average(&members).iter().zip(expected) {
            assert!((f64::from(*ours) - talk).abs() < 5e-8, "{ours} {talk}");
        }
        assert_eq!(maximum(&members), [0.9, 0.3, 0.6, 0.9, 0.7]);
    }

    #[test]
    fn the_mean_is_rounded_once() {
        // In 32 bits the sum of the three loses the last bit.
        let members: [&[f32]; 3] = [&[0.1], &[0.2], &[0.3]];
        let exact = (f64::from(0.1_f32) + f64::from(0.2_f32) + f64::from(0.3_f32)) / 3.0;
        #[expect(clippy::cast_possible_truncation, reason = "the one rounding")]
        let exact = exact as f32;
        assert_eq!(average(&members), [exact]);
        assert_eq!(average(&[&[1.0, 0.0], &[1.0, 0.0], &[1.0, 0.0]]), [1.0, 0.0]);
    }
}
