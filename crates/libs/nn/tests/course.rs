//! The course of training beside the schedule: what stands still, what is averaged, what a run
//! that was left between two steps takes up again.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use hpa_artifacts::{Digest, ImageRow, ImageStore, ImageWriter, Provenance, Weights};
use hpa_core::{LabelNames, Seed};
use hpa_nn::{
    Architecture, Augmentation, BatchNormMode, ChannelStatistics, CheckpointPolicy, Course,
    Dataset, Freeze, Loss, LossKind, LossReduction, Monitor, Network, NnError, OptimizerKind,
    Plateau, Precision, Recipe, Sample, Sampler, ScheduleKind, TrainData, TrainState, Trainer,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;

const SIZE: usize = 40;

struct Fixture {
    store: ImageStore,
    samples: Vec<Sample>,
    _folder: tempfile::TempDir,
}

/// 30 pictures of noise, made once: half of them bright in the green channel, which is label 0.
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.parquet");
        let mut writer = ImageWriter::create(&path, SIZE, &Provenance::new(&())).unwrap();
        let names = LabelNames::try_from(vec!["bright".to_owned(), "none".to_owned()]).unwrap();
        let mut rng = Seed::new(4).rng();
        let mut samples = Vec::new();
        for row in 0..30 {
            let mut image: Vec<u8> =
                (0..4 * SIZE * SIZE).map(|_| u8::try_from(rng.below(120)).unwrap()).collect();
            if row % 2 == 0 {
                image[SIZE * SIZE..2 * SIZE * SIZE].iter_mut().for_each(|pixel| *pixel += 80);
            }
            let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
            let image = ImageRow {
                id: id.clone(),
                height: 40,
                width: 40,
                image,
                phash: [0; 4],
                digest: [0; 32],
            };
            writer.push(&image).unwrap();
            let labels =
                names.labels().filter(|label| label.index() == 0 && row % 2 == 0).collect();
            samples.push(Sample { id, row, labels });
        }
        writer.finish().unwrap();
        Fixture { store: ImageStore::open(&[path]).unwrap(), samples, _folder: folder }
    })
}

fn recipe(course: Course) -> Recipe {
    Recipe {
        epochs: 3,
        batch_size: 4,
        optimizer: OptimizerKind::AdamW,
        weight_decay: 0.01,
        schedule: ScheduleKind::OneCycle,
        max_learning_rate: 0.002,
        momentum: 0.9,
        course,
        loss: Loss { kind: LossKind::Bce, gamma: 0.0, reduction: LossReduction::Sum },
        augmentation: Augmentation { d4: true, ..Augmentation::NONE },
        sampling: Sampler::UNIFORM,
        label_smoothing: 0.0,
        precision: Precision::F32,
        keep: CheckpointPolicy::Last,
        seed: Seed::new(3),
    }
}

fn trainer(recipe: &Recipe) -> Result<Trainer<'static>, NnError> {
    let Fixture { store, samples, .. } = fixture();
    let dataset = |samples| Dataset { store, samples };
    let statistics = ChannelStatistics { mean: [0.3; 4], std: [0.2; 4] };
    let (train, valid) = (dataset(&samples[..22]), dataset(&samples[22..]));
    let task = TrainData { train, valid, labels: 2, label_weights: &[], statistics, workers: 1 };
    Trainer::new(task, *recipe, Network::new(Architecture::ResNet18, 2, recipe.seed)?)
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

fn frozen(norms: BatchNormMode) -> Course {
    let freeze = Freeze { epochs: 1, learning_rate: Some(0.01), norms };
    Course { freeze, ..Course::default() }
}

#[test]
fn a_frozen_body_stands_still_and_then_learns() {
    let start = trainer(&recipe(Course::default())).unwrap().tensors().unwrap();
    let mut run = trainer(&recipe(frozen(BatchNormMode::Fixed))).unwrap();
    run.epoch(&mut |_| {}).unwrap();
    let head = run.tensors().unwrap();
    assert_eq!(changed(&start, &head), ["fc.bias", "fc.weight"]);
    // No moments either: nothing was computed for the body.
    let kept = run.state().unwrap().tensors.into_keys();
    let moments: Vec<String> = kept.filter(|name| name.starts_with("optimizer/mean/")).collect();
    assert_eq!(moments, ["optimizer/mean/fc.bias", "optimizer/mean/fc.weight"]);
    let all = finish(&mut run);
    assert!(changed(&head, &all).contains(&"conv1.weight"));
    assert!(changed(&head, &all).contains(&"bn1.running_mean"));
}

