//! The kernels, run on the processor against the operations of the processor.
//!
//! A C++ compiler builds the very sources that a card gets; each launch comes from `plan`, as on a
//! card. Outputs are NaN beforehand and stand between NaNs, so that a value that is not written or
//! one that is written beyond the end is seen. Each launch runs twice, threads in rising and in
//! falling order, and must give the same bits: nothing hangs on the order of threads.

mod activations;
mod buffer;
mod compiled;
mod convolution;
mod head;
mod norm;
mod optimisers;
mod pool;

use super::plan::{Argument, Launch, Real};
use buffer::Buffer;
use candle_core::{Device, Tensor, Var};
use compiled::program;

/// Runs `test` for both kinds of activations, if there is a compiler.
fn for_each_real(test: impl Fn(Real)) {
    if program(Real::F32).is_some() {
        Real::ALL.into_iter().for_each(test);
    }
}

/// Runs a launch whose pointers are addresses in this process, in falling order of threads and then
/// in rising order; `outputs` must come out alike. They are all that the launch writes to.
fn run(launch: &Launch, outputs: &mut [&mut Buffer]) {
    let before: Vec<Vec<u8>> = outputs.iter().map(|output| output.bytes().to_vec()).collect();
    once(launch, true);
    let falling: Vec<Vec<u8>> = outputs.iter().map(|output| output.bytes().to_vec()).collect();
    for (output, before) in outputs.iter_mut().zip(&before) {
        output.restore(before);
    }
    once(launch, false);
    for (output, falling) in outputs.iter().zip(&falling) {
        assert!(output.bytes() == falling, "{} hangs on the order of threads", launch.kernel);
        output.check_margins(launch.kernel);
    }
}

fn once(launch: &Launch, is_falling: bool) {
    let program = program(launch.real).expect("there is a compiler, as the test has asked before");
    let kinds: String = launch
        .arguments
        .iter()
        .map(|argument| match argument {
            Argument::Pointer(_) => 'p',
            Argument::Integer(_) => 'i',
            Argument::Single(_) => 'f',
            Argument::Double(_) => 'd',
        })
        .collect();
    assert_eq!(launch.block[0] * launch.block[1], 256, "{launch:?}");
    let [[gx, gy], [bx, by]] = [launch.grid, launch.block];
    let sizes = [gx, gy, bx, by, is_falling.into()];
    match program.run(launch.kernel, &kinds, &sizes, &launch.arguments) {
        0 => {}
        1 => panic!("no kernel {}", launch.kernel),
        2 => panic!("{} takes other arguments than {kinds}", launch.kernel),
        _ => panic!("the threads of {} part at a barrier", launch.kernel),
    }
}

/// Numbers in [-0.5, 0.5) from a seed.
fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(u16::try_from(state >> 48).unwrap()) / 65536.0 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

/// On the processor.
fn vector(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The gradients of `vars` where that of `y` is `dy`.
fn gradients<const N: usize>(y: &Tensor, dy: &[f32], vars: [&Var; N]) -> [Vec<f32>; N] {
    let weights = vector(dy, y.dims());
    let gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    vars.map(|var| flat(gradients.get(var).unwrap()))
}

/// A variable of what a buffer of activations holds.
fn variable(real: Real, buffer: &Buffer, shape: &[usize]) -> Var {
    Var::from_tensor(&vector(&buffer.as_reals(real), shape)).unwrap()
}

/// Refuses values that differ by more than 1e-4 of the largest, or, in bf16, by more than 1e-2 of
/// all values' length; NaN differs from everything.
fn assert_close(real: Real, what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let pairs = || got.iter().zip(expected).map(|(g, e)| (f64::from(*g), f64::from(*e)));
    let error = match real {
        Real::F32 => {
            let largest = pairs().fold(1e-30_f64, |most, (_, e)| most.max(e.abs()));
            let worst = pairs()
                .map(|(g, e)| (g - e).abs())
                .fold(0.0_f64, |most, d| if d.is_nan() { f64::INFINITY } else { most.max(d) });
            worst / largest
        }
        Real::Bf16 => {
            let length = pairs().map(|(_, e)| e * e).sum::<f64>().max(1e-60);
            (pairs().map(|(g, e)| (g - e).powi(2)).sum::<f64>() / length).sqrt()
        }
    };
    let most = if real == Real::F32 { 1e-4 } else { 1e-2 };
    assert!(error <= most, "{what}: error {error:e} of at most {most:e} in {real:?}");
}
