//! A leaner way backward than candle's own.
//!
//! Candle adds every gradient to a tensor of zeros that it makes first, on threads of its own that
//! wait by spinning, and keeps all activations until the loss is dropped. Within [`differentiate`]
//! the operations of this crate are recorded here instead: the first gradient of a tensor is kept
//! as it is, later ones are added in place in a fixed order, and what an operation has saved is
//! freed as soon as it has gone backward.
//!
//! Only operations of this crate are followed. Where one of candle's own stands between a recorded
//! operation and the loss, the gradient would stop in silence: that is an error.

use crate::simd::{self, vectorized_loops};
use crate::tensor::{on_card, values, with_values};
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, InplaceOp1, Layout, Result, Tensor, TensorId, bail,
};
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

enum Operation {
    One([Tensor; 1], Box<dyn CustomOp1>),
    Two([Tensor; 2], Box<dyn CustomOp2>),
    Three([Tensor; 3], Box<dyn CustomOp3>),
}

struct Entry {
    operation: Operation,
    output: Tensor,
}

#[derive(Default)]
struct Tape {
    entries: Vec<Entry>,
    /// Outputs that depend on a variable.
    tracked: HashSet<TensorId>,
}

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// Gradients of the variables that a loss depends on.
#[derive(Debug, Default)]
pub struct Gradients(pub(crate) HashMap<TensorId, Tensor>);

impl Gradients {
    /// The gradient of `tensor`, a variable.
    #[must_use]
    pub fn get(&self, tensor: &Tensor) -> Option<&Tensor> {
        self.0.get(&tensor.id())
    }
}

impl crate::optim::GradientSource for Gradients {
    fn gradient(&self, parameter: &Tensor) -> Option<&Tensor> {
        self.get(parameter)
    }
}

/// Ends the recording, whatever happens in between.
struct Recording;

impl Drop for Recording {
    fn drop(&mut self) {
        TAPE.with(RefCell::take);
    }
}

/// Runs `loss`, then goes backward from the scalar it returns to all variables it depends on.
///
/// # Errors
/// When `loss` fails, is no scalar, or a gradient cannot reach a recorded operation because one of
/// candle's own operations stands in between; and when recordings are nested.
pub fn differentiate(loss: impl FnOnce() -> Result<Tensor>) -> Result<(Tensor, Gradients)> {
    if TAPE.with(|tape| tape.borrow().is_some()) {
        bail!("differentiate does not nest");
    }
    TAPE.with(|tape| tape.replace(Some(Tape::default())));
    let _end = Recording;
    let loss = loss()?;
    if loss.elem_count() != 1 {
        bail!("a loss is one number, not {:?}", loss.dims());
    }
    let mut gradients = HashMap::from([(loss.id(), loss.ones_like()?)]);
    // One entry at a time leaves the tape, so that its activations are freed.
    while let Some(entry) = TAPE.with(|tape| tape.borrow_mut().as_mut()?.entries.pop()) {
        go_back(&entry, &mut gradients)?;
    }
    gradients.remove(&loss.id());
    Ok((loss, Gradients(gradients)))
}

fn go_back(entry: &Entry, gradients: &mut HashMap<TensorId, Tensor>) -> Result<()> {
    let y = &entry.output;
    let Some(dy) = gradients.remove(&y.id()) else {
        bail!(
            "no gradient reaches the output {:?} of {}: it is unused, or one of candle's own \
             operations stands between it and the loss; use this crate's, or Tensor::backward",
            y.dims(),
            entry.operation.name()
        );
    };
    match &entry.operation {
        Operation::One([a], op) => add(gradients, a, op.bwd(a, y, &dy)?),
        Operation::Two([a, b], op) => {
            let (da, db) = op.bwd(a, b, y, &dy)?;
            drop(dy);
            add(gradients, a, da)?;
            add(gradients, b, db)
        }
        Operation::Three([a, b, c], op) => {
            let (da, db, dc) = op.bwd(a, b, c, y, &dy)?;
            drop(dy);
            add(gradients, a, da)?;
            add(gradients, b, db)?;
            add(gradients, c, dc)
        }
    }
}

