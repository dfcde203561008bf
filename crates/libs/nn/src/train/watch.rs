//! What is told of each step, and what can be said about the next.

use crate::error::NnError;
use crate::train::trainer::Trainer;
use std::ops::ControlFlow;

/// One step, for progress and speed.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// How many steps there have been, with this one.
    pub number: usize,
    /// Samples in it.
    pub samples: usize,
    /// Their mean loss before the step.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Time from the end of the step before to the end of this one.
    pub seconds: f64,
}

/// Who is told of each step and may end training there.
pub type StepCallback<'w, 'a> =
    &'w mut dyn FnMut(&Trainer<'a>, Step) -> Result<ControlFlow<()>, NnError>;
