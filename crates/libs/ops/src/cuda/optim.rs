//! Steps of the optimisers, and averages: one launch for all parameters.

use super::card::Card;
use super::memory::check_type;
use super::plan::table::{Row, Table};
use candle_core::{DType, Result, Tensor, bail};

/// What a step of an optimizer changes: a parameter, with its gradient and then its state.
pub(crate) struct OptimizerRow {
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) rate: f32,
    pub(crate) decay: f32,
}

/// `d = g + decay p; v = momentum v + d; p -= rate …`.
pub(crate) fn sgd(rows: Vec<OptimizerRow>, momentum: f32, nesterov: bool) -> Result<()> {
    stepped(rows, |table, at| table.sgd(at, momentum, nesterov))
}

/// A step of Adam; `coefficients` are `[beta1, beta2, 1 - beta1, 1 - beta2, root, eps]`.
pub(crate) fn adamw(rows: Vec<OptimizerRow>, coefficients: [f32; 6]) -> Result<()> {
    stepped(rows, |table, at| table.adamw(at, coefficients))
}

fn stepped(
    rows: Vec<OptimizerRow>,
    launch: impl Fn(&Table, u64) -> super::plan::Launch,
) -> Result<()> {
    let (mut tensors, mut table_rows) = (Vec::new(), Vec::new());
    for OptimizerRow { tensors: row, rate, decay } in rows {
        table_rows.push(Row { count: row[0].elem_count(), rate, decay, ..Row::default() });
        tensors.push(row);
    }
    on_table(&tensors, table_rows, launch)
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
