//! Measures the convolutions of residual networks one by one on one thread, beside the machine's
//! peak in f32: `layers [px] [batch] [repetitions] [f32|bf16]` prints a table in Markdown.
//!
//! The peak is the fastest matrix product of candle's and of this crate. Rates count the products
//! of the definition: Winograd, which takes a quarter of them, and bf16 may be above it.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]

use candle_core::{DType, Device, Error, Result, Tensor, Var};
use hpa_ops::{
    CachingAllocator, Conv2d, Precision, Reduction, bce_with_logits, conv2d_with_precision,
    global_average_pool, linear, value_and_grad,
};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: CachingAllocator = CachingAllocator::new();

/// Milliseconds of the fastest call, after one to warm up.
fn measure(repetitions: usize, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let mut best = f64::INFINITY;
    for _ in 0..repetitions {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

/// Input side and `[c_in, c_out, kernel, stride]` of ResNet-18's and -50's convolutions.
fn convolutions(px: usize) -> Vec<(usize, [usize; 4])> {
    let mut layers = vec![(px, [4, 64, 7, 2])];
    for stage in 0..4 {
        let (side, c) = ((px / 4) >> stage, 64 << stage);
        if stage > 0 {
            layers.push((side * 2, [c / 2, c, 3, 2]));
            layers.push((side * 2, [c / 2, c, 1, 2]));
        }
        layers.push((side, [c, c, 3, 1]));
        layers.push((side, [4 * c, c, 1, 1]));
        layers.push((side, [c, 4 * c, 1, 1]));
    }
    layers
}

/// Milliseconds of the forward pass and of the two gradients of one convolution.
fn times(
    x: &Tensor,
    w: &Tensor,
    (spec, precision): (&Conv2d, Precision),
    repetitions: usize,
) -> Result<[f64; 3]> {
    let run = |x: &Tensor, w: &Tensor| conv2d_with_precision(x, w, spec, precision);
    let forward = measure(repetitions, || run(x, w).map(drop))?;
    let y = run(x, w)?;
    let targets = global_average_pool(&y)?.zeros_like()?;
    let step = |y: &dyn Fn() -> Result<Tensor>| {
        let loss = || bce_with_logits(&global_average_pool(&y()?)?, &targets, Reduction::Mean);
        measure(repetitions, || value_and_grad(loss).map(drop))
    };
    // A step also runs the forward pass, and the pooling and the loss after the convolution.
    let yv = Var::from_tensor(&y)?;
    let pool_and_loss = step(&|| Ok(yv.as_tensor().clone()))?;
    let (xv, wv) = (Var::from_tensor(x)?, Var::from_tensor(w)?);
    let gradient =
        |x: &Tensor, w: &Tensor| Ok::<_, Error>(step(&|| run(x, w))? - pool_and_loss - forward);
    Ok([forward, gradient(&xv, w)?, gradient(x, &wv)?])
}

/// GFLOP/s of the fastest matrix product found.
fn peak(repetitions: usize) -> Result<f64> {
    let mut best = 0.0_f64;
    for side in [512, 1024, 2048] {
        let matrix = |seed: f32| Tensor::randn(0.0, seed, (side, side), &Device::Cpu);
        let (a, b, bias) =
            (matrix(1.0)?, matrix(2.0)?, Tensor::zeros(side, DType::F32, &Device::Cpu)?);
        let work = 2.0 * (side as f64).powi(3) / 1e6;
        best = best.max(work / measure(repetitions, || a.matmul(&b).map(drop))?);
        best = best.max(work / measure(repetitions, || linear(&a, &b, &bias).map(drop))?);
    }
    Ok(best)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: usize| {
        arguments.get(place).map_or(Ok(default), |word| word.parse().map_err(Error::wrap))
    };
    let (px, batch, repetitions) = (number(0, 64)?, number(1, 32)?, number(2, 5)?);
    let precision = arguments.get(3).map_or("f32", String::as_str);
    let precision: Precision = precision.parse().map_err(Error::wrap)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    pool.map_err(Error::wrap)?;
    let peak = peak(repetitions)?;
    println!(
        "Matrix product in f32, one thread: {peak:.0} GFLOP/s. {px} px, batch {batch}, {}:\n",
        precision.name()
    );
    println!("| kernel | side | channels | forward | input gradient | weight gradient |");
    println!("|---|---|---|---|---|---|");
    for (side, [c_in, c_out, kernel, stride]) in convolutions(px) {
        let spec = Conv2d { stride, padding: kernel / 2, groups: 1 };
        let x = Tensor::randn(0.0_f32, 1.0, (batch, side, side, c_in), &Device::Cpu)?;
        let w = Tensor::randn(0.0_f32, 1.0, (c_out, c_in, kernel, kernel), &Device::Cpu)?;
        let pixels = (batch * side.div_ceil(stride).pow(2)) as f64;
        let work = 2.0 * pixels * (c_in * c_out * kernel * kernel) as f64 / 1e6;
        let cells = times(&x, &w, (&spec, precision), repetitions)?
            .map(|time| format!("{:.0}, {:.0} %", work / time, work / time / peak * 100.0));
        println!(
            "| {kernel}×{kernel}, stride {stride} | {side} | {c_in} → {c_out} | {} |",
            cells.join(" | ")
        );
    }
    Ok(())
}
