//! The kernels of `kernels/norm.cu` and `kernels/norm_backward.cu`.

use super::{
    Buffer, assert_close, flat, for_each_dtype, gradients, random, run, run_into, tensor, variable,
};
use crate::cuda::launch::ActDtype;
use crate::cuda::launch::norm::{Norm, STATISTICS};
use crate::{BatchNormEval, RunningStatistics, batch_norm_eval, batch_norm_train};
use candle_core::{Tensor, Var};

const EPS: f64 = 1e-5;

/// Channels that allow vector loads and that do not, few and many rows, one slice and several.
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
    dtype: ActDtype,
    shape: [usize; 4],
    x: Buffer,
    residual: Option<Buffer>,
    affine: Buffer,
    relu: bool,
}

impl Case {
    fn new(dtype: ActDtype, shape: [usize; 4], residual: bool, relu: bool) -> Self {
        let (count, channels) = (shape.iter().product(), shape[3]);
        // The mean is several standard deviations and differs between channels.
        let offset = |i: usize| (i % channels) as f32 * 0.1 - 1.0;
        let x: Vec<f32> = random(count, 1).iter().enumerate().map(|(i, v)| v + offset(i)).collect();
        let affine: Vec<f32> = random(2 * channels, 2).iter().map(|v| v + 0.7).collect();
        Self {
            dtype,
            shape,
            x: Buffer::from_act(dtype, &x),
            residual: residual.then(|| Buffer::from_act(dtype, &random(count, 3))),
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
        Norm::new(self.dtype, self.count() / self.channels(), self.channels(), pointers)
    }

    /// Gamma, beta, the input and the residual, as variables on the CPU.
    fn variables(&self) -> ([Var; 3], Option<Var>) {
        let affine = self.affine.f32_values();
        let (gamma, beta) = affine.split_at(self.channels());
        let [gamma, beta] = [gamma, beta].map(|values| variable(values, &[values.len()]));
        let of = |buffer: &Buffer| variable(&buffer.act_values(self.dtype), &self.shape);
        ([gamma, beta, of(&self.x)], self.residual.as_ref().map(of))
    }

    /// The output of the forward pass and the statistics, which `statistics` computes.
    fn forward(&self, statistics: impl FnOnce(&Norm, Buffer) -> Buffer) -> [Buffer; 2] {
        let y = Buffer::act(self.dtype, self.count());
        let residual = self.residual.as_ref().map_or(0, Buffer::address);
        let at = [y.address(), self.x.address(), residual];
        let norm = self.norm(&at);
        let statistics = statistics(&norm, Buffer::floats(STATISTICS * self.channels()));
        let y = run_into(y, |_| norm.apply(at, statistics.address(), self.relu));
        [y, statistics]
    }

    /// The statistics of the batch.
    fn batch_statistics(&self, norm: &Norm, to: Buffer) -> Buffer {
        let partials = run_into(Buffer::floats(norm.partials()), |partials| {
            norm.moments(self.x.address(), partials)
        });
        run_into(to, |to| norm.statistics([to, partials.address(), self.affine.address()], EPS))
    }

    /// The gradients of gamma and beta, the input and the residual.
    fn backward(
        &self,
        [y, statistics]: &[Buffer; 2],
        dy: &Buffer,
        training: bool,
    ) -> [Vec<f32>; 3] {
        let (channels, dtype) = (self.channels(), self.dtype);
        let mut dx = Buffer::act(dtype, self.count());
        let mut dr = self.residual.as_ref().map(|_| Buffer::act(dtype, self.count()));
        let to = [dx.address(), dr.as_ref().map_or(0, Buffer::address)];
        let at = [&self.x, y, dy].map(Buffer::address);
        let norm = self.norm(&[to, [at[0], at[1]], [at[2], 0]].concat());
        let partials = run_into(Buffer::floats(norm.partials()), |partials| {
            norm.grad_sums(at, [statistics.address(), partials], self.relu)
        });
        let [mut coefficients, mut daffine] = [3, 2].map(|k| Buffer::floats(k * channels));
        let vectors =
            [&coefficients, &daffine, &partials, statistics, &self.affine].map(Buffer::address);
        let launch = norm.grad_coefficients(vectors, training);
        run(&launch, &mut [&mut coefficients, &mut daffine]);
        let launch = norm.input_grad(to, at, coefficients.address(), self.relu);
        match &mut dr {
            Some(dr) => run(&launch, &mut [&mut dx, dr]),
            None => run(&launch, &mut [&mut dx]),
        }
        let dr = dr.map_or_else(Vec::new, |dr| dr.act_values(dtype));
        [daffine.f32_values(), dx.act_values(dtype), dr]
    }

    /// Compares both passes with an output on the CPU and the gradients of its variables.
    fn check(
        &self,
        forward: &[Buffer; 2],
        y: &Tensor,
        variables: &([Var; 3], Option<Var>),
        training: bool,
    ) {
        let what = |name| format!("{name} of {:?}, relu {}", self.shape, self.relu);
        assert_close(self.dtype, &what("y"), &forward[0].act_values(self.dtype), &flat(y));
        let dy = Buffer::from_act(self.dtype, &random(self.count(), 4));
        let ([gamma, beta, x], residual) = variables;
        let [dgamma, dbeta, dx, dr] = gradients(
            y,
            &dy.act_values(self.dtype),
            [gamma, beta, x, residual.as_ref().unwrap_or(x)],
        );
        let [affine_gradient, got_dx, residual_gradient] = self.backward(forward, &dy, training);
        assert_close(self.dtype, &what("daffine"), &affine_gradient, &[dgamma, dbeta].concat());
        // With two values per channel the gradient is near 0: the difference is rounding.
        if self.count() > 2 * self.channels() {
            assert_close(self.dtype, &what("dx"), &got_dx, &dx);
        }
        assert!(got_dx.iter().all(|v| v.is_finite()), "{}", what("dx"));
        if residual.is_some() {
            assert_close(self.dtype, &what("dr"), &residual_gradient, &dr);
        }
    }
}

fn for_each_case(dtype: ActDtype, test: impl Fn(Case)) {
    for shape in SHAPES {
        for (residual, relu) in [(false, false), (false, true), (true, true), (true, false)] {
            test(Case::new(dtype, shape, residual, relu));
        }
    }
}

#[test]
fn training_mode_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for_each_case(dtype, |case| {
            let variables = case.variables();
            let ([gamma, beta, x], residual) = &variables;
            let residual = residual.as_ref().map(Var::as_tensor);
            let (y, batch) = batch_norm_train(x, (gamma, beta), residual, case.relu, EPS).unwrap();
            let forward = case.forward(|norm, to| case.batch_statistics(norm, to));
            let (saved, c) = (forward[1].f32_values(), case.channels());
            assert_close(ActDtype::F32, "mean", &saved[..c], &flat(&batch.mean));
            let variance = &saved[2 * c..3 * c];
            assert_close(ActDtype::F32, "variance", variance, &flat(&batch.variance_unbiased));
            case.check(&forward, &y, &variables, true);
        });
    });
}

