//! Training as a whole: it learns, it is reproducible bit for bit, it survives interruptions.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use hpa_artifacts::{Digest, ImageRow, ImageStore, ImageWriter, Provenance, Weights};
use hpa_core::{LabelNames, Rng, Seed};
use hpa_nn::{
    Architecture, AugmentConfig, BatchNormMode, ChannelStatistics, CheckpointPolicy, Dataset,
    LossKind, Monitor, Network, NnError, OptimizerKind, PredictConfig, Sample, ScheduleKind, Step,
    TestTimeAugmentation, TrainConfig, TrainData, TrainState, Trainer, predict,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;

const SIDE_PX: usize = 40;
const LABELS: usize = 2;

/// A bright disc in the green channel is label 0; a bright bar in the blue channel label 1.
fn image(labels: [bool; 2], rng: &mut Rng) -> Vec<u8> {
    let area = SIDE_PX * SIDE_PX;
    let (x, y) = (rng.range(8.0, 32.0), rng.range(8.0, 32.0));
    let mut image: Vec<u8> =
        (0..4 * area).map(|_| u8::try_from(40 + rng.below(30)).unwrap()).collect();
    for pixel in 0..area {
        let (row, column) = ((pixel / SIDE_PX) as f64, (pixel % SIDE_PX) as f64);
        if labels[0] && (column - x).hypot(row - y) < 6.25 {
            image[area + pixel] = 200;
        }
        if labels[1] && (row - y).abs() < 2.5 {
            image[2 * area + pixel] = 200;
        }
    }
    image
}

struct Fixture {
    store: ImageStore,
    samples: Vec<Sample>,
    _folder: tempfile::TempDir,
}

/// 96 samples, made once.
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.parquet");
        let mut writer = ImageWriter::create(&path, SIDE_PX, &Provenance::new(&())).unwrap();
        let names = LabelNames::try_from(vec!["disc".to_owned(), "bar".to_owned()]).unwrap();
        let mut rng = Seed::new(11).rng();
        let mut samples = Vec::new();
        for row in 0..96 {
            let labels = [rng.bernoulli(0.5), rng.bernoulli(0.5)];
            let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
            let image = ImageRow {
                id: id.clone(),
                height: 40,
                width: 40,
                image: image(labels, &mut rng),
                phash: [0; 4],
                digest: [0; 32],
            };
            writer.push(&image).unwrap();
            let labels = names.labels().filter(|label| labels[label.index()]).collect();
            samples.push(Sample { id, row, labels });
        }
        writer.finish().unwrap();
        Fixture { store: ImageStore::open(&[path]).unwrap(), samples, _folder: folder }
    })
}

/// Three epochs; `trainer` trains on 64 samples, four steps an epoch.
fn config(optimizer: OptimizerKind) -> TrainConfig {
    let mut config = TrainConfig::new(Architecture::ResNet18);
    config.run.epochs = 3;
    config.run.batch_size = 16;
    config.run.seed = 3;
    config.optimizer.kind = optimizer;
    let is_sgd = optimizer == OptimizerKind::Sgd;
    config.schedule.max_learning_rate = if is_sgd { 0.02 } else { 0.002 };
    config.loss.kind = LossKind::Bce;
    config.augment = AugmentConfig {
        d4: true,
        rotate_degrees: 90.0,
        zoom: 1.2,
        lighting: 0.05,
        probability: 0.5,
        ..AugmentConfig::NONE
    };
    config
}

/// Three epochs of six small steps, with [`small_trainer`].
fn small_config() -> TrainConfig {
    let mut config = config(OptimizerKind::AdamW);
    config.run.batch_size = 4;
    config.augment = AugmentConfig { d4: true, ..AugmentConfig::NONE };
    config
}

