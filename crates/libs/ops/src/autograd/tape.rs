//! The tape: recording operations, and the backward pass over them.
//!
//! Only operations of this crate are recorded. Where one of candle's own stands between a recorded
//! operation and the loss, the gradient would silently stop: that is an error.

use super::Gradients;
use crate::op::{Backward, BackwardContext, Op};
use candle_core::op::BackpropOp;
use candle_core::{Result, Tensor, TensorId, bail};
use std::cell::RefCell;
use std::collections::HashSet;

/// From an operation's output and its gradient to the inputs and theirs.
type EntryBackward = dyn FnOnce(&Tensor, &Tensor) -> Result<Vec<(Tensor, Option<Tensor>)>>;

struct Entry {
    name: &'static str,
    output: Tensor,
    backward: Box<EntryBackward>,
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

/// Ends the recording when it is dropped, also on errors and panics.
struct Recording;

impl Drop for Recording {
    fn drop(&mut self) {
        TAPE.with(RefCell::take);
    }
}

/// Runs `loss_fn` and the backward pass of the scalar that it returns: the loss, and its gradients
/// with respect to all variables that it depends on.
///
/// # Errors
/// When `loss_fn` fails or does not return a scalar, when a gradient cannot reach a recorded
/// operation because one of candle's own operations stands in between, and when calls are nested.
pub fn value_and_grad(loss_fn: impl FnOnce() -> Result<Tensor>) -> Result<(Tensor, Gradients)> {
    if is_recording() {
        bail!("value_and_grad does not nest");
    }
    TAPE.with(|tape| tape.replace(Some(Tape::default())));
    let _recording = Recording;
    let loss = loss_fn()?;
    if loss.elem_count() != 1 {
        bail!("a loss is one number, not {:?}", loss.dims());
    }
    let mut gradients = Gradients::default();
    gradients.0.insert(loss.id(), loss.ones_like()?);
    // Entries leave the tape one by one, so that their activations are freed.
    while let Some(entry) = TAPE.with(|tape| tape.borrow_mut().as_mut()?.entries.pop()) {
        backward(entry, &mut gradients)?;
    }
    gradients.0.remove(&loss.id());
    Ok((loss, gradients))
}

/// The backward pass of one operation.
fn backward(entry: Entry, gradients: &mut Gradients) -> Result<()> {
    let Entry { name, output, backward } = entry;
    let Some(grad_output) = gradients.0.remove(&output.id()) else {
        bail!(
            "no gradient reaches the output {:?} of {name}: it is unused, or one of candle's own \
             operations stands between it and the loss; use this crate's, or Tensor::backward",
            output.dims()
        );
    };
    let input_gradients = backward(&output, &grad_output)?;
    drop(grad_output);
    for (input, gradient) in input_gradients {
        if let Some(gradient) = gradient.filter(|_| requires_grad(&input)) {
            gradients.accumulate(&input, gradient)?;
        }
    }
    Ok(())
}

/// Whether this tensor requires a gradient.
pub(crate) fn requires_grad(tensor: &Tensor) -> bool {
    let is_tracked = |tape: &RefCell<Option<Tape>>| {
        tape.borrow().as_ref().is_some_and(|tape| tape.tracked.contains(&tensor.id()))
    };
    tensor.is_variable() || tensor.track_op() || TAPE.with(is_tracked)
}

pub(super) fn is_recording() -> bool {
    TAPE.with(|tape| tape.borrow().is_some())
}

/// Runs an operation's backward closure.
pub(super) fn run_backward<const N: usize>(
    backward: &Backward<N>,
    inputs: [&Tensor; N],
    output: &Tensor,
    grad_output: &Tensor,
) -> Result<[Option<Tensor>; N]> {
    let grad_output = &grad_output.contiguous()?;
    let needs_input_grad = inputs.map(requires_grad);
    backward(&BackwardContext { inputs, output, grad_output, needs_input_grad })
}

/// Records an operation if its output depends on a variable; returns the output.
pub(super) fn push<const N: usize>(inputs: [&Tensor; N], op: Op<N>) -> Result<Tensor> {
    let Op { name, output, shape, backward } = op;
    if let Some(foreign) = inputs.iter().find(|input| input.track_op() && !input.is_variable()) {
        bail!(
            "an input {:?} of {name} comes from one of candle's own operations, which \
             value_and_grad does not record: use this crate's, or Tensor::backward",
            foreign.dims()
        );
    }
    let output = Tensor::from_storage(output, shape, BackpropOp::none(), false);
    if inputs.into_iter().any(requires_grad) {
        let inputs = inputs.map(Tensor::clone);
        let entry = Entry {
            name,
            output: output.clone(),
            backward: Box::new(move |output, grad_output| {
                let gradients = run_backward(&backward, inputs.each_ref(), output, grad_output)?;
                Ok(inputs.into_iter().zip(gradients).collect())
            }),
        };
        TAPE.with(|tape| {
            if let Some(tape) = tape.borrow_mut().as_mut() {
                tape.tracked.insert(output.id());
                tape.entries.push(entry);
            }
        });
    }
    Ok(output)
}