#[test]
fn evaluation_mode_matches_the_cpu() {
    for_each_dtype(|dtype| {
        for_each_case(dtype, |case| {
            let c = case.channels();
            let (mean, variance) = (random(c, 5), random(c, 6));
            let variance: Vec<f32> = variance.iter().map(|v| v + 0.9).collect();
            let variables = case.variables();
            let ([weight, bias, x], residual) = &variables;
            let (m, v) = (tensor(&mean, &[c]), tensor(&variance, &[c]));
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
            let [mean_at, variance_at, affine] =
                [&mean, &variance, &case.affine].map(Buffer::address);
            let forward = case.forward(|norm, to| {
                run_into(to, |to| norm.fixed_statistics([to, mean_at, variance_at, affine], EPS))
            });
            case.check(&forward, &y, &variables, false);
        });
    });
}

#[test]
fn bias_residual_and_relu_are_applied_in_place() {
    for_each_dtype(|dtype| {
        for_each_case(dtype, |case| {
            let bias = &case.affine.f32_values()[..case.channels()];
            let residual = case.residual.as_ref().map(|buffer| buffer.act_values(dtype));
            let x = case.x.act_values(dtype);
            let value = |(index, x): (usize, &f32)| {
                let residual = residual.as_ref().map_or(0.0, |values| values[index]);
                let value = x + bias[index % bias.len()] + residual;
                if case.relu { value.max(0.0) } else { value }
            };
            let expected: Vec<f32> = x.iter().enumerate().map(value).collect();
            let residual = case.residual.as_ref().map_or(0, Buffer::address);
            let y = run_into(Buffer::from_bytes(case.x.bytes()), |y| {
                let at = [y, y, residual];
                case.norm(&at).add_bias(at, case.affine.address(), case.relu)
            });
            assert_close(dtype, "y", &y.act_values(dtype), &expected);
        });
    });
}

#[test]
fn a_large_mean_does_not_cancel_the_variance() {
    for_each_dtype(|dtype| {
        let mut case = Case::new(ActDtype::F32, [4, 16, 16, 12], false, false);
        let x: Vec<f32> = random(case.count(), 9).iter().map(|v| v + 1000.0).collect();
        case.x = Buffer::from_floats(&x);
        let ([gamma, beta, x], _) = case.variables();
        let (y, _) = batch_norm_train(&x, (&gamma, &beta), None, false, EPS).unwrap();
        let [got, _] = case.forward(|norm, to| case.batch_statistics(norm, to));
        let got = got.f32_values();
        let worst = got.iter().zip(flat(&y)).map(|(a, b)| (a - b).abs());
        // The last bit of 1000 is 6e-5, the standard deviation 0.3.
        assert!(worst.fold(0.0, f32::max) < 1e-3, "{dtype:?}");
    });
}
