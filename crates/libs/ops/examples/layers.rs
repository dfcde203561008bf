//! Measures the convolutions of residual networks one by one on one thread, in CPU time:
//! `layers [px] [batch] [repetitions] [f32|bf16]`.
//!
//! Rates count the products of the definition: Winograd, which takes a quarter of them, may be
//! above the machine's peak.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]
#![expect(clippy::many_single_char_names, reason = "x, w and y are the field's own words")]

use candle_core::{Device, Error, Result, Tensor, Var};
use hpa_ops::{
    Conv2d, Precision, Reduction, ReusingAllocator, bce_with_logits, conv2d_in, differentiate,
    global_average_pool,
};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: ReusingAllocator = ReusingAllocator::new();

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

/// How many a ResNet-18 has (0: a ResNet-50's), input side, `[c_in, c_out, kernel, stride]`.
fn convolutions(px: usize) -> Vec<(u32, usize, [usize; 4])> {
    let mut layers = vec![(1, px, [4, 64, 7, 2])];
    for stage in 0..4 {
        let (side, c) = ((px / 4) >> stage, 64 << stage);
        if stage > 0 {
            layers.push((1, side * 2, [c / 2, c, 3, 2]));
            layers.push((1, side * 2, [c / 2, c, 1, 2]));
        }
        layers.push((if stage == 0 { 4 } else { 3 }, side, [c, c, 3, 1]));
        layers.push((0, side, [4 * c, c, 1, 1]));
        layers.push((0, side, [c, 4 * c, 1, 1]));
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
    let run = |x: &Tensor, w: &Tensor| conv2d_in(x, w, spec, precision);
    let forward = measure(repetitions, || run(x, w).map(drop))?;
    let y = run(x, w)?;
    let targets = global_average_pool(&y)?.zeros_like()?;
    let step = |y: &dyn Fn() -> Result<Tensor>| {
        let loss = || bce_with_logits(&global_average_pool(&y()?)?, &targets, Reduction::Mean);
        measure(repetitions, || differentiate(loss).map(drop))
    };
    // What stands behind the convolution costs something too, and a whole step its forward pass.
    let yv = Var::from_tensor(&y)?;
    let behind = step(&|| Ok(yv.as_tensor().clone()))?;
    let (xv, wv) = (Var::from_tensor(x)?, Var::from_tensor(w)?);
    let gradient = |x: &Tensor, w: &Tensor| Ok::<_, Error>(step(&|| run(x, w))? - behind - forward);
    Ok([forward, gradient(&xv, w)?, gradient(x, &wv)?])
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
    println!("layer                      ms: forward, input and weight gradient  (GFLOP/s)");
    let mut total = [0.0; 3];
    for (count, side, [c_in, c_out, kernel, stride]) in convolutions(px) {
        let spec = Conv2d { stride, padding: kernel / 2, groups: 1 };
        let x = Tensor::randn(0.0_f32, 1.0, (batch, side, side, c_in), &Device::Cpu)?;
        let w = Tensor::randn(0.0_f32, 1.0, (c_out, c_in, kernel, kernel), &Device::Cpu)?;
        let times = times(&x, &w, (&spec, precision), repetitions)?;
        for (total, time) in total.iter_mut().zip(times) {
            *total += time * f64::from(count);
        }
        let pixels = (batch * (side / stride).pow(2)) as f64;
        let rate = 2.0 * pixels * (c_in * c_out * kernel * kernel) as f64 / 1e6;
        let [a, b, c] = times;
        println!(
            "{count} x {side:3} {c_in:4}->{c_out:4} k{kernel} s{stride}: {a:7.2} {b:7.2} {c:7.2}  ({:.0} {:.0} {:.0})",
            rate / a,
            rate / b,
            rate / c
        );
    }
    println!("all: {:.0} {:.0} {:.0} ms", total[0], total[1], total[2]);
    Ok(())
}
