//! argmin's state, observers and checkpoints with both solvers.

use crate::problems::{Problem, cases};
use argmin::core::checkpointing::{Checkpoint, CheckpointingFrequency};
use argmin::core::observers::{Observe, ObserverMode};
use argmin::core::{Error, Executor, IterState, KV, OptimizationResult, Solver, State};
use hpa_optim::{BasinHopping, Lbfgsb, StopReason, VectorState};
use serde::{Serialize, de::DeserializeOwned};
use std::cell::RefCell;
use std::rc::Rc;

/// Stores the last checkpoint as JSON text.
#[derive(Clone, Default)]
struct Json(Rc<RefCell<Option<String>>>);

impl<S: Serialize + DeserializeOwned> Checkpoint<S, VectorState> for Json {
    fn save(&self, solver: &S, state: &VectorState) -> Result<(), Error> {
        *self.0.borrow_mut() = Some(serde_json::to_string(&(solver, state))?);
        Ok(())
    }

    fn load(&self) -> Result<Option<(S, VectorState)>, Error> {
        let text = self.0.borrow();
        Ok(text.as_deref().map(serde_json::from_str).transpose()?)
    }

    fn frequency(&self) -> CheckpointingFrequency {
        CheckpointingFrequency::Always
    }
}

/// Records iteration, cost and report of every iteration.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<(u64, f64, KV)>>>);

impl Observe<VectorState> for Recorder {
    fn observe_iter(&mut self, state: &VectorState, kv: &KV) -> Result<(), Error> {
        self.0.borrow_mut().push((state.get_iter(), state.get_cost(), kv.clone()));
        Ok(())
    }
}

fn problem(name: &str) -> Problem {
    cases::all().into_iter().find(|problem| problem.name == name).unwrap()
}

fn run<S>(
    problem: &Problem,
    solver: S,
    iterations: u64,
    checkpoint: Json,
) -> OptimizationResult<Problem, S, VectorState>
where
    S: Solver<Problem, VectorState> + Serialize + DeserializeOwned + 'static,
{
    Executor::new(problem.clone(), solver)
        .configure(|state| state.param(problem.start.clone()).max_iters(iterations).counting(true))
        .checkpointing(checkpoint)
        .run()
        .unwrap()
}

/// Interrupts after `first` iterations, resumes from JSON, and compares with one whole run.
fn resumes_bit_for_bit<S>(problem: &Problem, solver: &S, first: u64)
where
    S: Solver<Problem, VectorState> + Serialize + DeserializeOwned + Clone + 'static,
{
    let whole = run(problem, solver.clone(), 1000, Json::default());
    let saved = Json::default();
    run(problem, solver.clone(), first, saved.clone());
    // The checkpoint contains the iteration limit: raise it.
    let raised = saved
        .0
        .borrow()
        .as_ref()
        .unwrap()
        .replace(&format!("\"max_iters\":{first}"), "\"max_iters\":1000");
    *saved.0.borrow_mut() = Some(raised);
    let resumed = run(problem, solver.clone(), 1000, saved);
    let (whole, resumed) = (whole.state(), resumed.state());
    assert!(whole.get_iter() > first + 1, "too few iterations: {}", whole.get_iter());
    assert_eq!(whole.get_best_param(), resumed.get_best_param());
    assert_eq!(whole.get_best_cost().to_bits(), resumed.get_best_cost().to_bits());
    assert_eq!(whole.get_iter(), resumed.get_iter());
    assert_eq!(whole.get_termination_reason(), resumed.get_termination_reason());
}

#[test]
fn an_interrupted_lbfgsb_resumes_bit_for_bit_from_json() {
    for name in ["rosenbrock_10_faces", "wood_free", "torsion_28"] {
        let problem = problem(name);
        for first in [1, 4, 9] {
            resumes_bit_for_bit(&problem, &Lbfgsb::new(problem.bounds.clone()), first);
        }
    }
}

#[test]
fn an_interrupted_basin_hopping_resumes_bit_for_bit_from_json() {
    let problem = problem("camel6");
    let solver: BasinHopping<Lbfgsb> =
        BasinHopping::new(Lbfgsb::new(problem.bounds.clone())).with_seed(3).with_hops(30);
    let solver = solver.with_interval(5).unwrap();
    for first in [1, 7, 20] {
        resumes_bit_for_bit(&problem, &solver, first);
    }
}

