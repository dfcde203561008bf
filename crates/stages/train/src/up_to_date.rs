//! Whether the checkpoint on disk is the one that training would write.

use crate::fingerprint::ConfigFingerprint;
use crate::{Args, RECIPE_VERSION, TrainReport};
use hpa_artifacts::{Artifact, Checkpoint, History, Provenance};
use std::path::Path;

/// The report of the outputs on disk, if recipe version, configuration and inputs are the present
/// ones; they are then touched, so that Make sees them as newer than their inputs.
///
/// A new build of the program alone does not make a checkpoint outdated, because it costs minutes
/// to days: the recipe version that it records decides.
pub(crate) fn up_to_date(
    args: &Args,
    fingerprint: &ConfigFingerprint<'_>,
    provenance: &Provenance,
) -> Option<TrainReport> {
    let checkpoint = Checkpoint::read(args.out().ok()?.path()).ok()?;
    let recorded = checkpoint.origin.provenance.as_ref()?;
    // The configuration is compared setting by setting, because its digest depends on the keys.
    let has_same_inputs = Provenance { config: recorded.config, ..provenance.clone() } == *recorded;
    let is_same = checkpoint.meta.recipe_version == RECIPE_VERSION
        && has_same_inputs
        && fingerprint.matches(&checkpoint.meta);
    if !is_same {
        return None;
    }
    let history = match &args.out_history {
        None => None,
        Some(path) => {
            let history = History::read(path.path()).ok()?;
            if history.origin.provenance.as_ref() != Some(recorded) {
                return None;
            }
            touch(path.path()).ok()?;
            Some(history.value)
        }
    };
    touch(&checkpoint.origin.path).ok()?;
    Some(TrainReport::up_to_date(history.as_ref()))
}

/// Sets a file's modification time to now, by setting its length to what it is.
fn touch(path: &Path) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.set_len(file.metadata()?.len())
}
