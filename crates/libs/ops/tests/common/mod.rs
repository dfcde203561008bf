//! Naive references in f64 and helpers shared by the test files.
#![expect(dead_code, reason = "each test file uses its own part")]

use candle_core::{Device, Result, Tensor, Var};
use hpa_ops::Conv2d;
use proptest::prelude::*;

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
    /// From `[n, h, w, c_in, c_out]`, `[kh, kw]` and `[stride, padding, groups]`.
    pub(crate) fn new(sizes: [usize; 5], kernel: [usize; 2], spec: [usize; 3]) -> Self {
        let [n, h, w, c_in, c_out] = sizes;
        let ([kh, kw], [stride, padding, groups]) = (kernel, spec);
        Self { n, h, w, c_in, c_out, kh, kw, stride, padding, groups }
    }

    /// A 1x1 convolution.
    pub(crate) fn pointwise([n, h, w]: [usize; 3], [c_in, c_out]: [usize; 2]) -> Self {
        Self::new([n, h, w, c_in, c_out], [1, 1], [1, 0, 1])
    }

    pub(crate) fn spec(&self) -> Conv2d {
        Conv2d { stride: self.stride, padding: self.padding, groups: self.groups }
    }

    /// Whether the kernel fits into the padded image.
    pub(crate) fn fits(&self) -> bool {
        self.h + 2 * self.padding >= self.kh && self.w + 2 * self.padding >= self.kw
    }

    /// Errors of the output and of both gradients of `conv(x, w)` against the definition on operands
    /// after `round`.
    pub(crate) fn errors(
        &self,
        conv: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        round: impl Fn(f32) -> f32,
    ) -> [f64; 3] {
        let (x, w) = (var(&self.x(), 1), var(&self.weight(), 2));
        let dy = tensor(&self.y(), 3);
        let y = conv(&x, &w).unwrap();
        assert_eq!(y.dims(), self.y());
        let gradients = y.mul(&dy).unwrap().sum_all().unwrap().backward().unwrap();
        let [rx, rw, rdy] = [x.as_tensor(), w.as_tensor(), &dy]
            .map(|t| values(t).into_iter().map(&round).collect::<Vec<f32>>());
        let expected = reference(self, &rx, &rw, &rdy);
        let got = [&y, gradients.get(&x).unwrap(), gradients.get(&w).unwrap()];
        std::array::from_fn(|i| error(&values(got[i]), &expected[i]))
    }

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

/// Groups, input channels and output channels: two groups, four, or one per channel (depthwise, with
/// one or two outputs each).
pub(crate) fn grouped_channels() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![
        (prop::sample::select(vec![2_usize, 4]), 1_usize..13, 1_usize..13)
            .prop_map(|(groups, i, o)| [groups, groups * i, groups * o]),
        (2_usize..70, 1_usize..3).prop_map(|(c, multiplier)| [c, c, c * multiplier]),
    ]
}

/// Runs `run` on thread pools of 1, 2 and 3 threads and requires equal bits.
pub(crate) fn assert_same_for_any_threads<T: PartialEq + Send>(run: impl Fn() -> T + Sync) {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&run)
    };
    let one = with(1);
    assert!(one == with(2) && one == with(3), "the bits depend on the number of threads");
}
