//! Measures training steps of a ResNet-18 or -34 (forward, loss, backward, SGD with momentum) on
//! data in memory: `step [px] [batch] [steps] [18|34] [threads]`.
#![expect(clippy::print_stdout, reason = "the result of a measurement")]

use candle_core::{DType, Device, Result, Tensor, Var};
use hpa_ops::optim::{ParamGroup, Parameter, Sgd, SgdConfig};
use hpa_ops::{
    Conv2d, Reduction, ReusingAllocator, batch_norm_train, bce_with_logits, conv2d,
    global_average_pool, linear, max_pool2d, simd_path, value_and_grad,
};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: ReusingAllocator = ReusingAllocator::new();

/// A convolution followed by its normalisation.
struct Layer {
    weight: Var,
    gamma: Var,
    beta: Var,
    spec: Conv2d,
}

impl Layer {
    fn new(
        [c_in, c_out, kernel, stride]: [usize; 4],
        parameters: &mut Vec<Parameter>,
    ) -> Result<Self> {
        let device = Device::Cpu;
        let deviation = (2.0 / (c_in * kernel * kernel) as f32).sqrt();
        let weight = Var::randn(0.0, deviation, (c_out, c_in, kernel, kernel), &device)?;
        let gamma = Var::ones(c_out, DType::F32, &device)?;
        let beta = Var::zeros(c_out, DType::F32, &device)?;
        for var in [&weight, &gamma, &beta] {
            add(parameters, var);
        }
        Ok(Self { weight, gamma, beta, spec: Conv2d { stride, padding: kernel / 2, groups: 1 } })
    }

    fn forward(&self, x: &Tensor, residual: Option<&Tensor>, relu: bool) -> Result<Tensor> {
        let y = conv2d(x, &self.weight, &self.spec)?;
        Ok(batch_norm_train(&y, (&self.gamma, &self.beta), residual, relu, 1e-5)?.0)
    }
}

fn add(parameters: &mut Vec<Parameter>, var: &Var) {
    let name = format!("p{:03}", parameters.len());
    parameters.push(Parameter { name, var: var.clone(), group: ParamGroup::default() });
}

struct Network {
    stem: Layer,
    blocks: Vec<(Layer, Layer, Option<Layer>)>,
    head: [Var; 2],
}

impl Network {
    fn new(depth: usize, parameters: &mut Vec<Parameter>) -> Result<Self> {
        let stem = Layer::new([4, 64, 7, 2], parameters)?;
        let repeats = if depth == 18 { [2, 2, 2, 2] } else { [3, 4, 6, 3] };
        let (mut blocks, mut c_in) = (Vec::new(), 64);
        for (stage, repeat) in repeats.into_iter().enumerate() {
            for block in 0..repeat {
                let (c_out, stride) = (64 << stage, if block == 0 && stage > 0 { 2 } else { 1 });
                let first = Layer::new([c_in, c_out, 3, stride], parameters)?;
                let second = Layer::new([c_out, c_out, 3, 1], parameters)?;
                let down = (stride != 1).then(|| Layer::new([c_in, c_out, 1, stride], parameters));
                blocks.push((first, second, down.transpose()?));
                c_in = c_out;
            }
        }
        let head = [
            Var::randn(0.0_f32, 0.02, (28, 512), &Device::Cpu)?,
            Var::zeros(28, DType::F32, &Device::Cpu)?,
        ];
        for var in &head {
            add(parameters, var);
        }
        Ok(Self { stem, blocks, head })
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = max_pool2d(&self.stem.forward(images, None, true)?, 3, 2, 1)?;
        for (first, second, down) in &self.blocks {
            let shortcut = down.as_ref().map(|down| down.forward(&x, None, false)).transpose()?;
            let y = first.forward(&x, None, true)?;
            x = second.forward(&y, Some(shortcut.as_ref().unwrap_or(&x)), true)?;
        }
        linear(&global_average_pool(&x)?, &self.head[0], &self.head[1])
    }
}

/// CPU time of this process in milliseconds (ticks of 10 ms).
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        text.split(' ').skip(13).take(2).filter_map(|f| f.parse().ok()).collect();
    fields.iter().sum::<f64>() * 10.0
}

/// Seconds of each step and of its forward pass, and CPU milliseconds a step.
fn measure(
    network: &Network,
    sgd: &mut Sgd,
    [images, targets]: [&Tensor; 2],
    steps: usize,
) -> Result<(Vec<f64>, Vec<f64>, f64)> {
    let (mut seconds, mut forward) = (Vec::new(), Vec::new());
    let mut start_cpu = 0.0;
    for step in 0..=steps {
        if step == 1 {
            start_cpu = cpu();
        }
        let start = Instant::now();
        let mut middle = 0.0;
        let (_, gradients) = value_and_grad(|| {
            let logits = network.forward(images)?;
            middle = start.elapsed().as_secs_f64();
            bce_with_logits(&logits, targets, Reduction::Mean)
        })?;
        sgd.step(&gradients, 0.01)?;
        if step > 0 {
            seconds.push(start.elapsed().as_secs_f64());
            forward.push(middle);
        }
    }
    Ok((seconds, forward, (cpu() - start_cpu) / steps as f64))
}

fn main() -> Result<()> {
    let mut arguments =
        std::env::args().skip(1).map(|a| a.parse::<usize>().map_err(candle_core::Error::wrap));
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (px, batch, steps, depth, threads) = (next(64)?, next(32)?, next(10)?, next(18)?, next(2)?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(candle_core::Error::wrap)?;
    let mut parameters = Vec::new();
    let network = Network::new(depth, &mut parameters)?;
    let settings = SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 };
    let mut sgd = Sgd::new(parameters, settings)?;
    let images = Tensor::randn(0.0_f32, 1.0, (batch, px, px, 4), &Device::Cpu)?;
    let targets =
        Tensor::rand(0.0_f32, 1.0, (batch, 28), &Device::Cpu)?.ge(0.9)?.to_dtype(DType::F32)?;
    let (mut seconds, mut forward, cpu) = measure(&network, &mut sgd, [&images, &targets], steps)?;
    seconds.sort_by(f64::total_cmp);
    forward.sort_by(f64::total_cmp);
    let (median, middle) = (seconds[steps / 2], forward[steps / 2]);
    println!(
        "resnet{depth} {px} px, batch {batch}, {threads} threads, {}: {:.1} images/s, {:.0} ms a step ({:.0} forward), best {:.0} ms, CPU {:.0} ms",
        simd_path(),
        batch as f64 / median,
        median * 1e3,
        middle * 1e3,
        seconds[0] * 1e3,
        cpu,
    );
    Ok(())
}