#[test]
fn observers_see_every_iteration_with_its_report() {
    let problem = problem("rosenbrock_2_inside");
    let recorder = Recorder::default();
    let result = Executor::new(problem.clone(), Lbfgsb::new(problem.bounds.clone()))
        .configure(|state| state.param(problem.start.clone()))
        .add_observer(recorder.clone(), ObserverMode::Always)
        .run()
        .unwrap();
    let records = recorder.0.borrow();
    assert_eq!(records.len() as u64, result.state().get_iter());
    assert!(records.windows(2).all(|pair| pair[1].1 <= pair[0].1), "the objective never rises");
    for (_, _, kv) in records.iter() {
        assert!(kv.get("projected_gradient").unwrap().get_float().unwrap() >= 0.0);
        assert!(kv.get("evaluations").unwrap().get_uint().unwrap() >= 2);
    }
}

#[test]
fn observers_see_which_hops_were_accepted() {
    let problem = problem("camel6");
    let recorder = Recorder::default();
    let solver = BasinHopping::new(Lbfgsb::new(problem.bounds.clone())).with_hops(12);
    let result = Executor::new(problem.clone(), solver)
        .configure(|state| state.param(problem.start.clone()))
        .add_observer(recorder.clone(), ObserverMode::Always)
        .run()
        .unwrap();
    assert_eq!(result.state().get_iter(), 12);
    for (_, cost, kv) in recorder.0.borrow().iter() {
        let trial = kv.get("trial_cost").unwrap().get_float().unwrap();
        let accepted = kv.get("accepted").unwrap().get_bool().unwrap();
        assert!(!accepted || trial.to_bits() == cost.to_bits());
    }
}

#[test]
fn evaluations_are_counted_and_limits_hold() {
    let problem = problem("rosenbrock_2_inside");
    let limited = run(&problem, Lbfgsb::new(problem.bounds.clone()), 3, Json::default());
    assert_eq!(limited.state().get_iter(), 3);
    assert_eq!(
        limited.state().get_termination_reason(),
        Some(&argmin::core::TerminationReason::MaxItersReached)
    );
    let counts = limited.state().get_func_counts();
    assert_eq!(counts["cost_count"], counts["gradient_count"]);
    let target = Executor::new(problem.clone(), Lbfgsb::new(problem.bounds.clone()))
        .configure(|state| state.param(problem.start.clone()).target_cost(1.0))
        .run()
        .unwrap();
    let reason = target.state().get_termination_reason();
    assert_eq!(reason, Some(&argmin::core::TerminationReason::TargetCostReached));
    let few = Lbfgsb::new(problem.bounds.clone()).with_max_evaluations(5);
    let spent = run(&problem, few, 1000, Json::default());
    let reason = spent.state().get_termination_reason().and_then(StopReason::of);
    assert_eq!(reason, Some(StopReason::MaxEvaluations));
}

#[test]
fn a_solver_can_be_run_again() {
    let problem = problem("beale_face");
    let first = run(&problem, Lbfgsb::new(problem.bounds.clone()), 1000, Json::default());
    let again = run(&problem, first.solver.clone(), 1000, Json::default());
    assert_eq!(first.state().get_best_param(), again.state().get_best_param());
}

#[test]
fn basin_hopping_works_with_argmins_own_lbfgs() {
    use argmin::solver::linesearch::MoreThuenteLineSearch;
    use argmin::solver::quasinewton::LBFGS;
    type LbfgsState = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;
    let mut problem = problem("camel6");
    problem.bounds = hpa_optim::Bounds::unbounded(2).unwrap();
    let local: LBFGS<_, Vec<f64>, Vec<f64>, f64> = LBFGS::new(MoreThuenteLineSearch::new(), 7);
    let solver: BasinHopping<_, LbfgsState> = BasinHopping::new(local)
        .with_seed(5)
        .with_hops(40)
        .with_bounds(hpa_optim::Bounds::uniform(2, -3.0, 3.0).unwrap());
    let result = Executor::new(problem, solver)
        .configure(|state| state.param(vec![1.1, 1.1]))
        .run()
        .unwrap();
    let best = result.state().get_best_cost();
    assert!((best - -1.031_628_453_489_877).abs() < 1e-9, "{best}");
}
