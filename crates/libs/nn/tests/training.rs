//! Training as a whole: it learns, it repeats itself to the bit, it survives being stopped.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance, Weights};
use hpa_core::{LabelNames, Rng, Seed};
use hpa_nn::{
    Architecture, Augmentation, ChannelStatistics, CheckpointPolicy, Course, Dataset, Loss,
    LossKind, LossReduction, Network, NnError, OptimizerKind, PredictConfig, Recipe, Sample,
    Sampler, ScheduleKind, TestTimeAugmentation, TrainData, Trainer, predict,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;

const SIZE: usize = 32;
const LABELS: usize = 2;

/// A bright disc in the green channel is label 0; a bright bar in the nucleus' channel label 1.
fn picture(labels: [bool; 2], rng: &mut Rng) -> Vec<u8> {
    let (x, y) = (rng.range(8.0, 24.0), rng.range(8.0, 24.0));
    let mut image: Vec<u8> =
        (0..4 * SIZE * SIZE).map(|_| u8::try_from(40 + rng.below(30)).unwrap()).collect();
    for row in 0..SIZE {
        for column in 0..SIZE {
            let distance = (column as f64 - x).hypot(row as f64 - y);
            let pixel = row * SIZE + column;
            if labels[0] && distance < 5.0 {
                image[SIZE * SIZE + pixel] = 200;
            }
            if labels[1] && (row as f64 - y).abs() < 2.0 {
                image[2 * SIZE * SIZE + pixel] = 200;
            }
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
        let mut writer = ImageWriter::create(&path, SIZE, &Provenance::new(&())).unwrap();
        let names = LabelNames::try_from(vec!["disc".to_owned(), "bar".to_owned()]).unwrap();
        let mut rng = Seed::new(11).rng();
        let mut samples = Vec::new();
        for row in 0..96 {
            let labels = [rng.bernoulli(0.5), rng.bernoulli(0.5)];
            let image = picture(labels, &mut rng);
            let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
            let (height, width, digest) = (32, 32, [0; 32]);
            let image = ImageRow { id: id.clone(), height, width, image, phash: [0; 4], digest };
            writer.push(&image).unwrap();
            let present = names.labels().filter(|label| labels[label.index()]).collect();
            samples.push(Sample { id, row, labels: present });
        }
        writer.finish().unwrap();
        let store = ImageStore::open(&[path]).unwrap();
        Fixture { store, samples, _folder: folder }
    })
}

fn recipe(optimizer: OptimizerKind) -> Recipe {
    Recipe {
        epochs: 3,
        batch_size: 16,
        optimizer,
        weight_decay: 0.01,
        schedule: ScheduleKind::OneCycle,
        max_learning_rate: if optimizer == OptimizerKind::Sgd { 0.02 } else { 0.002 },
        momentum: 0.9,
        loss: Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum },
        augmentation: Augmentation {
            d4: true,
            rotate_degrees: 90.0,
            zoom: 1.2,
            lighting: 0.05,
            probability: 0.5,
            ..Augmentation::NONE
        },
        sampling: Sampler::UNIFORM,
        label_smoothing: 0.0,
        course: Course::default(),
        keep: CheckpointPolicy::Last,
        precision: hpa_nn::Precision::F32,
        seed: Seed::new(3),
    }
}

fn trainer(recipe: &Recipe, workers: usize) -> Trainer<'static> {
    let Fixture { store, samples, .. } = fixture();
    let (train, valid) = samples.split_at(64);
    let rows: Vec<usize> = train.iter().map(|sample| sample.row).collect();
    let dataset = |samples| Dataset { store, samples };
    let statistics = ChannelStatistics::of(store, &rows).unwrap();
    let (train, valid) = (dataset(train), dataset(valid));
    let task = TrainData { train, valid, labels: LABELS, label_weights: &[], statistics, workers };
    let network = Network::new(Architecture::ResNet18, LABELS, recipe.seed).unwrap();
    Trainer::new(task, *recipe, network).unwrap()
}

fn finish(trainer: &mut Trainer<'_>) -> BTreeMap<String, Weights> {
    while !trainer.is_done() {
        trainer.epoch(&mut |_| {}).unwrap();
    }
    trainer.tensors().unwrap()
}

