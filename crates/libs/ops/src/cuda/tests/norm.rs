//! `kernels/norm.cu` and `kernels/norm_backward.cu` against the operation of the processor.

use super::{Buffer, assert_close, flat, for_each_real, gradients, numbers, run, variable, vector};
use crate::cuda::plan::Real;
use crate::cuda::plan::norm::{Norm, SAVED};
use crate::{BatchNormEval, RunningStatistics, batch_norm_eval, batch_norm_train};
use candle_core::{Tensor, Var};

const EPS: f64 = 1e-5;

/// Shapes of every route: channels that pack and that do not, few and many rows, one row of blocks
/// and several parts.
const SHAPES: [[usize; 4]; 7] = [
    [2, 3, 5, 3],
    [1, 2, 1, 1],
    [2, 9, 11, 8],
    [3, 7, 7, 64],
    [1, 40, 40, 16],
    [2, 5, 4, 130],
    [1, 3, 3, 264],
];

struct Case {
    real: Real,
    shape: [usize; 4],
    x: Buffer,
    residual: Option<Buffer>,
    affine: Buffer,
    relu: bool,
}

impl Case {
    fn new(real: Real, shape: [usize; 4], residual: bool, relu: bool) -> Self {
        let (count, channels) = (shape.iter().product(), shape[3]);
        // A mean of some deviations, another one in each channel.
        let offset = |i: usize| (i % channels) as f32 * 0.1 - 1.0;
        let x: Vec<f32> =
            numbers(count, 1).iter().enumerate().map(|(i, v)| v + offset(i)).collect();
        let affine: Vec<f32> = numbers(2 * channels, 2).iter().map(|v| v + 0.7).collect();
        Self {
            real,
            shape,
            x: Buffer::from_reals(real, &x),
            residual: residual.then(|| Buffer::from_reals(real, &numbers(count, 3))),
            affine: Buffer::from_floats(&affine),
            relu,
        }
    }

    fn count(&self) -> usize {
        self.shape.iter().product()
    }

    fn channels(&self) -> usize {
        self.shape[3]
    }

    fn norm(&self, pointers: &[u64]) -> Norm {
        Norm::new(self.real, self.count() / self.channels(), self.channels(), pointers)
    }

    /// Gamma, beta, the input and the residual, as variables of the processor.
    fn variables(&self) -> ([Var; 3], Option<Var>) {
        let affine = self.affine.as_floats();
        let (gamma, beta) = affine.split_at(self.channels());
        let [gamma, beta] =
            [gamma, beta].map(|v| Var::from_tensor(&vector(v, &[v.len()])).unwrap());
        let of = |buffer: &Buffer| variable(self.real, buffer, &self.shape);
        ([gamma, beta, of(&self.x)], self.residual.as_ref().map(of))
    }

    /// The output of the forward pass, from what `statistics` saves.
    fn forward(&self, statistics: impl FnOnce(&Norm, &mut Buffer)) -> [Buffer; 2] {
        let mut saved = Buffer::floats(SAVED * self.channels());
        let mut y = Buffer::reals(self.real, self.count());
        let residual = self.residual.as_ref().map_or(0, Buffer::address);
        let norm = self.norm(&[self.x.address(), y.address(), residual]);
        statistics(&norm, &mut saved);
        let at = [y.address(), self.x.address(), residual];
        run(&norm.apply(at, saved.address(), self.relu), &mut [&mut y]);
        [y, saved]
    }

    /// The batch's own statistics.
    fn own(&self, norm: &Norm, saved: &mut Buffer) {
        let mut parts = Buffer::floats(norm.parts() * 2 * self.channels());
        run(&norm.moments(self.x.address(), parts.address()), &mut [&mut parts]);
        let at = [saved.address(), parts.address(), self.affine.address()];
        run(&norm.statistics(at, EPS), &mut [saved]);
    }

    /// The gradients of gamma and beta, the input and the residual.
    fn backward(&self, [y, saved]: &[Buffer; 2], dy: &Buffer, own: bool) -> [Vec<f32>; 3] {
        let (channels, real) = (self.channels(), self.real);
        let mut dx = Buffer::reals(real, self.count());
        let mut dr = self.residual.as_ref().map(|_| Buffer::reals(real, self.count()));
        let to = [dx.address(), dr.as_ref().map_or(0, Buffer::address)];
        let at = [self.x.address(), y.address(), dy.address()];
        let norm = self.norm(&[to, [at[0], at[1]], [at[2], 0]].concat());
        let mut parts = Buffer::floats(norm.parts() * 2 * channels);
        let [mut slopes, mut daffine] = [3, 2].map(|k| Buffer::floats(k * channels));
        run(&norm.sums(at, [saved.address(), parts.address()], self.relu), &mut [&mut parts]);
        let vectors = [&slopes, &daffine, &parts, saved, &self.affine].map(Buffer::address);
        run(&norm.slopes(vectors, own), &mut [&mut slopes, &mut daffine]);
        let launch = norm.gradients(to, at, slopes.address(), self.relu);
        match &mut dr {
            Some(dr) => run(&launch, &mut [&mut dx, dr]),
            None => run(&launch, &mut [&mut dx]),
        }
        let dr = dr.map_or_else(Vec::new, |dr| dr.as_reals(real));
        [daffine.as_floats(), dx.as_reals(real), dr]
    }

