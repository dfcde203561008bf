//! Searches that are killed in the middle of a measurement go on from their checkpoint file as
//! if nothing had happened.

use crate::problems::{Problem, cases};
use argmin::core::checkpointing::CheckpointingFrequency;
use argmin::core::{CostFunction, Error, Executor, Gradient, Solver, State};
use hpa_optim::{BasinHopping, CheckpointFile, Lbfgsb, VectorState};
use serde::{Serialize, de::DeserializeOwned};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A problem that takes the process with it after some measurements.
struct Mortal {
    problem: Problem,
    left: Cell<u64>,
}

impl CostFunction for Mortal {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        if self.left.get() == 0 {
            std::process::abort(); // nothing is cleaned up, as by `kill -9`
        }
        self.left.set(self.left.get() - 1);
        self.problem.cost(x)
    }
}

impl Gradient for Mortal {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.problem.gradient(x)
    }
}

fn problem() -> Problem {
    cases::all().into_iter().find(|problem| problem.name == "rosenbrock_10_faces").unwrap()
}

/// What must be the same to the last bit.
type End = (Vec<f64>, u64, u64, String);

fn search<S>(solver: S, path: &Path, measurements: u64) -> Result<End, Error>
where
    S: Solver<Mortal, VectorState> + Serialize + DeserializeOwned + 'static,
{
    let problem = problem();
    let start = problem.start.clone();
    let result = Executor::new(Mortal { problem, left: Cell::new(measurements) }, solver)
        .configure(|state| state.param(start))
        .checkpointing(CheckpointFile::new(path, CheckpointingFrequency::Always))
        .run()?;
    let state = result.state();
    let reason = state.get_termination_reason().unwrap().to_string();
    let best = state.get_best_param().unwrap().clone();
    Ok((best, state.get_best_cost().to_bits(), state.get_iter(), reason))
}

fn search_by(name: &str, path: &Path, measurements: u64) -> Result<End, Error> {
    let local = Lbfgsb::new(problem().bounds);
    if name == "lbfgsb" {
        return search(local, path, measurements);
    }
    let hops: BasinHopping<Lbfgsb> = BasinHopping::new(local).with_seed(2).with_hops(100);
    search(hops.with_interval(3)?, path, measurements)
}

/// Does not come back where the variable below is set.
#[test]
#[ignore = "the test below runs it in a process of its own"]
fn a_search_that_is_killed() {
    let Some(order) = std::env::var_os("HPA_OPTIM_KILLED") else { return };
    let order = order.into_string().unwrap();
    let [name, measurements, path] = order.splitn(3, ' ').collect::<Vec<_>>()[..] else { return };
    search_by(name, Path::new(path), measurements.parse().unwrap()).unwrap();
}

fn kill_after(name: &str, measurements: u64, path: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["killed::a_search_that_is_killed", "--exact", "--ignored"])
        .env("HPA_OPTIM_KILLED", format!("{name} {measurements} {}", path.display()))
        .output()
        .unwrap()
        .status;
    assert!(!status.success() && status.code().is_none(), "{name} outlived {measurements}");
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("search.json");
    (folder, path)
}

#[test]
fn a_killed_search_goes_on_from_its_file_bit_for_bit() {
    for (name, kills) in [("lbfgsb", [6, 11, 23]), ("basinhopping", [101, 150, 230])] {
        let (_folder, path) = fresh();
        let whole = search_by(name, &path, u64::MAX).unwrap();
        for measurements in kills {
            let (_folder, path) = fresh();
            kill_after(name, measurements, &path);
            assert!(path.exists(), "{name}: nothing saved before measurement {measurements}");
            assert_eq!(search_by(name, &path, u64::MAX).unwrap(), whole, "{name} {measurements}");
        }
        // Killed again and again, each time a little further on.
        let (_folder, path) = fresh();
        for _ in 0..2 {
            kill_after(name, kills[0], &path);
        }
        assert_eq!(search_by(name, &path, u64::MAX).unwrap(), whole, "{name}, killed twice");
    }
}

#[test]
fn what_a_kill_left_beside_the_file_does_no_harm() {
    let (folder, path) = fresh();
    let partial = folder.path().join("search.json.partial");
    std::fs::copy("tests/killed.rs", &partial).unwrap();
    let whole = search_by("lbfgsb", &path, u64::MAX).unwrap();
    assert!(!partial.exists());
    assert_eq!(search_by("lbfgsb", &path, u64::MAX).unwrap(), whole);
}

#[test]
fn a_file_that_is_no_checkpoint_is_named() {
    let (folder, _) = fresh();
    let error = search_by("lbfgsb", folder.path(), u64::MAX).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(hpa_optim::Error::Checkpoint { .. })), "{error}");
    let path = folder.path().join("text.json");
    std::fs::copy("tests/killed.rs", &path).unwrap();
    let error = search_by("lbfgsb", &path, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("text.json") && error.contains("remove it"), "{error}");
}
