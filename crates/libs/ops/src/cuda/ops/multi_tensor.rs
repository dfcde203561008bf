//! Operations on many tensors in one launch: optimizer steps, moving averages, sums, norm and
//! clipping of gradients.

use crate::cuda::context::{CudaContext, check_dtype};
use crate::cuda::launch::Launch;
use crate::cuda::launch::multi_tensor::{AdamWStep, Entry, TensorTable};
use candle_core::{DType, Result, Tensor, bail};
use std::sync::Arc;

/// One parameter of an optimizer step.
pub(crate) struct OptimizerRow {
    /// The parameter, its gradient and the optimizer's state of it.
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) learning_rate: f32,
    /// For AdamW the factor `1 - learning_rate * weight_decay`.
    pub(crate) weight_decay: f32,
}

/// One step of SGD: `d = g + decay p; v = momentum v + d; p -= rate (nesterov ? d + momentum v :
/// v)`.
pub(crate) fn sgd(rows: Vec<OptimizerRow>, momentum: f32, nesterov: bool) -> Result<()> {
    MultiTensor::optimizer(rows).launch(|table, at| table.sgd(at, momentum, nesterov))
}

/// One step of AdamW.
pub(crate) fn adamw(rows: Vec<OptimizerRow>, step: &AdamWStep) -> Result<()> {
    MultiTensor::optimizer(rows).launch(|table, at| table.adamw(at, step))
}

/// `average += weight (value - average)` for pairs of an average and a value, all `f32` on one GPU.
///
/// # Errors
/// When the shapes of a pair differ, or a tensor is not contiguous `f32` on the GPU.
pub(crate) fn ema_update(pairs: &[(&Tensor, &Tensor)], weight: f32) -> Result<()> {
    MultiTensor::pairs(pairs)?.launch(|table, at| table.ema_update(at, weight))
}

/// `sum += term` for each pair.
pub(crate) fn add_all(pairs: &[(&Tensor, &Tensor)]) -> Result<()> {
    MultiTensor::pairs(pairs)?.launch(TensorTable::add)
}

/// Multiplies all gradients.
pub(crate) fn scale_all(gradients: &[&Tensor], factor: f32) -> Result<()> {
    MultiTensor::single(gradients).launch(|table, at| table.scale(at, factor, 0))
}

/// The L2 norm of all gradients; waits for the GPU.
pub(crate) fn norm(gradients: &[&Tensor]) -> Result<f64> {
    clip(gradients, f64::INFINITY)
}

/// Scales all gradients down to `max_norm`; returns the norm before. Waits for the GPU only to
/// return it.
pub(crate) fn clip(gradients: &[&Tensor], max_norm: f64) -> Result<f64> {
    let Some((context, table)) = MultiTensor::single(gradients).table()? else { return Ok(0.0) };
    let staged = context.stage(&table)?;
    let at = staged.address(&context.stream);
    let partial_sums = context.alloc::<f64>(table.blocks())?;
    let (norm, factor) = (context.alloc::<f64>(1)?, context.alloc::<f32>(1)?);
    context.launch(&table.sum_squares(at, partial_sums.address))?;
    context.launch(&table.norm([norm.address, factor.address, partial_sums.address], max_norm))?;
    if max_norm.is_finite() {
        context.launch(&table.scale(at, 1.0, factor.address))?;
    }
    norm.into_tensor(()).to_scalar()
}

/// Tensors of one launch: in each row what is updated, the other operand and optimizer state.
#[derive(Default)]
struct MultiTensor {
    rows: Vec<Vec<Tensor>>,
    entries: Vec<Entry>,
}

impl MultiTensor {
    fn push(&mut self, row: Vec<Tensor>, entry: Entry) {
        self.entries.push(Entry { count: row[0].elem_count(), ..entry });
        self.rows.push(row);
    }

    fn optimizer(rows: Vec<OptimizerRow>) -> Self {
        let mut all = Self::default();
        for OptimizerRow { tensors, learning_rate, weight_decay } in rows {
            all.push(tensors, Entry { learning_rate, weight_decay, ..Entry::default() });
        }
        all
    }

    fn single(tensors: &[&Tensor]) -> Self {
        let mut all = Self::default();
        for tensor in tensors {
            all.push(vec![tensor.detach()], Entry::default());
        }
        all
    }

    fn pairs(pairs: &[(&Tensor, &Tensor)]) -> Result<Self> {
        let mut all = Self::default();
        for (values, other) in pairs {
            if values.dims() != other.dims() {
                bail!("a pair of tensors has shapes {:?} and {:?}", values.dims(), other.dims());
            }
            all.push(vec![values.detach(), other.detach().contiguous()?], Entry::default());
        }
        Ok(all)
    }

    /// The table with the addresses of the tensors; `None` without tensors.
    fn table(&self) -> Result<Option<(Arc<CudaContext>, TensorTable)>> {
        let Some(first) = self.rows.iter().flatten().next() else { return Ok(None) };
        let context = CudaContext::of(first.device())?;
        let mut entries = self.entries.clone();
        for (row, entry) in self.rows.iter().zip(&mut entries) {
            let fields = [&mut entry.values, &mut entry.other].into_iter().chain(&mut entry.state);
            for (tensor, field) in row.iter().zip(fields) {
                check_dtype(tensor, DType::F32, "a tensor of an optimizer")?;
                if !tensor.is_contiguous() {
                    bail!("optimizers update contiguous tensors only");
                }
                *field = context.with_addresses([tensor], |[at]| Ok(at))?;
            }
        }
        Ok(Some((context, TensorTable::new(&entries))))
    }

    fn launch(&self, launch: impl Fn(&TensorTable, u64) -> Launch) -> Result<()> {
        let Some((context, table)) = self.table()? else { return Ok(()) };
        let staged = context.stage(&table)?;
        context.launch(&launch(&table, staged.address(&context.stream)))
    }
}