fn with_train_samples(
    config: TrainConfig,
    count: usize,
    workers: usize,
) -> Result<Trainer<'static>, NnError> {
    let Fixture { store, samples, .. } = fixture();
    let dataset = |samples| Dataset { store, samples };
    let rows: Vec<usize> = samples[..count].iter().map(|sample| sample.row).collect();
    let data = TrainData {
        train: dataset(&samples[..count]),
        valid: dataset(&samples[64..]),
        labels: LABELS,
        label_weights: &[],
        statistics: ChannelStatistics::of(store, &rows).unwrap(),
        workers,
    };
    let network = Network::new(Architecture::ResNet18, LABELS, config.seed())?;
    Trainer::new(data, config, network)
}

fn trainer(config: TrainConfig, workers: usize) -> Trainer<'static> {
    with_train_samples(config, 64, workers).unwrap()
}

fn small_trainer(config: TrainConfig) -> Trainer<'static> {
    with_train_samples(config, 22, 1).unwrap()
}

type Tensors = BTreeMap<String, Weights>;

fn finish(trainer: &mut Trainer<'_>) -> Tensors {
    while !trainer.is_done() {
        trainer.epoch(&mut |_| {}).unwrap();
    }
    trainer.tensors().unwrap()
}

/// Names of the tensors that differ.
fn changed<'a>(one: &'a Tensors, two: &Tensors) -> Vec<&'a str> {
    one.iter().filter(|(name, weights)| two[*name] != **weights).map(|it| it.0.as_str()).collect()
}

fn frozen(batch_norm: BatchNormMode) -> TrainConfig {
    let mut config = small_config();
    config.freeze.epochs = 1;
    config.freeze.learning_rate = Some(0.01);
    config.freeze.batch_norm = batch_norm;
    config
}

#[test]
fn a_planted_signal_is_learnt() {
    let mut config = config(OptimizerKind::AdamW);
    config.run.epochs = 8;
    let mut trainer = trainer(config, 1);
    let tensors = finish(&mut trainer);
    let last = trainer.history().last().unwrap();
    assert!(last.valid_macro_f1 > 0.9, "{:?}", trainer.history());
    assert!(last.valid_loss < trainer.history()[0].valid_loss);
    let network = Network::from_tensors(Architecture::ResNet18, LABELS, tensors).unwrap();
    let Fixture { store, samples, .. } = fixture();
    let dataset = Dataset { store, samples: &samples[64..] };
    let statistics = ChannelStatistics { mean: [0.2; 4], std: [0.1; 4] };
    let model = network.inference_model().unwrap();
    let predict_with = |tta| {
        let config = PredictConfig { tta, statistics, workers: 2 };
        predict(&model, dataset, config, &mut |_| {}).unwrap()
    };
    let plain = predict_with(TestTimeAugmentation::None);
    let mean = predict_with(TestTimeAugmentation::D4);
    let max = predict_with(TestTimeAugmentation::D4Max);
    assert_eq!(plain.logits.len(), 32 * LABELS);
    assert_eq!(plain.logits, mean.logits, "the first view is the sample as it is");
    assert!(mean.probabilities.iter().zip(&max.probabilities).all(|(mean, max)| mean <= max));
    assert!(plain.probabilities.iter().zip(&max.probabilities).all(|(one, max)| one <= max));
}

#[test]
fn weights_do_not_depend_on_threads_and_workers() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| finish(&mut trainer(config(OptimizerKind::Sgd), threads)))
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

#[test]
fn a_run_resumed_after_an_epoch_ends_like_an_uninterrupted_one() {
    for optimizer in [OptimizerKind::Sgd, OptimizerKind::AdamW] {
        let mut config = config(optimizer);
        config.run.checkpoint = CheckpointPolicy::Best;
        let mut whole = trainer(config.clone(), 1);
        let expected = finish(&mut whole);
        let mut first = trainer(config.clone(), 1);
        first.epoch(&mut |_| {}).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path().join("state"), Digest::of_bytes(b""));
        first.state().unwrap().write(&path, run).unwrap();
        let mut second = trainer(config, 2);
        second.restore(TrainState::read(&path, run).unwrap()).unwrap();
        assert_eq!(second.history(), first.history());
        assert!(finish(&mut second) == expected);
        assert_eq!(second.history(), whole.history());
    }
}

