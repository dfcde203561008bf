//! Probabilities and decision thresholds.

use serde::{Deserialize, Serialize};

/// A number that is not a probability.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{0} is not a probability: expected a number from 0 to 1 (a logit? apply the sigmoid first)"
)]
pub struct ProbabilityError(pub f64);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// A label is predicted when its probability is *strictly above* this.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Threshold(Probability);

impl Probability {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = ProbabilityError;
    fn try_from(value: f64) -> Result<Self, ProbabilityError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(ProbabilityError(value)) }
    }
}

impl TryFrom<f32> for Probability {
    type Error = ProbabilityError;
    fn try_from(value: f32) -> Result<Self, ProbabilityError> {
        Self::try_from(f64::from(value))
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

impl Threshold {
    /// The number itself.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0.0
    }

    /// Whether a label with this probability is predicted.
    #[must_use]
    pub fn accepts(self, probability: Probability) -> bool {
        probability > self.0
    }
}

impl From<Probability> for Threshold {
    fn from(probability: Probability) -> Self {
        Self(probability)
    }
}

impl TryFrom<f64> for Threshold {
    type Error = ProbabilityError;
    fn try_from(value: f64) -> Result<Self, ProbabilityError> {
        Probability::try_from(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_logits_are_refused() {
        for value in [f64::NAN, -0.001, 3.7, f64::INFINITY] {
            assert!(Probability::try_from(value).is_err(), "{value}");
        }
        assert!(Probability::try_from(1.0).is_ok() && Probability::try_from(0.0).is_ok());
    }

    #[test]
    fn a_probability_equal_to_its_threshold_is_not_predicted() {
        let half = Probability::try_from(0.5).unwrap();
        let above = Probability::try_from(0.500_000_1).unwrap();
        assert!(!Threshold::from(half).accepts(half));
        assert!(Threshold::from(half).accepts(above));
    }
}
