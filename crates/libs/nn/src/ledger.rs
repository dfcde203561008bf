//! Steps that have been taken and whose losses nobody has looked at yet.
//!
//! The processor's losses are known with the step. A graphics card is asked for the next step
//! while it computes this one; its losses are read back every [`EVERY`] steps and at the end of an
//! epoch. A loss that is no number is then traced to its batch, whose samples are still known.

use crate::pending::{Halt, Pending, Seen};
use crate::trainer::{Flow, Step, Trainer, Watch};
use std::time::Instant;

/// Steps between two looks at a card's losses.
const EVERY: usize = 16;

/// One step.
struct Taken {
    step: Step,
    /// The sum of the losses that were known, over samples.
    loss: f64,
    unread: Vec<Seen>,
}

/// Steps that nobody has been told of.
pub(crate) struct Ledger {
    taken: Vec<Taken>,
    clock: Instant,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { taken: Vec::new(), clock: Instant::now() }
    }

    /// Enters a step.
    pub(crate) fn enter(&mut self, step: Step, pending: Pending) {
        let Pending { loss, unread, .. } = pending;
        self.taken.push(Taken { step, loss, unread });
    }

    /// Whether the losses of the last steps are to be read.
    pub(crate) fn is_due(&self) -> bool {
        self.taken.len() >= EVERY || self.taken.iter().all(|taken| taken.unread.is_empty())
    }

    /// Reads the losses and tells `watch` of each step; the time is shared among them.
    pub(crate) fn settle<'a>(
        &mut self,
        trainer: &mut Trainer<'a>,
        watch: Watch<'_, 'a>,
    ) -> Result<(), Halt> {
        let taken = std::mem::take(&mut self.taken);
        let mut steps = Vec::new();
        for Taken { step, loss, unread } in taken {
            let loss = loss + trainer.read(&unread)?;
            steps.push(Step { loss: loss / step.samples as f64, ..step });
        }
        let seconds = self.clock.elapsed().as_secs_f64() / steps.len().max(1) as f64;
        self.clock = Instant::now();
        for step in steps {
            match watch(trainer, Step { seconds, ..step })? {
                Flow::GoOn => {}
                Flow::Stop => return Err(Halt::Stopped),
            }
        }
        Ok(())
    }
}
