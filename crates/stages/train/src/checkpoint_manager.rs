//! Saved states of unfinished training.

use crate::{Args, RECIPE_VERSION};
use hpa_artifacts::{ArtifactError, Digest, Provenance, canonical_json};
use hpa_cli::RunContext;
use hpa_nn::{Device, StateError, TrainState, Trainer};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Saves states in the background and restores the last one.
pub(crate) struct CheckpointManager {
    /// The state file; none if no state is to be saved.
    path: Option<PathBuf>,
    /// Digest of recipe version, settings, inputs and compute path.
    run: Digest,
    /// The same run on other compute paths.
    other_paths: Vec<(Digest, &'static str)>,
    /// Shortest time between two states within an epoch.
    interval: Duration,
    last_save: Instant,
    writer: Option<JoinHandle<Result<(), ArtifactError>>>,
}

impl CheckpointManager {
    pub(crate) fn new(args: &Args, provenance: &Provenance, device: &Device) -> Self {
        // Compute paths round differently: a run that changes path ends with other bytes.
        let run = |path: &str| {
            Digest::of_bytes(canonical_json(&(RECIPE_VERSION, provenance, path)).as_bytes())
        };
        Self {
            path: args.resume_dir.as_ref().map(|folder| folder.join("state.safetensors")),
            run: run(device.path()),
            other_paths: device.others().map(|path| (run(path), path)).collect(),
            interval: Duration::from_secs(args.save_every_s),
            last_save: Instant::now(),
            writer: None,
        }
    }

    /// The state of this run, from another kind of device if there is none from this one.
    fn find(&self, path: &Path, context: &RunContext) -> Result<TrainState, StateError> {
        let found = TrainState::read(path, self.run);
        if !matches!(found, Err(StateError::OtherRun)) {
            return found;
        }
        for (run, other_path) in &self.other_paths {
            if let Ok(state) = TrainState::read(path, *run) {
                context.info(format!(
                    "this run was started on another device ({other_path}): its weights will differ from a run on one device alone"
                ));
                return Ok(state);
            }
        }
        found
    }

    /// Restores the state on disk if it is this run's.
    pub(crate) fn resume(
        &self,
        trainer: &mut Trainer<'_>,
        context: &RunContext,
    ) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        hpa_artifacts::atomic::remove_leftovers(path)?;
        match self.find(path, context) {
            Ok(state) => {
                trainer.restore(state)?;
                let (epochs, steps) = (trainer.history().len(), trainer.steps());
                let path = path.display();
                context.info(format!("resuming after epoch {epochs}, step {steps} ({path})"));
            }
            Err(StateError::Absent) => {}
            Err(error) => {
                let text =
                    format!("{} is not resumed: {error}; training starts anew", path.display());
                match error {
                    StateError::Damaged(_) => context.warning(text),
                    _ => context.info(text),
                }
            }
        }
        Ok(())
    }

    /// Whether states are saved at all.
    pub(crate) const fn is_enabled(&self) -> bool {
        self.path.is_some()
    }

    /// Whether a state is to be saved before the epoch ends.
    pub(crate) fn is_due(&self) -> bool {
        self.is_enabled() && self.last_save.elapsed() >= self.interval
    }

    /// Starts to write the state; training continues meanwhile.
    pub(crate) fn save(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        self.wait()?;
        self.last_save = Instant::now();
        let (state, run) = (trainer.state()?, self.run);
        self.writer = Some(std::thread::spawn(move || state.write(&path, run)));
        Ok(())
    }

    /// Waits until the last state is on disk.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.join().map_err(|_| anyhow::anyhow!("writing the state panicked"))??;
        }
        Ok(())
    }

    /// Removes the state after the checkpoint is written, and its folder if that is empty.
    pub(crate) fn clear(&mut self) -> anyhow::Result<()> {
        self.wait()?;
        let Some(path) = &self.path else { return Ok(()) };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ArtifactError::io(path, "remove")(error))?;
            }
            _ => {}
        }
        if let Some(folder) = path.parent() {
            std::fs::remove_dir(folder).ok();
        }
        Ok(())
    }
}