/// Keeps the first gradient of a tensor, adds the later ones to it.
fn add(
    gradients: &mut HashMap<TensorId, Tensor>,
    of: &Tensor,
    gradient: Option<Tensor>,
) -> Result<()> {
    let Some(gradient) = gradient.filter(|_| wants_gradient(of)) else { return Ok(()) };
    if let Some(sum) = gradients.get(&of.id()) {
        on_card!(sum, crate::cuda::add(sum, &gradient));
        return with_values(&gradient, NAME, |term| sum.inplace_op1(&Add { term }))?;
    }
    gradients.insert(of.id(), gradient);
    Ok(())
}

const NAME: &str = "sum of gradients";

struct Add<'a> {
    term: &'a [f32],
}

impl InplaceOp1 for Add<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let level = simd::current()?;
        values(storage, layout, NAME)?;
        let (CpuStorage::F32(sum), Some((start, end))) = (storage, layout.contiguous_offsets())
        else {
            bail!("gradients are contiguous f32 tensors");
        };
        let chunks = sum[start..end].par_chunks_mut(1 << 14).zip(self.term.par_chunks(1 << 14));
        chunks.for_each(|(sum, term)| add_all(level, sum, term));
        Ok(())
    }
}

vectorized_loops! {
    fn add_all(sum: &mut [f32], term: &[f32]) {
        for (sum, term) in sum.iter_mut().zip(term) {
            *sum += term;
        }
    }
}

impl Operation {
    fn name(&self) -> &'static str {
        match self {
            Self::One(_, op) => op.name(),
            Self::Two(_, op) => op.name(),
            Self::Three(_, op) => op.name(),
        }
    }

    fn inputs(&self) -> &[Tensor] {
        match self {
            Self::One(inputs, _) => inputs,
            Self::Two(inputs, _) => inputs,
            Self::Three(inputs, _) => inputs,
        }
    }
}

/// Does anybody want this tensor's gradient?
pub(crate) fn wants_gradient(tensor: &Tensor) -> bool {
    let recorded = |tape: &RefCell<Option<Tape>>| {
        tape.borrow().as_ref().is_some_and(|tape| tape.tracked.contains(&tensor.id()))
    };
    tensor.is_variable() || tensor.track_op() || TAPE.with(recorded)
}

fn is_recording() -> bool {
    TAPE.with(|tape| tape.borrow().is_some())
}

/// Records an operation whose output depends on a variable.
fn record(operation: Operation, output: &Tensor) -> Result<()> {
    let inputs = operation.inputs();
    if let Some(foreign) = inputs.iter().find(|input| input.track_op() && !input.is_variable()) {
        bail!(
            "an input {:?} of {} comes from one of candle's own operations, which differentiate \
             does not follow: use this crate's, or Tensor::backward",
            foreign.dims(),
            operation.name()
        );
    }
    if inputs.iter().any(wants_gradient) {
        let entry = Entry { operation, output: output.clone() };
        TAPE.with(|tape| {
            if let Some(tape) = tape.borrow_mut().as_mut() {
                tape.tracked.insert(output.id());
                tape.entries.push(entry);
            }
        });
    }
    Ok(())
}

/// `op(a)`, on candle's graph or on the tape.
pub(crate) fn apply1(a: &Tensor, op: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    if !is_recording() {
        return a.apply_op1(op);
    }
    let output = a.apply_op1_no_bwd(&op)?;
    record(Operation::One([a.clone()], Box::new(op)), &output)?;
    Ok(output)
}

/// `op(a, b)`, on candle's graph or on the tape.
pub(crate) fn apply2(
    a: &Tensor,
    b: &Tensor,
    op: impl CustomOp2 + Send + Sync + 'static,
) -> Result<Tensor> {
    if !is_recording() {
        return a.apply_op2(b, op);
    }
    let output = a.apply_op2_no_bwd(b, &op)?;
    record(Operation::Two([a.clone(), b.clone()], Box::new(op)), &output)?;
    Ok(output)
}

/// `op(a, b, c)`, on candle's graph or on the tape.
pub(crate) fn apply3(
    [a, b, c]: [&Tensor; 3],
    op: impl CustomOp3 + Send + Sync + 'static,
) -> Result<Tensor> {
    if !is_recording() {
        return a.apply_op3(b, c, op);
    }
    let output = a.apply_op3_no_bwd(b, c, &op)?;
    record(Operation::Three([a.clone(), b.clone(), c.clone()], Box::new(op)), &output)?;
    Ok(output)
}
