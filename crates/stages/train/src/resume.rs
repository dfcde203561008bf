//! The state of unfinished training on disk.

use crate::{Args, RECIPE_VERSION};
use hpa_artifacts::{ArtifactError, Digest, Provenance, canonical_json};
use hpa_cli::RunContext;
use hpa_nn::{Device, StateError, TrainState, Trainer};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Writes states, in the background, and finds the last one again.
pub(crate) struct Keeper {
    /// The file, if the state is to be kept.
    path: Option<PathBuf>,
    /// Names recipe, settings and inputs: a state of another run is not gone on from.
    run: Digest,
    /// The same run's name where it was begun on another kind of device, and what that is called.
    elsewhere: Vec<(Digest, &'static str)>,
    /// Within an epoch, states follow each other no sooner.
    pause: Duration,
    last: Instant,
    writing: Option<JoinHandle<Result<(), ArtifactError>>>,
}

impl Keeper {
    pub(crate) fn new(args: &Args, provenance: &Provenance, device: &Device) -> Self {
        // Another SIMD path rounds otherwise; half a run on each would be like neither.
        let run = |path: &str| {
            Digest::of_bytes(canonical_json(&(RECIPE_VERSION, provenance, path)).as_bytes())
        };
        let path = args.resume_dir.as_ref().map(|folder| folder.join("state.safetensors"));
        let pause = Duration::from_secs(args.save_every_s);
        let elsewhere = device.others().map(|other| (run(other), other)).collect();
        let run = run(device.path());
        Self { path, run, elsewhere, pause, last: Instant::now(), writing: None }
    }

    /// The state of this run; one from another kind of device where there is none from this.
    fn find(&self, path: &Path, context: &RunContext) -> Result<TrainState, StateError> {
        let found = TrainState::read(path, self.run);
        if !matches!(found, Err(StateError::OtherRun)) {
            return found;
        }
        for (run, other) in &self.elsewhere {
            if let Ok(state) = TrainState::read(path, *run) {
                context.info(format!(
                    "this run was begun on another device ({other}): its weights will be those of neither alone"
                ));
                return Ok(state);
            }
        }
        found
    }

    /// Goes on from the state on disk if it is this run's, and says so.
    pub(crate) fn resume(
        &self,
        trainer: &mut Trainer<'_>,
        context: &RunContext,
    ) -> anyhow::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        hpa_artifacts::atomic::remove_leftovers(path)?;
        let shown = path.display();
        match self.find(path, context) {
            Ok(found) => {
                trainer.restore(found)?;
                let (epochs, steps) = (trainer.history().len(), trainer.steps());
                context.info(format!("going on after epoch {epochs}, step {steps} ({shown})"));
            }
            Err(StateError::Absent) => {}
            Err(StateError::OtherRun) => context.info(format!(
                "{shown} is the state of a run with other settings or inputs: training starts anew"
            )),
            Err(StateError::Damaged(reason)) => {
                context.warning(format!("{shown} is damaged ({reason}): training starts anew"));
            }
        }
        Ok(())
    }

    /// Whether states are kept at all.
    pub(crate) const fn keeps(&self) -> bool {
        self.path.is_some()
    }

    /// Whether a state is wanted before the epoch ends.
    pub(crate) fn is_due(&self) -> bool {
        self.keeps() && self.last.elapsed() >= self.pause
    }

    /// Begins to write the state; training goes on meanwhile.
    pub(crate) fn save(&mut self, trainer: &Trainer<'_>) -> anyhow::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        self.wait()?;
        self.last = Instant::now();
        let (state, run) = (trainer.state()?, self.run);
        self.writing = Some(std::thread::spawn(move || state.write(&path, run)));
        Ok(())
    }

    /// Waits until the last state is on disk.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(writing) = self.writing.take() {
            writing.join().map_err(|_| anyhow::anyhow!("writing the state panicked"))??;
        }
        Ok(())
    }

    /// Removes the state: the checkpoint is there.
    pub(crate) fn clear(&mut self) -> anyhow::Result<()> {
        self.wait()?;
        let Some(path) = &self.path else { return Ok(()) };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ArtifactError::io(path, "remove")(error))?;
            }
            _ => {}
        }
        // The folder goes too where nothing else lies in it.
        if let Some(folder) = path.parent() {
            std::fs::remove_dir(folder).ok();
        }
        Ok(())
    }
}