    /// Compares both passes with an output of the processor and what it depends on.
    fn check(
        &self,
        forward: &[Buffer; 2],
        y: &Tensor,
        variables: &([Var; 3], Option<Var>),
        own: bool,
    ) {
        let what = |name| format!("{name} of {:?}, relu {}", self.shape, self.relu);
        assert_close(self.real, &what("y"), &forward[0].as_reals(self.real), &flat(y));
        let dy = Buffer::from_reals(self.real, &numbers(self.count(), 4));
        let ([gamma, beta, x], residual) = variables;
        let [dgamma, dbeta, dx, dr] =
            gradients(y, &dy.as_reals(self.real), [gamma, beta, x, residual.as_ref().unwrap_or(x)]);
        let [affine_gradient, got_dx, residual_gradient] = self.backward(forward, &dy, own);
        assert_close(self.real, &what("daffine"), &affine_gradient, &[dgamma, dbeta].concat());
        // A batch of two values per channel has hardly any gradient: that is all rounding.
        let of = if self.count() == 2 * self.channels() { &dr } else { &dx };
        if self.count() > 2 * self.channels() {
            assert_close(self.real, &what("dx"), &got_dx, of);
        }
        assert!(got_dx.iter().all(|v| v.is_finite()), "{}", what("dx"));
        if residual.is_some() {
            assert_close(self.real, &what("dr"), &residual_gradient, &dr);
        }
    }
}

fn for_each_case(real: Real, test: impl Fn(Case)) {
    for shape in SHAPES {
        for (residual, relu) in [(false, false), (false, true), (true, true), (true, false)] {
            test(Case::new(real, shape, residual, relu));
        }
    }
}

#[test]
fn training_with_the_batchs_statistics_is_that_of_the_processor() {
    for_each_real(|real| {
        for_each_case(real, |case| {
            let variables = case.variables();
            let ([gamma, beta, x], residual) = &variables;
            let residual = residual.as_ref().map(Var::as_tensor);
            let (y, batch) = batch_norm_train(x, (gamma, beta), residual, case.relu, EPS).unwrap();
            let forward = case.forward(|norm, saved| case.own(norm, saved));
            let (saved, c) = (forward[1].as_floats(), case.channels());
            assert_close(Real::F32, "mean", &saved[..c], &flat(&batch.mean));
            let variance = &saved[2 * c..3 * c];
            assert_close(Real::F32, "variance", variance, &flat(&batch.variance_unbiased));
            case.check(&forward, &y, &variables, true);
        });
    });
}

#[test]
fn normalising_with_fixed_statistics_is_that_of_the_processor() {
    for_each_real(|real| {
        for_each_case(real, |case| {
            let c = case.channels();
            let (mean, variance) = (numbers(c, 5), numbers(c, 6));
            let variance: Vec<f32> = variance.iter().map(|v| v + 0.9).collect();
            let variables = case.variables();
            let ([weight, bias, x], residual) = &variables;
            let (m, v) = (vector(&mean, &[c]), vector(&variance, &[c]));
            let arguments = BatchNormEval {
                weight,
                bias,
                statistics: RunningStatistics { mean: &m, variance: &v },
                residual: residual.as_ref().map(Var::as_tensor),
                relu: case.relu,
                eps: EPS,
            };
            let y = batch_norm_eval(x, &arguments).unwrap();
            let [mean, variance] = [mean, variance].map(|v| Buffer::from_floats(&v));
            let forward = case.forward(|norm, saved| {
                let affine = case.affine.address();
                let at = [saved.address(), mean.address(), variance.address(), affine];
                run(&norm.fixed(at, EPS), &mut [saved]);
            });
            case.check(&forward, &y, &variables, false);
        });
    });
}

#[test]
fn a_bias_a_residual_and_the_rectifier_behind_a_convolution_are_added_in_place() {
    for_each_real(|real| {
        for_each_case(real, |case| {
            let bias = &case.affine.as_floats()[..case.channels()];
            let residual = case.residual.as_ref().map(|buffer| buffer.as_reals(real));
            let x = case.x.as_reals(real);
            let value = |(place, x): (usize, &f32)| {
                let more = residual.as_ref().map_or(0.0, |values| values[place]);
                let value = x + bias[place % bias.len()] + more;
                if case.relu { value.max(0.0) } else { value }
            };
            let expected: Vec<f32> = x.iter().enumerate().map(value).collect();
            let mut y = Buffer::from_bytes(case.x.bytes());
            let at = [y.address(), y.address(), case.residual.as_ref().map_or(0, Buffer::address)];
            let launch = case.norm(&at).shift(at, case.affine.address(), case.relu);
            run(&launch, &mut [&mut y]);
            assert_close(real, "y", &y.as_reals(real), &expected);
        });
    });
}

#[test]
fn a_large_mean_does_not_eat_the_variance() {
    for_each_real(|real| {
        let mut case = Case::new(Real::F32, [4, 16, 16, 12], false, false);
        let x: Vec<f32> = numbers(case.count(), 9).iter().map(|v| v + 1000.0).collect();
        case.x = Buffer::from_floats(&x);
        let ([gamma, beta, x], _) = case.variables();
        let (y, _) = batch_norm_train(&x, (&gamma, &beta), None, false, EPS).unwrap();
        let [got, _] = case.forward(|norm, saved| case.own(norm, saved));
        let got = got.as_floats();
        let worst = got.iter().zip(flat(&y)).map(|(a, b)| (a - b).abs());
        // One bit of 1000 is 6e-5, and the deviation 0.3.
        assert!(worst.fold(0.0, f32::max) < 1e-3, "{real:?}");
    });
}
