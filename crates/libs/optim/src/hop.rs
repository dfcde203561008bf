//! The hops of [`BasinHopping`]: local search, acceptance, and what argmin sees of them.

use crate::Error;
use crate::accept::{AcceptTest, Hop};
use crate::basin_hopping::BasinHopping;
use crate::displacement::HopRandom;
use crate::evaluation::finite_cost;
use crate::lbfgsb::{Stepped, VectorState, begin};
use crate::local::LocalState;
use crate::termination::{Stop, is_success};
use argmin::core::{CostFunction, Executor, KV, Problem, Solver, State, TerminationStatus};
use argmin::kv;

/// What a local search found.
struct Found {
    point: Vec<f64>,
    cost: f64,
    converged: bool,
    reason: String,
}

impl<L, I: LocalState, T: AcceptTest> BasinHopping<L, I, T> {
    /// Runs a fresh copy of the local minimiser from `start`.
    fn descend<O>(
        &self,
        problem: &mut Problem<O>,
        start: Vec<f64>,
    ) -> Result<Found, argmin::core::Error>
    where
        L: Solver<O, I> + Clone,
    {
        let inner = problem.take_problem().expect("argmin's executor always holds the problem");
        let result = Executor::new(inner, self.local.clone())
            .configure(|_| I::at(start, self.local_iterations))
            .ctrlc(false) // argmin: of nested executors only the outermost may listen
            .timer(false)
            .run()?;
        let reason = result.state.get_termination_reason();
        let (converged, reason) =
            (is_success(reason), reason.map_or_else(String::new, ToString::to_string));
        let point = result.state.get_best_param().cloned();
        let cost = result.state.get_best_cost();
        problem.consume_problem(result.problem);
        let solver = || Error::NoLocalMinimum { solver: self.local.name().to_owned() };
        let point = point.ok_or_else(solver)?;
        Ok(Found { cost: finite_cost(cost, &point)?, point, converged, reason })
    }

    /// Whether bounds and test let pass what was found from `from`.
    fn lets_pass(&self, found: &Found, from: &[f64], from_cost: f64) -> bool {
        let hop = Hop { point: &found.point, cost: found.cost, from, from_cost };
        self.bounds.as_ref().is_none_or(|bounds| bounds.accepts(&hop)) && self.test.accepts(&hop)
    }

    /// Metropolis: a lower minimum always, a higher one by its Boltzmann factor; but an
    /// unconverged one never in place of a converged one.
    fn accepts(&self, found: &Found, present: f64, draw: f64) -> bool {
        let rise = found.cost - present;
        let likely = rise <= 0.0 || (-rise / self.temperature).exp() >= draw;
        // At temperature 0 the exponential is 0 and a draw of exactly 0 would accept a rise.
        let likely = likely && (rise <= 0.0 || self.temperature > 0.0);
        likely && (found.converged || !self.present_converged)
    }

    fn judge(&self, hops: u64) -> Option<Stop> {
        if self.patience.is_some_and(|patience| self.fruitless >= patience) {
            return Some(Stop::NoImprovement);
        }
        (hops >= self.hops).then_some(Stop::HopsDone)
    }

    fn report(&self, found: &Found, accepted: bool, step: f64) -> KV {
        kv!(
            "accepted" => accepted;
            "trial_cost" => found.cost;
            "step_size" => step;
            "acceptance" => self.step.acceptance();
            "hops_without_improvement" => self.fruitless;
            "local_reason" => found.reason.clone();
        )
    }
}

impl<O, L, I, T> Solver<O, VectorState> for BasinHopping<L, I, T>
where
    O: CostFunction<Param = Vec<f64>, Output = f64>,
    L: Solver<O, I> + Clone,
    I: LocalState,
    T: AcceptTest,
{
    fn name(&self) -> &'static str {
        "basin hopping"
    }

    fn init(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> Stepped {
        let start = state.take_param().ok_or(Error::NoStart)?;
        check_start(&start, self.bounds.as_ref().map(crate::Bounds::len))?;
        self.step.reset();
        self.fruitless = 0;
        let found = self.descend(problem, start)?;
        if let Some(outside) = self.bounds.as_ref().and_then(|b| b.first_outside(&found.point)) {
            return Err(outside.into()); // with nothing inside there is nothing to return
        }
        self.present_converged = found.converged;
        self.stop = self.judge(0);
        let report = self.report(&found, true, self.step.initial);
        let state = begin(state, &found.point, found.cost);
        Ok((state.param(found.point).cost(found.cost), Some(report)))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, mut state: VectorState) -> Stepped {
        let present = state.take_param().ok_or(Error::NoStart)?;
        let hop = state.get_iter() + 1;
        let mut random = HopRandom::new(self.seed, hop);
        let step = self.step.next();
        let found = self.descend(problem, random.displace(&present, step))?;
        let passes = self.lets_pass(&found, &present, state.get_cost());
        let accepted = self.accepts(&found, state.get_cost(), random.unit()) && passes;
        self.step.record(accepted);
        let improved = found.cost < state.get_best_cost() && passes;
        self.fruitless = if improved { 0 } else { self.fruitless + 1 };
        self.stop = self.judge(hop);
        let report = self.report(&found, accepted, step);
        let cost = state.get_cost();
        if improved && !accepted {
            keep_as_best(&mut state, &found);
        }
        let state = if accepted {
            self.present_converged = found.converged;
            state.param(found.point).cost(found.cost)
        } else {
            state.param(present).cost(cost)
        };
        Ok((state, Some(report)))
    }

    fn terminate(&mut self, _state: &VectorState) -> TerminationStatus {
        self.stop.map_or(TerminationStatus::NotTerminated, |stop| {
            TerminationStatus::Terminated(stop.reason())
        })
    }
}

/// argmin itself notes only points that the search moved to.
fn keep_as_best(state: &mut VectorState, found: &Found) {
    state.prev_best_param = state.best_param.replace(found.point.clone());
    state.prev_best_cost = state.best_cost;
    state.best_cost = found.cost;
    state.last_best_iter = state.get_iter();
}

fn check_start(start: &[f64], bounds: Option<usize>) -> Result<(), Error> {
    if start.is_empty() {
        return Err(Error::NoVariables);
    }
    if let Some(bounds) = bounds.filter(|&bounds| bounds != start.len()) {
        return Err(Error::StartLength { start: start.len(), bounds });
    }
    match start.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::StartNotFinite { index, value: start[index] }),
        None => Ok(()),
    }
}
