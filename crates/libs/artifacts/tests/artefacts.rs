//! Each artefact survives a round trip and rejects each way of being wrong.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and damages files on purpose"
)]

use hpa_artifacts::{
    Artifact, ChannelStatistics, Checkpoint, CheckpointMeta, Digest, FoldColumn, FoldRow, Folds,
    History, HistoryRow, LabelRow, Labels, LrCurve, LrCurvePoint, Predictions, Provenance,
    ScoreRow, Scores, Statistics, ThresholdRow, Thresholds, Weights,
};
use hpa_core::{FoldCount, LabelNames, LabelSet, Threshold};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

fn provenance() -> Provenance {
    Provenance::new(&"settings")
        .with_input("labels", Digest::of_bytes(b"labels"))
        .with_ancestor("folds", Digest::of_bytes(b"folds"))
}

fn labels() -> Labels {
    let names = LabelNames::atlas();
    let row = |id: &str, text: &str| LabelRow {
        id: id.parse().unwrap(),
        labels: LabelSet::parse(text, &names).unwrap(),
    };
    Labels { rows: vec![row("a", "25 0"), row("b", ""), row("c", "27")], names }
}

fn folds() -> Folds {
    let count = FoldCount::try_from(3).unwrap();
    let row = |id: &str, fold, group| FoldRow {
        id: id.parse().unwrap(),
        fold: count.fold(fold).unwrap(),
        group,
    };
    Folds { count, rows: vec![row("a", 0, 0), row("b", 1, 1), row("c", 0, 1)] }
}

fn predictions() -> Predictions {
    let names = LabelNames::try_from(vec!["x".to_owned(), "y".to_owned()]).unwrap();
    let column = folds().rows.iter().map(|row| row.fold).collect();
    let folds = Some(FoldColumn { count: folds().count, folds: column });
    let ids = ["a", "b", "c"].map(|id| id.parse().unwrap()).to_vec();
    Predictions { names, ids, folds, probabilities: vec![0.0, 1.0, 0.5, 0.25, 1e-30, 0.1] }
}

fn thresholds() -> Thresholds {
    let threshold = |value: f64| Threshold::try_from(value).unwrap();
    let row = |held_out| ThresholdRow {
        threshold: threshold(0.5),
        fold_threshold: Some(vec![threshold(0.0), threshold(1.0)]),
        support: 7,
        f1_fitted: 0.75,
        f1_held_out: Some(held_out),
    };
    let (method, metric) = ("exact".to_owned(), "macro-f1".to_owned());
    Thresholds { names: predictions().names, method, metric, rows: vec![row(0.5), row(0.0)] }
}

fn checkpoint() -> Checkpoint {
    let meta = CheckpointMeta {
        architecture: "resnet18".to_owned(),
        recipe_version: 1,
        size_px: 64,
        mean: [0.1; 4],
        std: [0.2; 4],
        label_names: LabelNames::atlas(),
        fold: 1,
        folds: 3,
        seed: 7,
        simd: "portable".to_owned(),
        checkpoint: "last".to_owned(),
        settings: serde_json::json!({"epochs": 3}),
        provenance: provenance(),
    };
    let values = vec![1.0, -2.0, 3.5, 0.0, f32::MIN_POSITIVE, 6.0];
    let weights = Weights { shape: vec![2, 3], values };
    Checkpoint { meta, tensors: BTreeMap::from([("fc.weight".to_owned(), weights)]) }
}

fn history() -> History {
    let row = HistoryRow {
        epoch: 0,
        train_loss: 0.5,
        valid_loss: 0.25,
        valid_macro_f1: 0.1,
        learning_rate: 1e-3,
        valid_label_f1: vec![0.0, 0.2],
        valid_label_loss: vec![0.125, 0.125],
    };
    let mut history = History::default();
    history.rows.push(row);
    history
}

fn scores() -> Scores {
    let row = ScoreRow {
        name: "average".to_owned(),
        split: "oof".to_owned(),
        method: "exact".to_owned(),
        metric: "macro-f1".to_owned(),
        value: 0.5,
        low: 0.4,
        high: 0.6,
    };
    Scores { rows: vec![row] }
}

