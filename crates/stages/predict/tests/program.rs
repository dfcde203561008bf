//! The program from its command line: outputs and refusals.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of small images"
)]

use hpa_artifacts::{Artifact, Checkpoint, CheckpointMeta, Predictions, Provenance};
use hpa_core::{LabelNames, Seed};
use hpa_nn::{Architecture, Network};
use hpa_tests::fixtures::{folds, image_row, noise_images, write_shard};
use hpa_tests::{TestCommand, TestDir};

const SIZE: usize = 32;

/// A folds file of six samples in two folds by turns; what is made from it.
fn write_folds(dir: &TestDir, name: &str, first_fold: u64) -> Provenance {
    let row = |number: u64| (format!("sample-{number}"), (number + first_fold) % 2);
    let folds = folds(2, &(0..6).map(row).collect::<Vec<_>>());
    let digest = folds.write(&dir.path(name), &Provenance::new(&())).unwrap();
    Provenance::new(&()).with_input("folds", digest).with_ancestor("folds", digest)
}

/// Six samples, two folds and an untrained network for each.
fn inputs() -> TestDir {
    let dir = TestDir::new();
    let images = noise_images(6, SIZE, 1).into_iter().enumerate();
    let rows = images.map(|(number, image)| image_row(&format!("sample-{number}"), 32, image));
    write_shard(&dir.path("images.parquet"), SIZE, rows);
    write_folds(&dir, "other.parquet", 1);
    let provenance = write_folds(&dir, "folds.parquet", 0);
    for fold in 0..2_u8 {
        let network = Network::new(Architecture::ResNet18, 28, Seed::new(fold.into())).unwrap();
        let meta = CheckpointMeta {
            architecture: "resnet18".into(),
            recipe_version: 1,
            size_px: SIZE,
            mean: [0.5; 4],
            std: [0.3; 4],
            label_names: LabelNames::atlas(),
            fold,
            folds: 2,
            seed: 1,
            simd: "portable".into(),
            checkpoint: "last".into(),
            settings: serde_json::json!({}),
            provenance: provenance.clone(),
        };
        let checkpoint = Checkpoint { meta, tensors: network.tensors().unwrap() };
        checkpoint.write(&dir.path(&format!("fold-{fold}.safetensors")), &provenance).unwrap();
    }
    dir
}

fn predict(dir: &TestDir, flags: &str) -> TestCommand {
    let program = dir.program(env!("CARGO_BIN_EXE_hpa-predict"));
    program.words("--images images.parquet --out p.parquet").words(flags)
}

fn predictions(dir: &TestDir, flags: &str) -> Predictions {
    predict(dir, flags).succeeds();
    Predictions::read(&dir.path("p.parquet")).unwrap().value
}

const BOTH: &str = "--model fold-0.safetensors fold-1.safetensors";

#[test]
fn out_of_fold_takes_the_model_of_each_samples_fold_and_the_mean_takes_all() {
    let dir = inputs();
    let one = predictions(&dir, "--model fold-0.safetensors");
    let two = predictions(&dir, "--model fold-1.safetensors");
    let mean = predictions(&dir, BOTH);
    let out = predictions(&dir, &format!("{BOTH} --folds folds.parquet"));
    assert!(mean.folds.is_none());
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    for sample in 0..6 {
        let own = if sample % 2 == 0 { one.row(sample) } else { two.row(sample) };
        assert!(close(out.row(sample), own), "{sample}");
        let half: Vec<f32> = one
            .row(sample)
            .iter()
            .zip(two.row(sample))
            .map(|(a, b)| f32::midpoint(*a, *b))
            .collect();
        assert!(close(mean.row(sample), &half), "{sample}");
    }
    assert_eq!(
        out.folds.unwrap().folds.iter().map(|f| f.get()).collect::<Vec<_>>(),
        [0, 1, 0, 1, 0, 1]
    );
    let all = predictions(&dir, &format!("{BOTH} --tta d4"));
    let most = predictions(&dir, &format!("{BOTH} --tta d4-max"));
    assert!(all.probabilities.iter().zip(&most.probabilities).all(|(mean, max)| mean <= max));
}

#[test]
fn the_json_has_the_throughput() {
    let dir = inputs();
    let report = predict(&dir, BOTH).json();
    assert!(report["images_per_second"].as_f64().unwrap() > 0.0, "{report}");
    assert_eq!((&report["samples"], &report["models"]), (&6.into(), &2.into()));
}

#[test]
fn models_folds_and_images_of_different_runs_are_refused() {
    let dir = inputs();
    for (flags, status, message) in [
        ("--model fold-0.safetensors --folds folds.parquet", 1, "no model holds out fold 1"),
        (
            "--model fold-0.safetensors fold-0.safetensors fold-1.safetensors --folds folds.parquet",
            1,
            "the same checkpoint",
        ),
        (&format!("{BOTH} --folds other.parquet"), 1, "is from another run"),
        (&format!("{BOTH} --tta flips"), 2, "d4-max"),
        (&format!("{BOTH} --tta mix"), 2, "now called fastai"),
        (&format!("{BOTH} --device cuda"), 1, "built without CUDA"),
        ("--model folds.parquet", 1, "folds.parquet"),
    ] {
        let stderr = predict(&dir, flags).fails(status);
        assert!(stderr.contains(message), "{flags}: {stderr}");
        assert!(!dir.path("p.parquet").exists(), "{flags}");
    }
}

