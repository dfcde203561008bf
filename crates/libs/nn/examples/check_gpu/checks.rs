//! Checks of training and prediction on the GPU against the CPU.

use crate::data::{Data, EPOCHS, LABELS};
use crate::noise::distance;
use crate::{Error, Size};
use hpa_core::Seed;
use hpa_nn::{
    Architecture, AugmentConfig, Device, Network, NnError, Precision, PredictConfig, SyntheticStep,
    TestTimeAugmentation, TrainConfig, Trainer, predict,
};
use std::ops::ControlFlow;

type Check = fn(&Data, &Device, Size) -> Result<String, Error>;

pub(crate) const ALL: [(&str, Check); 5] = [
    ("the training loss in f32 follows that of the CPU", |data, gpu, size| {
        compare_losses(data, (gpu, Precision::F32), 1.0 + 1e-6, size)
    }),
    ("the training loss in bf16 follows that of the CPU", |data, gpu, size| {
        compare_losses(data, (gpu, Precision::Bf16), 1.0 + 1.0 / 256.0, size)
    }),
    ("training resumes on the other device", move_state),
    ("predictions are those of the CPU", compare_predictions),
    ("out of memory gives the largest batch size that fits", fill_memory),
];

fn config(size: Size, precision: Precision) -> TrainConfig {
    let mut config = TrainConfig::new(Architecture::ResNet18);
    config.run.epochs = EPOCHS;
    config.run.batch_size = size.batch;
    config.run.precision = precision;
    config.run.seed = 3;
    config.schedule.max_learning_rate = 0.001;
    config.augment = AugmentConfig {
        d4: true,
        rotate_degrees: 15.0,
        zoom: 1.2,
        lighting: 0.2,
        ..AugmentConfig::NONE
    };
    config
}

fn trainer<'a>(
    data: &'a Data,
    (device, precision): (&Device, Precision),
    scale: f32,
    size: Size,
) -> Result<Trainer<'a>, Error> {
    let seed = Seed::new(3);
    let mut tensors = Network::new(Architecture::ResNet18, LABELS, seed)?.tensors()?;
    for (_, weights) in tensors.iter_mut().filter(|(name, _)| name.ends_with("conv1.weight")) {
        weights.values.iter_mut().step_by(2).for_each(|value| *value *= scale);
    }
    let mut network = Network::from_tensors(Architecture::ResNet18, LABELS, tensors)?;
    network.to_device(device)?;
    Ok(Trainer::new(data.train_data(), config(size, precision), network)?)
}

fn losses(mut trainer: Trainer<'_>) -> Result<Vec<f64>, Error> {
    let mut losses = Vec::new();
    while !trainer.is_done() {
        let _ = trainer.train_epoch(&mut |_, step| {
            losses.push(step.loss);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(losses)
}

/// Compares loss curves. `disturbance`, a factor on weights, measures the effect of rounding.
fn compare_losses(
    data: &Data,
    (gpu, precision): (&Device, Precision),
    disturbance: f32,
    size: Size,
) -> Result<String, Error> {
    let cpu_trainer = |scale| losses(trainer(data, (&Device::cpu(), Precision::F32), scale, size)?);
    let (reference, disturbed) = (cpu_trainer(1.0)?, cpu_trainer(disturbance)?);
    if gpu.check(precision).is_err() {
        return Ok("skipped: this CPU has no bf16".to_owned());
    }
    let curve = losses(trainer(data, (gpu, precision), 1.0, size)?)?;
    let [gpu_loss, cpu_loss] = [&curve, &reference].map(|curve| curve[curve.len() - 1]);
    let distance = distance(&curve, &reference, &disturbed);
    let summary = format!(
        "{} steps, last loss {gpu_loss:.4}, on the CPU {cpu_loss:.4}; {distance:.2} of the allowed difference",
        curve.len()
    );
    if distance <= 1.0 { Ok(summary) } else { Err(summary.into()) }
}

/// Moves the state of a training run to the GPU and back, and compares it bit for bit.
fn move_state(data: &Data, gpu: &Device, size: Size) -> Result<String, Error> {
    let mut cpu_trainer = trainer(data, (&Device::cpu(), Precision::F32), 1.0, size)?;
    let mut left = 3;
    let _ = cpu_trainer.train_epoch(&mut |_, _| {
        left -= 1;
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let state = cpu_trainer.state()?;
    let mut gpu_trainer = trainer(data, (gpu, Precision::F32), 1.0, size)?;
    gpu_trainer.restore(state.clone())?;
    if gpu_trainer.state()? != state {
        return Err("the state that was loaded is not the state that is saved".into());
    }
    let _ = gpu_trainer.train_epoch(&mut |_, _| Ok(ControlFlow::Continue(())))?;
    cpu_trainer.restore(gpu_trainer.state()?)?;
    Ok(format!("{} tensors, {} steps", state.tensors.len(), cpu_trainer.steps()))
}

fn compare_predictions(data: &Data, gpu: &Device, _: Size) -> Result<String, Error> {
    let predict_on = |device: &Device| -> Result<Vec<f64>, Error> {
        let mut network = Network::new(Architecture::ResNet50, LABELS, Seed::new(9))?;
        network.to_device(device)?;
        let data = data.train_data();
        let config = PredictConfig {
            tta: TestTimeAugmentation::D4,
            statistics: data.statistics,
            workers: data.workers,
        };
        Ok(predict(&network.inference_model()?, data.valid, config, &mut |_| {})?.probabilities)
    };
    let (expected, got) = (predict_on(&Device::cpu())?, predict_on(gpu)?);
    let difference = expected.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let summary = format!("{} probabilities, largest difference {difference:.1e}", got.len());
    let is_close = expected.len() == got.len() && difference < 1e-3;
    if is_close { Ok(summary) } else { Err(summary.into()) }
}

/// Doubles the batch size until the memory of the GPU is full.
fn fill_memory(_: &Data, gpu: &Device, _: Size) -> Result<String, Error> {
    if !gpu.is_cuda() {
        return Ok("skipped on the CPU".to_owned());
    }
    for batch in (5..14).map(|power| 1 << power) {
        let mut network = Network::new(Architecture::ResNet50, LABELS, Seed::new(1))?;
        network.to_device(gpu)?;
        let outcome =
            SyntheticStep::new(network, batch, 512, Seed::new(1)).and_then(|mut it| it.steps(1));
        match outcome {
            Ok(_) => {}
            Err(error @ NnError::OutOfMemory { fits: Some(fits), .. }) if fits < batch => {
                return Ok(error.to_string().replace('\n', " "));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err("the memory was never full".into())
}
