//! Gamma and beta as one tensor, because a candle operation takes three at most.

use crate::tensor::{tensor, values, with_values};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

const NAME: &str = "join";

/// `[C]` and `[C]` to `[2 C]`.
pub(super) struct Join;

impl CustomOp2 for Join {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let joined = [values(a, a_layout, NAME)?, values(b, b_layout, NAME)?].concat();
        let len = joined.len();
        Ok((CpuStorage::F32(joined), len.into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        with_values(dy, NAME, |dy| {
            let (da, db) = dy.split_at(a.elem_count());
            Ok((Some(tensor(da.to_vec(), a)?), Some(tensor(db.to_vec(), b)?)))
        })?
    }
}
