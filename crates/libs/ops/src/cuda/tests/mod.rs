//! The kernels on the emulated GPU against the operations on the CPU.
//!
//! The launches are those of a GPU. Outputs are NaN beforehand and lie between guard bytes, so
//! values that are not written and writes out of bounds show. Every launch runs twice, with threads
//! in ascending and in descending order, and must give the same bits.

mod buffer;
mod conv;
mod linear_loss;
mod multi_tensor;
mod norm;
mod pointwise;
mod pool;

use super::emulator::{Emulator, ThreadOrder};
use super::launch::{ActDtype, Launch, Program};
use buffer::Buffer;
use candle_core::{Device, Tensor, Var};

/// Runs `test` for both types of activations, unless there is no compiler.
fn for_each_dtype(test: impl Fn(ActDtype)) {
    for dtype in [ActDtype::F32, ActDtype::Bf16] {
        if Emulator::of(Program::Ops(dtype)).is_some() {
            test(dtype);
        }
    }
}

/// Runs a launch in both thread orders; `outputs`, all that it writes, must come out alike.
fn run(launch: &Launch, outputs: &mut [&mut Buffer]) {
    let emulator = Emulator::of(launch.program).expect("for_each_dtype found a compiler");
    let before: Vec<Vec<u8>> = outputs.iter().map(|output| output.bytes().to_vec()).collect();
    emulator.run(launch, ThreadOrder::Descending);
    let descending: Vec<Vec<u8>> = outputs.iter().map(|output| output.bytes().to_vec()).collect();
    for (output, before) in outputs.iter_mut().zip(&before) {
        output.restore(before);
    }
    emulator.run(launch, ThreadOrder::Ascending);
    for (output, descending) in outputs.iter().zip(&descending) {
        assert!(output.bytes() == descending, "{} depends on the thread order", launch.kernel);
        output.check_guards(launch.kernel);
    }
}

/// Runs a launch that writes one output, given the output's address.
fn run_into(mut output: Buffer, launch: impl FnOnce(u64) -> Launch) -> Buffer {
    let launch = launch(output.address());
    run(&launch, &mut [&mut output]);
    output
}

/// Numbers in [-0.5, 0.5) from a seed.
fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f32::from(u16::try_from(state >> 48).unwrap()) / 65536.0 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

fn variable(values: &[f32], shape: &[usize]) -> Var {
    Var::from_tensor(&tensor(values, shape)).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The gradients of `vars` if that of `y` is `dy`.
fn gradients<const N: usize>(y: &Tensor, dy: &[f32], vars: [&Var; N]) -> [Vec<f32>; N] {
    let weighted = (y * tensor(dy, y.dims())).unwrap();
    let gradients = weighted.sum_all().unwrap().backward().unwrap();
    vars.map(|var| flat(gradients.get(var).unwrap()))
}

/// Checks that values differ by at most 1e-4 of the largest, or for bf16 by 1e-2 in L2 norm; NaN
/// differs from everything.
fn assert_close(dtype: ActDtype, what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let pairs = || got.iter().zip(expected).map(|(g, e)| (f64::from(*g), f64::from(*e)));
    let (error, max_error) = match dtype {
        ActDtype::F32 => {
            let largest = pairs().fold(1e-30_f64, |max, (_, e)| max.max(e.abs()));
            let worst = pairs()
                .map(|(g, e)| (g - e).abs())
                .fold(0.0_f64, |max, d| if d.is_nan() { f64::INFINITY } else { max.max(d) });
            (worst / largest, 1e-4)
        }
        ActDtype::Bf16 => {
            let norm = pairs().map(|(_, e)| e * e).sum::<f64>().max(1e-60);
            ((pairs().map(|(g, e)| (g - e).powi(2)).sum::<f64>() / norm).sqrt(), 1e-2)
        }
    };
    assert!(error <= max_error, "{what}: error {error:e} above {max_error:e} in {dtype:?}");
}