#[test]
fn a_planted_signal_is_learnt() {
    let mut trainer = trainer(&Recipe { epochs: 6, ..recipe(OptimizerKind::AdamW) }, 1);
    let tensors = finish(&mut trainer);
    let last = trainer.history().last().unwrap();
    assert!(last.valid_macro_f1 > 0.9, "{:?}", trainer.history());
    assert!(last.valid_loss < trainer.history()[0].valid_loss);
    // The answers do not depend on the views' order where the network has seen all of them.
    let network = Network::from_tensors(Architecture::ResNet18, LABELS, tensors).unwrap();
    let Fixture { store, samples, .. } = fixture();
    let dataset = Dataset { store, samples: &samples[64..] };
    let statistics = ChannelStatistics { mean: [0.2; 4], std: [0.1; 4] };
    let model = network.inference_model().unwrap();
    let look = |tta| {
        let config = PredictConfig { tta, statistics, workers: 2 };
        predict(&model, dataset, config, &mut |_| {}).unwrap()
    };
    let plain = look(TestTimeAugmentation::None);
    let all = look(TestTimeAugmentation::D4);
    let most = look(TestTimeAugmentation::D4Max);
    assert_eq!(plain.logits.len(), 32 * LABELS);
    assert_eq!(plain.logits, all.logits);
    assert!(all.probabilities.iter().zip(&most.probabilities).all(|(mean, max)| mean <= max));
    assert!(most.probabilities.iter().zip(&plain.probabilities).all(|(max, one)| one <= max));
}

#[test]
fn neither_threads_nor_workers_move_a_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| finish(&mut trainer(&recipe(OptimizerKind::Sgd), threads)))
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

#[test]
fn a_run_that_was_stopped_ends_like_one_that_was_not() {
    for optimizer in [OptimizerKind::Sgd, OptimizerKind::AdamW] {
        let recipe = Recipe { keep: CheckpointPolicy::Best, ..recipe(optimizer) };
        let mut whole = trainer(&recipe, 1);
        let expected = finish(&mut whole);
        let mut first = trainer(&recipe, 1);
        first.epoch(&mut |_| {}).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path().join("state"), hpa_artifacts::Digest::of_bytes(b""));
        first.state().unwrap().write(&path, run).unwrap();
        let mut second = trainer(&recipe, 2);
        second.restore(hpa_nn::TrainState::read(&path, run).unwrap()).unwrap();
        assert_eq!(second.history(), first.history());
        assert!(finish(&mut second) == expected);
        assert_eq!(second.history(), whole.history());
    }
}

#[test]
fn exploding_training_names_the_batch() {
    let recipe = Recipe {
        max_learning_rate: 1e6,
        schedule: ScheduleKind::Constant,
        ..recipe(OptimizerKind::Sgd)
    };
    let mut trainer = trainer(&recipe, 1);
    let error = (0..3).find_map(|_| trainer.epoch(&mut |_| {}).err()).unwrap();
    let NnError::Diverged { epoch: 0, ids, .. } = &error else { panic!("{error}") };
    assert_eq!(ids.len(), 16);
    assert!(error.to_string().contains(ids[0].as_str()), "{error}");
    assert!(error.to_string().contains("lower max_learning_rate"));
}

/// The only step of an epoch: its loss is a number, the weights that it leaves are none.
#[test]
fn answers_that_are_no_numbers_name_the_samples_held_out() {
    let recipe = Recipe {
        batch_size: 128,
        max_learning_rate: 1e38,
        schedule: ScheduleKind::Constant,
        ..recipe(OptimizerKind::Sgd)
    };
    let error = trainer(&recipe, 1).epoch(&mut |_| {}).unwrap_err();
    let NnError::NonFinitePredictions { epoch: 0, ids } = &error else { panic!("{error}") };
    assert!(!ids.is_empty() && error.to_string().contains(ids[0].as_str()), "{error}");
}

/// A silent convolution under an enormous norm: the loss is a number, its gradient is none.
#[test]
fn a_gradient_that_is_no_number_names_the_batch() {
    let course = Course { clip_norm: 1.0, ..Course::default() };
    let mut trainer = trainer(&Recipe { course, ..recipe(OptimizerKind::Sgd) }, 1);
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
fn one_sample_is_too_few() {
    let Fixture { store, samples, .. } = fixture();
    let statistics = ChannelStatistics { mean: [0.0; 4], std: [1.0; 4] };
    let (train, valid) = (Dataset { store, samples: &samples[..1] }, Dataset { store, samples });
    let task =
        TrainData { train, valid, labels: LABELS, label_weights: &[], statistics, workers: 1 };
    let network = Network::new(Architecture::ResNet18, LABELS, Seed::new(1)).unwrap();
    let error = Trainer::new(task, recipe(OptimizerKind::Sgd), network).err().unwrap();
    assert!(matches!(error, NnError::TooFewSamples(1)), "{error}");
}
