//! Inputs of the program in a folder, and runs of it there.

use hpa_artifacts::{
    Artifact, FoldRow, Folds, ImageRow, ImageWriter, LabelRow, Labels, Provenance,
};
use hpa_core::{FoldCount, LabelNames, SampleId, Seed};
use std::path::Path;
use std::process::{Command, Output};

pub(crate) const SIZE: usize = 40;

pub(crate) fn id(number: usize) -> SampleId {
    format!("sample-{number}").parse().unwrap()
}

/// 12 samples of noise in two folds; `images` of them have pixels.
pub(crate) fn inputs(folder: &Path, images: usize) {
    let provenance = Provenance::new(&());
    let mut writer =
        ImageWriter::create(&folder.join("images.parquet"), SIZE, &provenance).unwrap();
    let mut rng = Seed::new(1).rng();
    for number in 0..images {
        let image = (0..4 * SIZE * SIZE).map(|_| u8::try_from(rng.below(256)).unwrap()).collect();
        let (id, digest) = (id(number), [0; 32]);
        writer.push(&ImageRow { id, height: 40, width: 40, image, phash: [0; 4], digest }).unwrap();
    }
    writer.finish().unwrap();
    let names = LabelNames::atlas();
    let label = |number: usize| names.labels().nth(number % 3).into_iter().collect();
    let rows = (0..12).map(|number| LabelRow { id: id(number), labels: label(number) }).collect();
    let labels = Labels { names: names.clone(), rows };
    labels.write(&folder.join("labels.parquet"), &provenance).unwrap();
    let count = FoldCount::try_from(2).unwrap();
    let row = |number: u32| FoldRow {
        id: id(number as usize),
        fold: count.fold(u64::from(number % 2)).unwrap(),
        group: number,
    };
    let folds = Folds { count, rows: (0..12).map(row).collect() };
    folds.write(&folder.join("folds.parquet"), &provenance).unwrap();
}

/// The program with the flags of a small training run.
pub(crate) fn command(folder: &Path, flags: &[&str]) -> Command {
    let usual = "--images images.parquet --labels labels.parquet --folds folds.parquet --fold 1 \
        --architecture resnet18 --epochs 2 --batch-size 4 --out m/fold-1.safetensors \
        --out-history m/fold-1.history.parquet --resume-dir resume/m --threads 1";
    let mut command = Command::new(env!("CARGO_BIN_EXE_hpa-train"));
    command.current_dir(folder).args(usual.split_whitespace()).args(flags);
    command
}

pub(crate) fn train(folder: &Path, flags: &[&str]) -> Output {
    command(folder, flags).output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
