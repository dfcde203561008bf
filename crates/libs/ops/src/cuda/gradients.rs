//! Sums of gradients, their length and their clipping: one launch for all of them.

use super::memory::Output;
use super::optim::{addressed, on_table, paired};
use super::plan::table::{Row, Table};
use candle_core::{Result, Tensor};

/// `sum += term` for each pair.
pub(crate) fn add_all(pairs: &[(&Tensor, &Tensor)]) -> Result<()> {
    let (tensors, rows) = paired(pairs)?;
    on_table(&tensors, rows, Table::add)
}

/// Multiplies all of them.
pub(crate) fn scale_all(gradients: &[&Tensor], factor: f32) -> Result<()> {
    let (tensors, rows) = singles(gradients);
    on_table(&tensors, rows, |table, at| table.scale(at, factor, 0))
}

/// The Euclidean length of all of them; the card is waited for.
pub(crate) fn norm(gradients: &[&Tensor]) -> Result<f64> {
    clip(gradients, f64::INFINITY)
}

/// Shortens them to `most`; their length before. Found and applied on the card, which is waited for
/// only at the end, for the length.
pub(crate) fn clip(gradients: &[&Tensor], most: f64) -> Result<f64> {
    let (tensors, mut rows) = singles(gradients);
    let Some(card) = addressed(&tensors, &mut rows)? else { return Ok(0.0) };
    let table = Table::new(&rows);
    let sent = card.send(&table)?;
    let at = sent.address(&card);
    let (parts, factor) = (card.room::<f64>(table.blocks())?, card.room::<f32>(1)?);
    let length: Output = card.room::<f64>(1)?;
    card.launch(&table.squares(at, parts.address))?;
    card.launch(&table.length([length.address, factor.address, parts.address], most))?;
    if most.is_finite() {
        card.launch(&table.scale(at, 1.0, factor.address))?;
    }
    length.tensor(()).to_scalar()
}

fn singles(gradients: &[&Tensor]) -> (Vec<Vec<Tensor>>, Vec<Row>) {
    let row = |g: &&Tensor| Row { count: g.elem_count(), ..Row::default() };
    let tensors = gradients.iter().map(|gradient| vec![gradient.detach()]).collect();
    (tensors, gradients.iter().map(row).collect())
}
