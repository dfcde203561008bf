//! Stopping reasons of the solvers.
//!
//! argmin's `TerminationReason` has no such variants; the solvers here stop with
//! `SolverExit(text)`, and [`StopReason::of`] maps the text back to the variant.

use argmin::core::{TerminationReason, TerminationStatus};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason for which one of this crate's solvers stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StopReason {
    /// The projected gradient is below its tolerance: a stationary point.
    GradientTolerance,
    /// The objective fell by less than its relative tolerance in the last iteration.
    CostTolerance,
    /// No step along the steepest descent lowers the objective: a kink, noise, or a wrong
    /// gradient.
    LineSearchFailed,
    /// The limit on evaluations is reached.
    MaxEvaluations,
    /// All hops are done.
    MaxHops,
    /// The limit on hops in a row without a lower minimum is reached.
    NoImprovement,
}

impl StopReason {
    const ALL: [Self; 6] = [
        Self::GradientTolerance,
        Self::CostTolerance,
        Self::LineSearchFailed,
        Self::MaxEvaluations,
        Self::MaxHops,
        Self::NoImprovement,
    ];

    /// Whether the search stopped by a convergence criterion, not by a limit or a failure.
    #[must_use]
    pub fn converged(self) -> bool {
        !matches!(self, Self::LineSearchFailed | Self::MaxEvaluations)
    }

    /// The text of argmin's termination reason.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::GradientTolerance => "projected gradient below tolerance",
            Self::CostTolerance => "relative reduction of the objective below tolerance",
            Self::LineSearchFailed => "line search found no lower point",
            Self::MaxEvaluations => "all evaluations spent",
            Self::MaxHops => "all hops done",
            Self::NoImprovement => "no improvement for the hops allowed",
        }
    }

    /// The variant of argmin's termination reason, if it is one of these.
    #[must_use]
    pub fn of(reason: &TerminationReason) -> Option<Self> {
        match reason {
            TerminationReason::SolverExit(text) => {
                Self::ALL.into_iter().find(|stop| stop.text() == text)
            }
            _ => None,
        }
    }

    fn reason(self) -> TerminationReason {
        TerminationReason::SolverExit(self.text().to_owned())
    }

    /// What a solver's `terminate` returns.
    pub(crate) fn status(stop: Option<Self>) -> TerminationStatus {
        stop.map_or(TerminationStatus::NotTerminated, |stop| {
            TerminationStatus::Terminated(stop.reason())
        })
    }

    /// Whether a local search that ended with `reason` converged.
    pub(crate) fn is_success(reason: Option<&TerminationReason>) -> bool {
        match reason {
            Some(TerminationReason::SolverConverged | TerminationReason::TargetCostReached) => true,
            // The text of another solver is unknown here and counts as success.
            Some(exit @ TerminationReason::SolverExit(_)) => {
                Self::of(exit).is_none_or(Self::converged)
            }
            _ => false,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_round_trips_through_argmin() {
        for stop in StopReason::ALL {
            assert_eq!(StopReason::of(&stop.reason()), Some(stop));
        }
        assert_eq!(StopReason::of(&TerminationReason::MaxItersReached), None);
    }

    #[test]
    fn a_limit_is_no_success() {
        assert!(StopReason::is_success(Some(&StopReason::CostTolerance.reason())));
        assert!(!StopReason::is_success(Some(&StopReason::LineSearchFailed.reason())));
        assert!(!StopReason::is_success(Some(&TerminationReason::MaxItersReached)));
    }
}
