//! The readers of checkpoints and of external weights.
#![no_main]

use hpa_artifacts::{Artifact, Checkpoint, read_external_weights};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hpa_fuzz::with_file(bytes, |path| {
    let _ = Checkpoint::read(path);
    let _ = read_external_weights(path);
}));