#[test]
fn a_run_resumed_after_any_step_ends_like_an_uninterrupted_one() {
    let mut config = frozen(BatchNormMode::Training);
    config.run.gradient_accumulation_steps = 2;
    config.run.ema_decay = 0.9;
    config.run.progressive_resize = "32:1".parse().unwrap();
    config.run.monitor = Monitor::MacroF1;
    config.run.checkpoint = CheckpointPolicy::Best;
    config.optimizer.grad_clip_norm = 1.0;
    config.schedule.kind = ScheduleKind::Plateau;
    config.schedule.plateau_patience = 0;
    config.schedule.plateau_factor = 0.5;
    config.schedule.body_learning_rate = Some(1e-4);
    let mut whole = small_trainer(config.clone());
    let expected = finish(&mut whole);
    let folder = tempfile::tempdir().unwrap();
    let (path, run) = (folder.path().join("state"), Digest::of_bytes(b""));
    // Three steps an epoch: within epochs, after their last step, before unfreezing and after.
    for stop in [1, 3, 4, 6, 8] {
        let mut first = small_trainer(config.clone());
        let on_step = &mut |_: &Trainer<'static>, step: Step| {
            Ok(if step.number == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        while first.train_epoch(on_step).unwrap().is_continue() {}
        first.state().unwrap().write(&path, run).unwrap();
        let mut second = small_trainer(config.clone());
        second.restore(TrainState::read(&path, run).unwrap()).unwrap();
        assert_eq!(second.steps(), stop);
        assert!(finish(&mut second) == expected, "stopped after step {stop}");
        assert_eq!(second.history(), whole.history(), "stopped after step {stop}");
    }
}

#[test]
fn a_frozen_body_does_not_change_until_it_is_unfrozen() {
    let start = small_trainer(small_config()).tensors().unwrap();
    let mut run = small_trainer(frozen(BatchNormMode::Fixed));
    run.epoch(&mut |_| {}).unwrap();
    let head = run.tensors().unwrap();
    assert_eq!(changed(&start, &head), ["fc.bias", "fc.weight"]);
    // The body has no gradients and therefore no moments.
    let names = run.state().unwrap().tensors.into_keys();
    let moments: Vec<String> = names.filter(|name| name.starts_with("optimizer/mean/")).collect();
    assert_eq!(moments, ["optimizer/mean/fc.bias", "optimizer/mean/fc.weight"]);
    let all = finish(&mut run);
    assert!(changed(&head, &all).contains(&"conv1.weight"));
    assert!(changed(&head, &all).contains(&"bn1.running_mean"));
}

#[test]
fn batch_norm_of_a_frozen_body_can_be_trained() {
    let start = small_trainer(small_config()).tensors().unwrap();
    let mut run = small_trainer(frozen(BatchNormMode::Training));
    run.epoch(&mut |_| {}).unwrap();
    let after = run.tensors().unwrap();
    let changed = changed(&start, &after);
    assert!(changed.contains(&"bn1.weight") && changed.contains(&"layer4.1.bn2.running_var"));
    assert!(!changed.iter().any(|name| name.contains("conv") || name.contains("downsample.0")));
}

#[test]
fn frozen_epochs_have_a_schedule_of_their_own() {
    let mut run = small_trainer(frozen(BatchNormMode::Fixed));
    let mut rates = Vec::new();
    while !run.is_done() {
        run.epoch(&mut |step| rates.push(step.learning_rate)).unwrap();
    }
    // 22 samples in batches of 4: six steps an epoch.
    assert_eq!(rates.len(), 18);
    let max = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    assert!((max(&rates[..6]) - 0.01).abs() < 1e-3 && rates[5] < 1e-5, "{rates:?}");
    assert!((rates[6] - 0.002 / 25.0).abs() < 1e-12 && (max(&rates[6..]) - 0.002).abs() < 2e-4);
}

#[test]
fn accumulated_batches_make_fewer_steps() {
    let mut config = small_config();
    config.run.gradient_accumulation_steps = 4;
    let mut run = small_trainer(config);
    let mut samples = Vec::new();
    run.epoch(&mut |step| samples.push(step.samples)).unwrap();
    assert_eq!(samples.iter().sum::<usize>(), 22);
    assert_eq!((samples.len(), run.steps()), (2, 2));
}

#[test]
fn the_moving_average_is_validated_and_kept() {
    let mut config = small_config();
    let mut plain = small_trainer(config.clone());
    config.run.ema_decay = 0.5;
    let mut averaged = small_trainer(config);
    let (kept, last) = (finish(&mut averaged), finish(&mut plain));
    assert_ne!(kept["fc.weight"], last["fc.weight"]);
    // It does not affect training.
    assert_eq!(averaged.state().unwrap().tensors["network/fc.weight"], last["fc.weight"]);
    let losses =
        |run: &Trainer<'_>| run.history().iter().map(|row| row.train_loss).collect::<Vec<_>>();
    assert_eq!(losses(&averaged), losses(&plain));
    assert_ne!(averaged.history()[2], plain.history()[2]);
}

fn constant_sgd(max_learning_rate: f64) -> TrainConfig {
    let mut config = config(OptimizerKind::Sgd);
    config.schedule.kind = ScheduleKind::Constant;
    config.schedule.max_learning_rate = max_learning_rate;
    config
}

#[test]
fn diverged_training_names_the_batch() {
    let mut trainer = trainer(constant_sgd(1e6), 1);
    let error = (0..3).find_map(|_| trainer.epoch(&mut |_| {}).err()).unwrap();
    let NnError::Diverged { epoch: 0, ids, .. } = &error else { panic!("{error}") };
    assert_eq!(ids.len(), 16);
    assert!(error.to_string().contains(ids[0].as_str()), "{error}");
    assert!(error.to_string().contains("lower max_learning_rate"));
}

/// The only step of an epoch has a finite loss and leaves weights that are not finite.
#[test]
fn predictions_that_are_not_finite_name_the_validation_samples() {
    let mut config = constant_sgd(1e38);
    config.run.batch_size = 128;
    let error = trainer(config, 1).epoch(&mut |_| {}).unwrap_err();
    let NnError::NonFinitePredictions { epoch: 0, ids } = &error else { panic!("{error}") };
    assert!(!ids.is_empty() && error.to_string().contains(ids[0].as_str()), "{error}");
}

/// A convolution of zeros under a huge norm weight: the loss is finite, its gradient is not.
#[test]
fn a_gradient_that_is_not_finite_names_the_batch() {
    let mut config = config(OptimizerKind::Sgd);
    config.optimizer.grad_clip_norm = 1.0;
    let mut trainer = trainer(config, 1);
    let mut state = trainer.state().unwrap();
    for (layer, value) in [("conv2", 0.0), ("bn2", 1e38)] {
        let ending = format!("layer4.1.{layer}.weight");
        let of_network = |name: &String| name.starts_with("network") && name.ends_with(&ending);
        let (_, weights) = state.tensors.iter_mut().find(|(name, _)| of_network(name)).unwrap();
        weights.values.fill(value);
    }
    trainer.restore(state).unwrap();
    let error = trainer.epoch(&mut |_| {}).unwrap_err();
    let NnError::Diverged { epoch: 0, batch: 0, loss, ids } = &error else { panic!("{error}") };
    assert!(!loss.is_finite() && ids.len() == 16, "{error}");
}

#[test]
fn images_are_not_enlarged() {
    let mut config = small_config();
    config.run.progressive_resize = "48:1".parse().unwrap();
    let error = with_train_samples(config, 22, 1).err().unwrap().to_string();
    let expected = "progressive_resize asks for 48 px, but the images are stored at 40 px";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn one_sample_is_too_few() {
    let error = with_train_samples(small_config(), 1, 1).err().unwrap();
    assert!(matches!(error, NnError::TooFewSamples(1)), "{error}");
}
