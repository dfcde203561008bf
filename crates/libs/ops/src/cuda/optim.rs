//! Steps of the optimisers, and averages: one launch for all parameters.

use super::card::Card;
use super::memory::check_type;
use super::plan::table::{Row, Table};
use crate::optim::{GradientSource, Group, Parameter, Slot};
use candle_core::{DType, Result, Tensor, bail};

/// Where a step of an optimiser works: parameters with their state, `kinds` tensors each.
pub(crate) struct Step<'a, G> {
    pub(crate) parameters: &'a [Parameter],
    pub(crate) slots: &'a mut [Vec<Slot>],
    pub(crate) gradients: &'a G,
}

/// `d = g + decay p; v = momentum v + d; p -= rate …`; `numbers` are a group's rate and decay.
pub(crate) fn sgd<G: GradientSource>(
    step: Step<'_, G>,
    numbers: impl Fn(Group) -> [f32; 2],
    (momentum, nesterov): (f32, bool),
) -> Result<()> {
    stepped(step, numbers, |table, at| table.sgd(at, momentum, nesterov))
}

/// A step of Adam; `all` are `[beta1, beta2, new1, new2, root, eps]`.
pub(crate) fn adamw<G: GradientSource>(
    step: Step<'_, G>,
    numbers: impl Fn(Group) -> [f32; 2],
    all: [f32; 6],
) -> Result<()> {
    stepped(step, numbers, |table, at| table.adamw(at, all))
}

fn stepped<G: GradientSource>(
    step: Step<'_, G>,
    numbers: impl Fn(Group) -> [f32; 2],
    launch: impl Fn(&Table, u64) -> super::plan::Launch,
) -> Result<()> {
    let (mut tensors, mut rows) = (Vec::new(), Vec::new());
    for (parameter, slots) in step.parameters.iter().zip(step.slots) {
        let Some(gradient) = step.gradients.gradient(&parameter.var) else { continue };
        if gradient.dims() != parameter.var.dims() {
            bail!(
                "the gradient of {} is {:?}, the parameter {:?}",
                parameter.name,
                gradient.dims(),
                parameter.var.dims()
            );
        }
        let [rate, decay] = numbers(parameter.group);
        let mut row = vec![parameter.var.as_detached_tensor(), gradient.contiguous()?];
        for slot in slots {
            row.push(slot.on(parameter.var.as_tensor())?.clone());
        }
        tensors.push(row);
        rows.push(Row { count: gradient.elem_count(), rate, decay, ..Row::default() });
    }
    on_table(&tensors, rows, launch)
}

/// `average += newest (value - average)` for pairs of an average and a value, all `f32` on one card,
/// in one launch.
///
/// # Errors
/// When a pair's shapes differ, or a tensor is not contiguous `f32` on the card.
pub fn follow(pairs: &[(&Tensor, &Tensor)], newest: f32) -> Result<()> {
    let (tensors, rows) = paired(pairs)?;
    on_table(&tensors, rows, |table, at| table.follow(at, newest))
}

/// Tensors that change, each with another one of its shape.
pub(super) fn paired(pairs: &[(&Tensor, &Tensor)]) -> Result<(Vec<Vec<Tensor>>, Vec<Row>)> {
    let mut tensors = Vec::with_capacity(pairs.len());
    for (values, other) in pairs {
        if values.dims() != other.dims() {
            bail!("{:?} does not follow {:?}", values.dims(), other.dims());
        }
        tensors.push(vec![values.detach(), other.detach().contiguous()?]);
    }
    let row =
        |(values, _): &(&Tensor, &Tensor)| Row { count: values.elem_count(), ..Row::default() };
    Ok((tensors, pairs.iter().map(row).collect()))
}

/// Launches one pass over a table: each row's tensors are what changes, the other one and the state.
pub(super) fn on_table(
    tensors: &[Vec<Tensor>],
    mut rows: Vec<Row>,
    launch: impl Fn(&Table, u64) -> super::plan::Launch,
) -> Result<()> {
    let Some(card) = addressed(tensors, &mut rows)? else { return Ok(()) };
    let table = Table::new(&rows);
    let sent = card.send(&table)?;
    card.launch(&launch(&table, sent.address(&card)))
}

/// Writes the tensors' addresses into the rows; the card, unless there are none.
pub(super) fn addressed(
    tensors: &[Vec<Tensor>],
    rows: &mut [Row],
) -> Result<Option<std::sync::Arc<Card>>> {
    let Some(first) = tensors.iter().flatten().next() else { return Ok(None) };
    let card = Card::of(first.device())?;
    for (tensors, row) in tensors.iter().zip(rows) {
        let fields = [&mut row.values, &mut row.other].into_iter().chain(&mut row.state);
        for (tensor, field) in tensors.iter().zip(fields) {
            check_type(tensor, DType::F32, "a tensor of an optimiser")?;
            if !tensor.is_contiguous() {
                bail!("an optimiser changes contiguous tensors only");
            }
            *field = card.with([tensor], |[at]| Ok(at))?;
        }
    }
    Ok(Some(card))
}

impl Slot {
    /// The state on the card, from the processor's where there is one, else zeros.
    fn on(&mut self, like: &Tensor) -> Result<&Tensor> {
        if self.card.is_none() {
            let tensor = if self.values.is_empty() {
                Tensor::zeros(like.shape(), DType::F32, like.device())?
            } else {
                Tensor::from_slice(&self.values, like.shape(), like.device())?
            };
            self.card = Some(tensor);
            self.values = Vec::new();
        }
        let Some(tensor) = &self.card else { bail!("an optimiser has lost its state") };
        Ok(tensor)
    }
}
