//! Checks of several operations together: autograd, optimizers, clipping, upload, out of memory.

use crate::compare::{difference, floats};
use crate::random::Random;
use candle_core::{DType, Device, Result, Tensor, Var, bail};
use hpa_ops::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};
use hpa_ops::upload::{BatchLayout, BatchRequest, TransformParams, Uploader};
use hpa_ops::{
    Conv2d, Gradients, Precision, Reduction, batch_norm_train, bce_with_logits,
    conv2d_with_precision, global_average_pool, linear_with_precision, max_pool2d, relu,
    value_and_grad,
};

/// The checks with the differences between the devices.
pub(crate) fn all(device: &Device) -> Vec<(String, Result<f64>)> {
    let both = |check: fn(&Device) -> Result<Vec<f32>>, max_error: f64| {
        let error = difference(&check(device)?, &check(&Device::Cpu)?, true);
        if error <= max_error { Ok(error) } else { bail!("error {error:e} above {max_error:e}") }
    };
    let mut checks = vec![
        ("steps of SGD on a network".to_owned(), both(|device| train(device, true), 1e-3)),
        ("steps of AdamW on a network".to_owned(), both(|device| train(device, false), 1e-2)),
        ("clipped gradients".to_owned(), both(clip, 1e-4)),
    ];
    if device.is_cuda() {
        checks.push(("a network in bf16".to_owned(), bf16(device)));
        checks.push(("upload of batches".to_owned(), upload(device)));
        checks.push(("out of memory".to_owned(), out_of_memory(device)));
    }
    checks
}

/// Two convolutions with batch normalisation, and a linear layer.
struct Network {
    parameters: Vec<Parameter>,
}

impl Network {
    fn new(device: &Device) -> Result<Self> {
        let mut random = Random::new(5);
        let shapes: [(&[usize], f32); 8] = [
            (&[16, 4, 7, 7], 0.0),
            (&[16], 1.0),
            (&[16], 0.0),
            (&[16, 16, 3, 3], 0.0),
            (&[16], 1.0),
            (&[16], 0.0),
            (&[28, 16], 0.0),
            (&[28], 0.0),
        ];
        let mut parameters = Vec::new();
        for (number, (shape, middle)) in shapes.into_iter().enumerate() {
            let values = random.values(shape.iter().product());
            let values: Vec<f32> = values.iter().map(|v| v * 0.3 + middle).collect();
            let var = Var::from_tensor(&Tensor::from_vec(values, shape, device)?)?;
            parameters.push(Parameter {
                name: format!("p{number}"),
                var,
                group: ParamGroup::default(),
            });
        }
        Ok(Self { parameters })
    }

    fn var(&self, number: usize) -> &Tensor {
        self.parameters[number].var.as_tensor()
    }

    fn gradients(&self, precision: Precision) -> Result<Gradients> {
        let device = self.var(0).device();
        let mut random = Random::new(6);
        let mut tensor = |shape: &[usize], offset: f32| {
            let values = random.values(shape.iter().product());
            let values: Vec<f32> = values.iter().map(|v| v + offset).collect();
            Tensor::from_vec(values, shape, device)
        };
        let (images, targets) = (tensor(&[4, 32, 32, 4], 0.0)?, tensor(&[4, 28], 0.5)?);
        let norm = |x: &Tensor, at: usize, residual: Option<&Tensor>| {
            Ok::<_, candle_core::Error>(
                batch_norm_train(x, (self.var(at), self.var(at + 1)), residual, true, 1e-5)?.0,
            )
        };
        let (_, gradients) = value_and_grad(|| {
            let stem = Conv2d { stride: 2, padding: 3, groups: 1 };
            let x = norm(&conv2d_with_precision(&images, self.var(0), &stem, precision)?, 1, None)?;
            let x = max_pool2d(&x, 3, 2, 1)?;
            let spec = Conv2d { stride: 1, padding: 1, groups: 1 };
            let y = norm(&conv2d_with_precision(&x, self.var(3), &spec, precision)?, 4, Some(&x))?;
            let y = global_average_pool(&relu(&y)?)?;
            let logits = linear_with_precision(&y, self.var(6), self.var(7), precision)?;
            bce_with_logits(&logits, &targets, Reduction::SumOverLabelsMeanOverBatch)
        })?;
        Ok(gradients)
    }

    fn weights(&self) -> Result<Vec<f32>> {
        let all = self.parameters.iter().map(|parameter| floats(&parameter.var));
        Ok(all.collect::<Result<Vec<_>>>()?.concat())
    }

    fn flat(&self, gradients: &Gradients) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        for parameter in &self.parameters {
            let Some(gradient) = gradients.get(&parameter.var) else { bail!("no gradient") };
            all.extend(floats(gradient)?);
        }
        Ok(all)
    }
}

