//! Why a search has ended, by name.
//!
//! argmin's `TerminationReason` has no such variants; the solvers here end with
//! `SolverExit(text)`, and [`Stop::of`] turns the text back into the name.

use argmin::core::TerminationReason;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason that one of this crate's solvers gave for stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stop {
    /// The projected gradient is below its tolerance: a stationary point.
    GradientSmall,
    /// The objective fell by less than its relative tolerance in the last iteration.
    CostFlat,
    /// No step along the steepest descent lowers the objective: a kink, noise, or a gradient
    /// that does not belong to the objective.
    LineSearchFailed,
    /// As many evaluations as were allowed.
    EvaluationsSpent,
    /// All hops are done.
    HopsDone,
    /// So many hops in a row found nothing lower.
    NoImprovement,
}

impl Stop {
    const ALL: [Self; 6] = [
        Self::GradientSmall,
        Self::CostFlat,
        Self::LineSearchFailed,
        Self::EvaluationsSpent,
        Self::HopsDone,
        Self::NoImprovement,
    ];

    /// Whether the search ended because it was where it wanted to be.
    #[must_use]
    pub fn converged(self) -> bool {
        !matches!(self, Self::LineSearchFailed | Self::EvaluationsSpent)
    }

    /// The sentence that stands in argmin's termination reason.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::GradientSmall => "projected gradient below tolerance",
            Self::CostFlat => "relative reduction of the objective below tolerance",
            Self::LineSearchFailed => "line search found no lower point",
            Self::EvaluationsSpent => "all evaluations spent",
            Self::HopsDone => "all hops done",
            Self::NoImprovement => "no improvement for the hops allowed",
        }
    }

    /// The reason behind argmin's, if it is one of these.
    #[must_use]
    pub fn of(reason: &TerminationReason) -> Option<Self> {
        match reason {
            TerminationReason::SolverExit(text) => {
                Self::ALL.into_iter().find(|stop| stop.text() == text)
            }
            _ => None,
        }
    }

    pub(crate) fn reason(self) -> TerminationReason {
        TerminationReason::SolverExit(self.text().to_owned())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Whether a local search that ended with `reason` may be trusted to be at a minimum.
pub(crate) fn is_success(reason: Option<&TerminationReason>) -> bool {
    match reason {
        Some(TerminationReason::SolverConverged | TerminationReason::TargetCostReached) => true,
        // A foreign solver's own words: there is no telling, so it gets the benefit of the doubt.
        Some(exit @ TerminationReason::SolverExit(_)) => Stop::of(exit).is_none_or(Stop::converged),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_way_through_argmin() {
        for stop in Stop::ALL {
            assert_eq!(Stop::of(&stop.reason()), Some(stop));
        }
        assert_eq!(Stop::of(&TerminationReason::MaxItersReached), None);
    }

    #[test]
    fn running_out_is_no_success() {
        assert!(is_success(Some(&Stop::CostFlat.reason())));
        assert!(!is_success(Some(&Stop::LineSearchFailed.reason())));
        assert!(!is_success(Some(&TerminationReason::MaxItersReached)));
    }
}