fn statistics() -> Statistics {
    let channel = |index: usize| {
        let mut histogram = [0; 256];
        (histogram[0], histogram[index], histogram[255]) = (6, 1, 1);
        ChannelStatistics { histogram, correlation: [1.0, -0.5, 0.25, 0.0] }
    };
    Statistics { samples: 2, channels: [1, 2, 3, 4].map(channel) }
}

#[test]
fn mean_deviation_and_saturation_follow_from_the_histogram() {
    let channel = &statistics().channels[0];
    assert_eq!((channel.pixels(), channel.saturated()), (8, 0.125));
    assert!((channel.mean() - 256.0 / 255.0 / 8.0).abs() < 1e-12);
    let variance = (255.0_f64.powi(2) + 1.0) / 255.0_f64.powi(2) / 8.0 - channel.mean().powi(2);
    assert!((channel.std() - variance.sqrt()).abs() < 1e-12);
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.parquet");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    for error in [
        Labels::read(&path).unwrap_err(),
        Checkpoint::read(&path).unwrap_err(),
        Labels::read(folder.path()).unwrap_err(),
        Labels::read(Path::new("/dev/zero")).unwrap_err(),
    ] {
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
}

/// Round trip, equal bytes, every damage refused.
fn holds<T: Artifact + PartialEq + Debug>(value: &T) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let digest = value.write(&path, &provenance()).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let loaded = T::read(&path).unwrap();
    assert_eq!(&loaded.value, value);
    assert_eq!(loaded.origin.digest, digest);
    assert_eq!(loaded.origin.provenance, Some(provenance()));
    value.write(&path, &provenance()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "two writes differ");

    let broken = folder.path().join("broken");
    for place in (0..bytes.len()).step_by(1 + bytes.len() / 200) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        std::fs::write(&broken, &damaged).unwrap();
        assert!(T::read(&broken).is_err(), "flipped a bit of byte {place} of {}", bytes.len());
        std::fs::write(&broken, &bytes[..place]).unwrap();
        assert!(T::read(&broken).is_err(), "cut after {place} of {}", bytes.len());
    }
}

#[test]
fn every_artefact_survives_a_round_trip_and_refuses_damage() {
    holds(&labels());
    holds(&folds());
    holds(&predictions());
    holds(&Predictions { folds: None, ..predictions() });
    holds(&thresholds());
    let mut without_folds = thresholds();
    for row in &mut without_folds.rows {
        (row.fold_threshold, row.f1_held_out) = (None, None);
    }
    holds(&without_folds);
    holds(&history());
    let point = |step| LrCurvePoint { step, learning_rate: 1e-7, loss: 2.0, smooth_loss: 2.5 };
    holds(&LrCurve { points: vec![point(0), point(1)], suggestion: 3e-4 });
    holds(&scores());
    holds(&statistics());
    holds(&checkpoint());
}

#[test]
fn a_file_of_another_kind_is_named_with_the_line_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.parquet");
    folds().write(&path, &provenance()).unwrap();
    let error = Labels::read(&path).unwrap_err().to_string();
    assert!(
        error.contains(
            "is not a labels/1 file: it holds folds/1\n  help: give the file that the flag asks for"
        ),
        "{error}"
    );
}

#[test]
fn an_absent_file_says_how_to_make_it() {
    let error = Labels::read(Path::new("data/quick/labels.parquet")).unwrap_err().to_string();
    // Between the two stands what the Makefile was called with, if it runs this test.
    assert!(error.contains("\n  help: run `make"), "{error}");
    assert!(error.ends_with(" data/quick/labels.parquet`"), "{error}");
}

#[test]
fn weights_from_elsewhere_are_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resnet18.safetensors");
    let nothing = Vec::<(String, safetensors::tensor::TensorView<'_>)>::new();
    std::fs::write(&path, safetensors::serialize(nothing, None).unwrap()).unwrap();
    let error = Checkpoint::read(&path).unwrap_err().to_string();
    assert!(error.contains("no metadata key `hpa`"), "{error}");
}
