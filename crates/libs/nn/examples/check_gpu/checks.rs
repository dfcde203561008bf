//! The checks.

use crate::data::{Data, EPOCHS, LABELS};
use crate::noise::distance;
use crate::{Error, Size, processor};
use hpa_core::Seed;
use hpa_nn::{
    Architecture, AugmentConfig, Device, Network, NnError, Precision, PredictConfig, SyntheticStep,
    TestTimeAugmentation, TrainConfig, Trainer, predict,
};
use std::ops::ControlFlow;

type Check = fn(&Data, &Device, Size) -> Result<String, Error>;

pub(crate) const ALL: [(&str, Check); 5] = [
    ("training in f32 follows the processor's loss", |data, card, size| {
        follow(data, (card, Precision::F32), 1.0 + 1e-6, size)
    }),
    ("training in bf16 follows the processor's loss", |data, card, size| {
        follow(data, (card, Precision::Bf16), 1.0 + 1.0 / 256.0, size)
    }),
    ("a state goes on on the other device", moved),
    ("predictions are the processor's", predictions),
    ("a full card names the batch that would fit", full),
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

fn follow(
    data: &Data,
    (card, precision): (&Device, Precision),
    off: f32,
    size: Size,
) -> Result<String, Error> {
    let near = |scale| losses(trainer(data, (&processor(), Precision::F32), scale, size)?);
    let (reference, disturbed) = (near(1.0)?, near(off)?);
    if card.check(precision).is_err() {
        return Ok("left out: this processor, standing in, has no bf16".to_owned());
    }
    let curve = losses(trainer(data, (card, precision), 1.0, size)?)?;
    let [first, last] = [&curve, &reference].map(|curve| curve[curve.len() - 1]);
    let distance = distance(&curve, &reference, &disturbed);
    let said = format!(
        "{} steps, the last loss is {first:.4} where the processor has {last:.4}; {distance:.2} of what rounding explains",
        curve.len()
    );
    if distance <= 1.0 { Ok(said) } else { Err(said.into()) }
}

/// The network, the optimiser and the place, to the bit.
fn moved(data: &Data, card: &Device, size: Size) -> Result<String, Error> {
    let mut near = trainer(data, (&processor(), Precision::F32), 1.0, size)?;
    let mut left = 3;
    let _ = near.train_epoch(&mut |_, _| {
        left -= 1;
        Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    let state = near.state()?;
    let mut far = trainer(data, (card, Precision::F32), 1.0, size)?;
    far.restore(state.clone())?;
    if far.state()? != state {
        return Err("what the card was given is not what it gives back".into());
    }
    let _ = far.train_epoch(&mut |_, _| Ok(ControlFlow::Continue(())))?;
    near.restore(far.state()?)?;
    Ok(format!("{} tensors there and back, {} steps", state.tensors.len(), near.steps()))
}

fn predictions(data: &Data, card: &Device, _: Size) -> Result<String, Error> {
    let ask = |device: &Device| -> Result<Vec<f64>, Error> {
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
    let (near, far) = (ask(&processor())?, ask(card)?);
    let apart = near.iter().zip(&far).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let said = format!("{} probabilities, at most {apart:.1e} apart", near.len());
    if near.len() == far.len() && apart < 1e-3 { Ok(said) } else { Err(said.into()) }
}

/// Doubles the batch until the card is full; the processor, standing in, is never asked.
fn full(_: &Data, card: &Device, _: Size) -> Result<String, Error> {
    if !card.is_cuda() {
        return Ok("left out: the processor's memory is not to be filled".to_owned());
    }
    for batch in (5..14).map(|power| 1 << power) {
        let mut network = Network::new(Architecture::ResNet50, LABELS, Seed::new(1))?;
        network.to_device(card)?;
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
    Err("the card was never full".into())
}