/// The weights after four steps, with a state that is saved and loaded between them.
fn train(device: &Device, uses_sgd: bool) -> Result<Vec<f32>> {
    let network = Network::new(device)?;
    let config = SgdConfig { momentum: 0.9, nesterov: true, weight_decay: 1e-4 };
    let mut sgd = Sgd::new(network.parameters.clone(), config)?;
    let mut adam = AdamW::new(network.parameters.clone(), AdamWConfig::default())?;
    for step in 0..4 {
        let gradients = network.gradients(Precision::F32)?;
        if uses_sgd {
            sgd.step(&gradients, 0.05)?;
        } else {
            adam.step(&gradients, 1e-3)?;
        }
        if step == 1 && uses_sgd {
            sgd.load_state(sgd.state()?)?;
        } else if step == 1 {
            adam.load_state(adam.state()?)?;
        }
    }
    network.weights()
}

/// Gradients of two batches, averaged and clipped, and their norms.
fn clip(device: &Device) -> Result<Vec<f32>> {
    let network = Network::new(device)?;
    let vars = || network.parameters.iter().map(|parameter| &parameter.var);
    let mut gradients = network.gradients(Precision::F32)?;
    gradients.add(&network.gradients(Precision::F32)?, vars())?;
    gradients.scale(vars(), 0.5)?;
    #[expect(clippy::cast_possible_truncation, reason = "compared with f32 values")]
    let norms = [gradients.clip(vars(), 0.1)? as f32, gradients.norm(vars())? as f32];
    Ok([network.flat(&gradients)?, norms.to_vec()].concat())
}

/// Gradients in bf16 against those of the CPU in f32, in L2 norm; two runs must agree.
fn bf16(device: &Device) -> Result<f64> {
    let run = |device: &Device, precision| {
        let network = Network::new(device)?;
        network.flat(&network.gradients(precision)?)
    };
    let got = run(device, Precision::Bf16)?;
    if run(device, Precision::Bf16)? != got {
        bail!("two runs differ");
    }
    let error = difference(&got, &run(&Device::Cpu, Precision::F32)?, true);
    // The errors of all layers add up.
    if error <= 5e-2 { Ok(error) } else { bail!("error {error:e} above 5e-2") }
}

/// An allocation beyond the memory is an error, and operations work afterwards.
fn out_of_memory(device: &Device) -> Result<f64> {
    if Tensor::zeros((1 << 20, 1 << 20), DType::F32, device).is_ok() {
        bail!("4 TiB were allocated");
    }
    let y = relu(&Tensor::new(&[-1.0_f32, 2.0], device)?)?;
    if y.to_vec1::<f32>()? != [0.0, 2.0] {
        bail!("an operation after the failed allocation is wrong");
    }
    Ok(0.0)
}

/// Two batches under way at once. The transforms are identities, so that the images are the values
/// of the lookup tables.
fn upload(device: &Device) -> Result<f64> {
    let layout = BatchLayout { samples: 3, views: 1, side: 8, channels: 4, labels: 2 };
    let request = BatchRequest { layout, is_mixed: false, side: layout.side };
    let identity = [[1.0, 0.0], [0.0, 1.0]];
    let lut: Vec<f32> = (0_u16..256).map(|level| f32::from(level) * 0.5 - 7.0).collect();
    let mut uploader = Uploader::new(device, layout.bytes(), 2)?;
    let (mut buffers, mut transfers) = (Vec::new(), Vec::new());
    for batch in 0..4_u8 {
        let mut buffer = uploader.pinned_buffer(layout.bytes())?;
        let memory = buffer.bytes_mut()?;
        let pixels = layout.pixels_mut(memory).iter_mut().zip(batch..=u8::MAX);
        pixels.for_each(|(pixel, level)| *pixel = level);
        for source in 0..3 {
            let params = TransformParams { matrix: identity, source, ..TransformParams::default() };
            layout.put_transform(memory, source as usize, &params, &lut.repeat(layout.channels));
        }
        layout.put_labels(memory, &[], &[f32::from(batch); 6]);
        let pixels = layout.pixels_mut(memory).to_vec();
        transfers.push((batch, pixels, uploader.start(&buffer, &request)?));
        buffers.push(buffer);
        if batch == 0 {
            continue;
        }
        let (batch, pixels, transfer) = transfers.remove(0);
        let received = uploader.finish(transfer)?;
        let images = received.images.permute((0, 3, 1, 2))?.contiguous()?;
        let expected: Vec<f32> = pixels.iter().map(|level| lut[usize::from(*level)]).collect();
        if floats(&images)? != expected {
            bail!("the images of batch {batch} are wrong");
        }
        let Some(targets) = received.targets else { bail!("batch {batch} has no targets") };
        if floats(&targets)? != [f32::from(batch); 6] {
            bail!("the targets of batch {batch} are wrong");
        }
    }
    Ok(0.0)
}
