//! Naive references in f64 and helpers that several test files share.
#![expect(dead_code, reason = "each test file uses its own part")]

use candle_core::{Device, Tensor, Var};

/// Numbers in [-0.5, 0.5) from a seed.
pub(crate) fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f32::from(u16::try_from(state >> 16).unwrap()) / 65536.0 - 0.5
        })
        .collect()
}

pub(crate) fn tensor(shape: &[usize], seed: u32) -> Tensor {
    Tensor::from_vec(numbers(shape.iter().product(), seed), shape, &Device::Cpu).unwrap()
}

pub(crate) fn var(shape: &[usize], seed: u32) -> Var {
    Var::from_tensor(&tensor(shape, seed)).unwrap()
}

pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The bits, for comparisons that must be exact.
pub(crate) fn bits(tensor: &Tensor) -> Vec<u32> {
    values(tensor).into_iter().map(f32::to_bits).collect()
}

/// The largest difference, relative to the largest expected magnitude.
pub(crate) fn error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e).abs());
    // A NaN must not hide behind `max`.
    worst.fold(0.0_f64, |m, d| if d.is_nan() { f64::NAN } else { m.max(d) }) / scale
}

/// A convolution's sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    pub(crate) kh: usize,
    pub(crate) kw: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) groups: usize,
}

impl Case {
    pub(crate) fn x(&self) -> [usize; 4] {
        [self.n, self.h, self.w, self.c_in]
    }
    pub(crate) fn weight(&self) -> [usize; 4] {
        [self.c_out, self.c_in / self.groups, self.kh, self.kw]
    }
    pub(crate) fn y(&self) -> [usize; 4] {
        let side = |s: usize, k: usize| (s + 2 * self.padding - k) / self.stride + 1;
        [self.n, side(self.h, self.kh), side(self.w, self.kw), self.c_out]
    }
    /// Calls `visit(x index, w index, y index)` for every product of the convolution.
    pub(crate) fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [_, oh, ow, _] = self.y();
        let (gi, go) = (self.c_in / self.groups, self.c_out / self.groups);
        for n in 0..self.n {
            for oy in 0..oh {
                for ox in 0..ow {
                    for ky in 0..self.kh {
                        for kx in 0..self.kw {
                            let (y, x) = (oy * self.stride + ky, ox * self.stride + kx);
                            if y < self.padding || x < self.padding {
                                continue;
                            }
                            let (y, x) = (y - self.padding, x - self.padding);
                            if y >= self.h || x >= self.w {
                                continue;
                            }
                            for o in 0..self.c_out {
                                for i in 0..gi {
                                    let xi = ((n * self.h + y) * self.w + x) * self.c_in
                                        + o / go * gi
                                        + i;
                                    let wi = ((o * gi + i) * self.kh + ky) * self.kw + kx;
                                    visit(xi, wi, ((n * oh + oy) * ow + ox) * self.c_out + o);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `y`, `dx`, `dw` of a convolution in f64.
pub(crate) fn reference(case: &Case, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
    let (mut y, mut dx, mut dw) = (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    case.products(|xi, wi, yi| {
        y[yi] += f64::from(x[xi]) * f64::from(w[wi]);
        dx[xi] += f64::from(dy[yi]) * f64::from(w[wi]);
        dw[wi] += f64::from(dy[yi]) * f64::from(x[xi]);
    });
    [y, dx, dw]
}