#[test]
fn norms_of_a_frozen_body_may_go_on_learning() {
    let start = trainer(&recipe(Course::default())).unwrap().tensors().unwrap();
    let mut run = trainer(&recipe(frozen(BatchNormMode::Training))).unwrap();
    run.epoch(&mut |_| {}).unwrap();
    let after = run.tensors().unwrap();
    let changed = changed(&start, &after);
    assert!(changed.contains(&"bn1.weight") && changed.contains(&"layer4.1.bn2.running_var"));
    assert!(!changed.iter().any(|name| name.contains("conv") || name.contains("downsample.0")));
}

#[test]
fn the_head_has_a_schedule_of_its_own() {
    let mut run = trainer(&recipe(frozen(BatchNormMode::Fixed))).unwrap();
    let mut rates = Vec::new();
    while !run.is_done() {
        run.epoch(&mut |step| rates.push(step.learning_rate)).unwrap();
    }
    // 22 samples in batches of 4: six steps an epoch.
    assert_eq!(rates.len(), 18);
    let most = |rates: &[f64]| rates.iter().copied().fold(0.0, f64::max);
    assert!((most(&rates[..6]) - 0.01).abs() < 1e-3 && rates[5] < 1e-5, "{rates:?}");
    assert!((rates[6] - 0.002 / 25.0).abs() < 1e-12 && (most(&rates[6..]) - 0.002).abs() < 2e-4);
}

#[test]
fn accumulated_batches_make_fewer_steps() {
    let course = Course { accumulate: 4, ..Course::default() };
    let mut run = trainer(&recipe(course)).unwrap();
    let mut samples = Vec::new();
    run.epoch(&mut |step| samples.push(step.samples)).unwrap();
    assert_eq!(samples.iter().sum::<usize>(), 22);
    assert_eq!((samples.len(), run.steps()), (2, 2));
}

#[test]
fn the_average_is_what_is_scored_and_kept() {
    let course = Course { ema_decay: 0.5, ..Course::default() };
    let mut averaged = trainer(&recipe(course)).unwrap();
    let mut plain = trainer(&recipe(Course::default())).unwrap();
    let (kept, last) = (finish(&mut averaged), finish(&mut plain));
    assert_ne!(kept["fc.weight"], last["fc.weight"]);
    // Training itself does not see it.
    assert_eq!(averaged.state().unwrap().tensors["network/fc.weight"], last["fc.weight"]);
    let losses =
        |run: &Trainer<'_>| run.history().iter().map(|row| row.train_loss).collect::<Vec<_>>();
    assert_eq!(losses(&averaged), losses(&plain));
    assert_ne!(averaged.history()[2], plain.history()[2]);
}

#[test]
fn a_run_that_was_left_after_any_step_ends_like_one_that_was_not() {
    let course = Course {
        accumulate: 2,
        ema_decay: 0.9,
        clip_norm: 1.0,
        sizes: "32:1".parse().unwrap(),
        plateau: Plateau { patience: 0, factor: 0.5 },
        monitor: Monitor::MacroF1,
        first_group_learning_rate: Some(1e-4),
        ..frozen(BatchNormMode::Training)
    };
    let recipe =
        Recipe { schedule: ScheduleKind::Plateau, keep: CheckpointPolicy::Best, ..recipe(course) };
    let mut whole = trainer(&recipe).unwrap();
    let expected = finish(&mut whole);
    let folder = tempfile::tempdir().unwrap();
    let (path, run) = (folder.path().join("state"), Digest::of_bytes(b""));
    // Three steps an epoch: within epochs, after their last step, before the thaw and after.
    for stop in [1, 3, 4, 6, 8] {
        let mut first = trainer(&recipe).unwrap();
        let watch = &mut |_: &Trainer<'static>, step: hpa_nn::Step| {
            Ok(if step.number == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        while first.train_epoch(watch).unwrap() == ControlFlow::Continue(()) {}
        first.state().unwrap().write(&path, run).unwrap();
        let mut second = trainer(&recipe).unwrap();
        second.restore(TrainState::read(&path, run).unwrap()).unwrap();
        assert_eq!(second.steps(), stop);
        assert!(finish(&mut second) == expected, "stopped after step {stop}");
        assert_eq!(second.history(), whole.history(), "stopped after step {stop}");
    }
}

#[test]
fn pictures_are_not_enlarged() {
    let course = Course { sizes: "48:1".parse().unwrap(), ..Course::default() };
    let error = trainer(&recipe(course)).err().unwrap().to_string();
    assert!(error.contains("sizes asks for 48 px, but the images are stored at 40 px"), "{error}");
}
