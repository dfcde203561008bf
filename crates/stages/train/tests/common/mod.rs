//! Inputs of the program in a folder, and runs of it there.

use hpa_core::LabelNames;
use hpa_tests::fixtures;
use std::path::Path;
use std::process::{Command, Output};

pub(crate) const SIZE: usize = 40;

/// 12 samples of noise in two folds; `images` of them have pixels.
pub(crate) fn inputs(folder: &Path, images: usize) {
    let row = |(number, image)| fixtures::image_row(&format!("sample-{number}"), 40, image);
    let images = fixtures::noise_images(images, SIZE, 1).into_iter().enumerate().map(row);
    fixtures::write_shard(&folder.join("images.parquet"), SIZE, images);
    let ids = || (0..12).map(|number| (number, format!("sample-{number}")));
    let rows: Vec<_> = ids().map(|(number, id)| (id, (number % 3).to_string())).collect();
    let labels = fixtures::labels(&LabelNames::atlas(), &rows);
    fixtures::write(&labels, &folder.join("labels.parquet"));
    let rows: Vec<_> = ids().map(|(number, id)| (id, number % 2)).collect();
    fixtures::write(&fixtures::folds(2, &rows), &folder.join("folds.parquet"));
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
