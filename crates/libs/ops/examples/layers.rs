//! Measures the convolutions of a ResNet-18 one by one on one thread, in CPU time:
//! `layers [px] [batch] [repetitions]`.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]

use candle_core::{Device, Error, Result, Tensor, Var};
use hpa_ops::{Conv2d, ReusingAllocator, conv2d};

#[global_allocator]
static ALLOCATOR: ReusingAllocator = ReusingAllocator::new();

/// CPU time of this thread in milliseconds, from the kernel's scheduler.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

/// Milliseconds of CPU per call, after one to warm up.
fn measure(repetitions: usize, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let start = cpu();
    for _ in 0..repetitions {
        run()?;
    }
    Ok((cpu() - start) / repetitions as f64)
}

/// How many, input side, `[c_in, c_out, kernel, stride]`.
fn resnet18(px: usize) -> Vec<(u32, usize, [usize; 4])> {
    let mut layers = vec![(1, px, [4, 64, 7, 2])];
    for stage in 0..4 {
        let (side, c) = ((px / 4) >> stage, 64 << stage);
        if stage > 0 {
            layers.push((1, side * 2, [c / 2, c, 3, 2]));
            layers.push((1, side * 2, [c / 2, c, 1, 2]));
        }
        layers.push((if stage == 0 { 4 } else { 3 }, side, [c, c, 3, 1]));
    }
    layers
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>().map_err(Error::wrap));
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (px, batch, repetitions) = (next(64)?, next(32)?, next(5)?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    pool.map_err(Error::wrap)?;
    let layers = resnet18(px);
    println!("layer                    ms: forward  input gradient  weight gradient  (GFLOP/s)");
    let mut total = [0.0; 3];
    for (count, side, [c_in, c_out, kernel, stride]) in layers {
        let spec = Conv2d { stride, padding: kernel / 2, groups: 1 };
        let x = Tensor::randn(0.0_f32, 1.0, (batch, side, side, c_in), &Device::Cpu)?;
        let w = Tensor::randn(0.0_f32, 1.0, (c_out, c_in, kernel, kernel), &Device::Cpu)?;
        let (xv, wv) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?);
        let forward = measure(repetitions, || conv2d(&x, &w, &spec).map(drop))?;
        let dy = conv2d(&x, &w, &spec)?;
        let flops = 2.0 * dy.elem_count() as f64 * (c_in * kernel * kernel) as f64;
        let backward = |x: &Tensor, w: &Tensor| {
            let loss = (conv2d(x, w, &spec)? * &dy)?.sum_all()?;
            measure(repetitions, || loss.backward().map(drop))
        };
        // The product and the sum cost the same with a tiny convolution's gradient left out.
        let (dx, dw) = (backward(&xv, &w)?, backward(&x, &wv)?);
        let times = [forward, dx, dw];
        for (total, time) in total.iter_mut().zip(times) {
            *total += time * f64::from(count);
        }
        let rate = times.map(|ms| flops / ms / 1e6);
        println!(
            "{count} x {side:3} {c_in:3}->{c_out:3} k{kernel} s{stride}: {forward:7.2} {dx:7.2} {dw:7.2}  ({:.0} {:.0} {:.0})",
            rate[0], rate[1], rate[2]
        );
    }
    println!("all: {:.0} {:.0} {:.0} ms", total[0], total[1], total[2]);
    Ok(())
}