/// Probabilities for one sample, with the pixel at `(x, y)` of the view `[32][32]` interpolated
/// linearly at `source(x, y)` of the sample.
fn predict_view(
    network: &Network,
    pixels: &[u8],
    source: impl Fn(f64, f64) -> (f64, f64),
) -> Vec<f64> {
    let mut image = Vec::new();
    for index in 0..SIZE * SIZE {
        let (x, y) = source((index % SIZE) as f64, (index / SIZE) as f64);
        let edge = (SIZE - 1) as f64;
        let (x, y) = (x.clamp(0.0, edge), y.clamp(0.0, edge));
        for channel in pixels.chunks_exact(SIZE * SIZE) {
            let level = |x: f64, y: f64| f64::from(channel[y as usize * SIZE + x as usize]) / 255.0;
            let (left, top) = (x.floor(), y.floor());
            let (right, bottom) = ((left + 1.0).min(edge), (top + 1.0).min(edge));
            let (dx, dy) = (x - left, y - top);
            let upper = level(left, top) * (1.0 - dx) + level(right, top) * dx;
            let lower = level(left, bottom) * (1.0 - dx) + level(right, bottom) * dx;
            image.push(((upper * (1.0 - dy) + lower * dy - 0.5) / 0.3) as f32);
        }
    }
    let logits = network.inference_model().unwrap().logits(image, SIZE).unwrap();
    logits.iter().map(|logit| 1.0 / (1.0 + (-f64::from(*logit)).exp())).collect()
}

/// One of the eight symmetries of the square.
fn predict_symmetry(network: &Network, pixels: &[u8], symmetry: u8) -> Vec<f64> {
    let edge = (SIZE - 1) as f64;
    predict_view(network, pixels, |x, y| {
        let (x, y) = if symmetry & 4 == 0 { (x, y) } else { (y, x) };
        let x = if symmetry & 1 == 0 { x } else { edge - x };
        (x, if symmetry & 2 == 0 { y } else { edge - y })
    })
}

/// Left and top of the crops of 28 of 32 pixels, in their order.
const CROPS: [[f64; 2]; 9] =
    [[2., 2.], [0., 0.], [4., 0.], [0., 4.], [4., 4.], [2., 0.], [0., 2.], [4., 2.], [2., 4.]];

fn predict_crop(network: &Network, pixels: &[u8], [left, top]: [f64; 2]) -> Vec<f64> {
    let source = |pixel: f64, start: f64| (pixel + 0.5) * 28.0 / 32.0 - 0.5 + start;
    predict_view(network, pixels, |x, y| (source(x, left), source(y, top)))
}

/// The probability of a label in each of [`MODES`].
fn expected(symmetries: &[Vec<f64>], crops: &[Vec<f64>], label: usize) -> [f64; 7] {
    let mean =
        |views: &[Vec<f64>]| views.iter().map(|view| view[label]).sum::<f64>() / views.len() as f64;
    let plain = symmetries[0][label];
    let max = symmetries.iter().map(|view| view[label]).fold(0.0, f64::max);
    let fastai = 0.4 * plain + 0.6 * mean(symmetries);
    [plain, mean(symmetries), max, fastai, crops[0][label], mean(&crops[..5]), mean(crops)]
}

const MODES: [&str; 7] = ["none", "d4", "d4-max", "fastai", "crops:1", "crops:5", "crops:9"];

/// Each mode computed here from its definition, for the first model alone.
#[test]
fn every_mode_of_test_time_augmentation_follows_its_definition() {
    let dir = inputs();
    let network = Network::new(Architecture::ResNet18, 28, Seed::new(0)).unwrap();
    let found =
        MODES.map(|mode| predictions(&dir, &format!("--model fold-0.safetensors --tta {mode}")));
    for (sample, pixels) in noise_images(6, SIZE, 1).iter().enumerate() {
        let symmetries: Vec<_> =
            (0..8).map(|symmetry| predict_symmetry(&network, pixels, symmetry)).collect();
        let crops: Vec<_> =
            CROPS.iter().map(|crop| predict_crop(&network, pixels, *crop)).collect();
        for label in 0..28 {
            let modes = MODES.iter().zip(&found).zip(expected(&symmetries, &crops, label));
            for ((mode, found), expected) in modes {
                let found = f64::from(found.row(sample)[label]);
                let place = format!("{mode}, sample {sample}, label {label}");
                assert!((found - expected).abs() < 1e-4, "{place}: {found} for {expected}");
            }
        }
    }
}
