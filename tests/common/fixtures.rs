//! Small artefacts for tests.

use hpa_artifacts::{
    Artifact, FoldColumn, FoldRow, Folds, ImageRow, ImageWriter, LabelRow, Labels, Predictions,
    Provenance, ThresholdRow, Thresholds,
};
use hpa_core::{FoldCount, LabelNames, LabelSet, SampleId, Seed, Threshold};
use std::path::{Path, PathBuf};

/// A sample id from text.
pub fn id(text: &str) -> SampleId {
    text.parse().expect("a sample id")
}

/// Label names from text.
pub fn label_names(names: &[&str]) -> LabelNames {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    LabelNames::try_from(names).expect("label names")
}

/// Labels of samples: `labels(&LabelNames::atlas(), &[("s0", "0 3"), ("s1", "27")])`.
pub fn labels<S: AsRef<str>>(names: &LabelNames, rows: &[(S, S)]) -> Labels {
    let row = |(sample, labels): &(S, S)| LabelRow {
        id: id(sample.as_ref()),
        labels: LabelSet::parse(labels.as_ref(), names).expect("labels"),
    };
    Labels { names: names.clone(), rows: rows.iter().map(row).collect() }
}

/// Folds of samples: `folds(2, &[("s0", 0), ("s1", 1)])`; every sample is a group of its own.
pub fn folds<S: AsRef<str>>(count: u64, rows: &[(S, u64)]) -> Folds {
    let count = FoldCount::try_from(count).expect("a number of folds");
    let row = |(group, (sample, fold)): (u32, &(S, u64))| FoldRow {
        id: id(sample.as_ref()),
        fold: count.fold(*fold).expect("a fold"),
        group,
    };
    Folds { count, rows: (0..).zip(rows).map(row).collect() }
}

/// Predictions of samples, in two folds if `folds` are given.
pub fn predictions<S: AsRef<str>>(
    names: &LabelNames,
    rows: &[(S, &[f32])],
    folds: Option<&[u64]>,
) -> Predictions {
    let count = FoldCount::try_from(2).expect("two folds");
    let fold = |&number: &u64| count.fold(number).expect("fold 0 or 1");
    Predictions {
        names: names.clone(),
        ids: rows.iter().map(|row| id(row.0.as_ref())).collect(),
        folds: folds.map(|folds| FoldColumn { count, folds: folds.iter().map(fold).collect() }),
        probabilities: rows.iter().flat_map(|row| row.1).copied().collect(),
    }
}

/// The same threshold for every label, and for every label in each fold if `by_fold` is given.
pub fn thresholds(names: &LabelNames, all: f64, by_fold: Option<&[f64]>) -> Thresholds {
    let threshold = |value: f64| Threshold::try_from(value).expect("a threshold");
    let row = ThresholdRow {
        threshold: threshold(all),
        fold_threshold: by_fold.map(|folds| folds.iter().copied().map(threshold).collect()),
        support: 1,
        f1_fitted: 0.0,
        f1_held_out: None,
    };
    Thresholds {
        names: names.clone(),
        method: format!("fixed:{all}"),
        metric: "macro-f1".to_owned(),
        rows: vec![row; names.count()],
    }
}

/// Writes an artefact without inputs.
pub fn write(artifact: &impl Artifact, path: &Path) {
    artifact.write(path, &Provenance::new(&())).expect("the folder is writable");
}

/// A row of a shard, without digest: a square image of `4 × size_px × size_px` bytes.
pub fn image_row(sample: &str, size_px: u32, image: Vec<u8>) -> ImageRow {
    let (phash, digest) = ([0; 4], [0; 32]);
    ImageRow { id: id(sample), height: size_px, width: size_px, image, phash, digest }
}

/// Writes a shard.
pub fn write_shard(path: &Path, size_px: usize, rows: impl IntoIterator<Item = ImageRow>) {
    let mut writer =
        ImageWriter::create(path, size_px, &Provenance::new(&())).expect("the folder is writable");
    for row in rows {
        writer.push(&row).expect("a row of the shard's size");
    }
    writer.finish().expect("the folder is writable");
}

/// `count` images of uniform noise, `4 × size_px × size_px` bytes each.
pub fn noise_images(count: usize, size_px: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Seed::new(seed).rng();
    let mut byte = || u8::try_from(rng.below(256)).expect("below 256");
    (0..count).map(|_| (0..4 * size_px * size_px).map(|_| byte()).collect()).collect()
}

/// A file of the folder of real data, if it is there; says so if not.
pub fn shared_file(name: &str) -> Option<PathBuf> {
    let path = crate::shared()?.join("data").join(name);
    if path.exists() {
        return path.canonicalize().ok();
    }
    eprintln!("SKIPPED: {} does not exist", path.display());
    None
}
