//! The kernels of `kernels/multi_tensor.cu`.

use super::{Buffer, assert_close, flat, for_each_dtype, random, run, run_into, tensor, variable};
use crate::Gradients;
use crate::cuda::launch::multi_tensor::{AdamWStep, Entry, TensorTable};
use crate::cuda::launch::{ActDtype, Launch};
use crate::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};
use candle_core::Var;
use std::collections::HashMap;

/// Fewer and more values than a block handles.
const LENGTHS: [usize; 5] = [1, 4096, 7, 9001, 300];
const LEARNING_RATE: f64 = 0.1;

/// Parameters on the CPU, and copies in buffers.
struct Parameters {
    vars: Vec<Var>,
    cpu: Vec<Parameter>,
    values: Vec<Buffer>,
    state: [Vec<Buffer>; 2],
}

impl Parameters {
    fn new() -> Self {
        let start = |i: usize| random(LENGTHS[i], i as u64 + 1);
        let places = 0..LENGTHS.len();
        let vars: Vec<Var> = places.clone().map(|i| variable(&start(i), &[LENGTHS[i]])).collect();
        let parameter = |(i, var): (usize, &Var)| {
            let factor = [1.0, 0.5][i % 2];
            let group =
                ParamGroup { learning_rate_factor: factor, weight_decay_factor: 2.0 - factor };
            Parameter { name: format!("p{i}"), var: var.clone(), group }
        };
        let zeros = || LENGTHS.iter().map(|len| Buffer::from_floats(&vec![0.0; *len])).collect();
        Self {
            cpu: vars.iter().enumerate().map(parameter).collect(),
            vars,
            values: places.map(|i| Buffer::from_floats(&start(i))).collect(),
            state: [zeros(), zeros()],
        }
    }

    fn gradients(&self, seed: u64) -> (Gradients, Vec<Buffer>) {
        let values: Vec<Vec<f32>> =
            LENGTHS.iter().map(|len| random(*len, seed + *len as u64)).collect();
        let map: HashMap<_, _> = self
            .vars
            .iter()
            .zip(&values)
            .map(|(var, values)| (var.id(), tensor(values, var.dims())))
            .collect();
        (Gradients(map), values.iter().map(|values| Buffer::from_floats(values)).collect())
    }

    /// The table of a step; `group_step` gives learning rate and weight decay of a group.
    fn table(
        &self,
        other: &[Buffer],
        group_step: impl Fn(ParamGroup) -> [f64; 2],
    ) -> (TensorTable, Buffer) {
        let entries: Vec<Entry> = (0..LENGTHS.len())
            .map(|i| {
                #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
                let [learning_rate, weight_decay] = group_step(self.cpu[i].group).map(|v| v as f32);
                Entry {
                    values: self.values[i].address(),
                    other: other[i].address(),
                    state: [self.state[0][i].address(), self.state[1][i].address()],
                    count: LENGTHS[i],
                    learning_rate,
                    weight_decay,
                }
            })
            .collect();
        let table = TensorTable::new(&entries);
        let bytes = Buffer::from_bytes(&table.bytes);
        (table, bytes)
    }

    fn run(&mut self, launch: &Launch) {
        let [first, second] = &mut self.state;
        let all = self.values.iter_mut().chain(first).chain(second);
        run(launch, &mut all.collect::<Vec<_>>());
    }

    fn check(&self) {
        for (values, var) in self.values.iter().zip(&self.vars) {
            assert_close(ActDtype::F32, "parameter", &values.f32_values(), &flat(var));
        }
    }
}

#[test]
fn sgd_matches_the_cpu() {
    for_each_dtype(|_| {
        for nesterov in [false, true] {
            let mut params = Parameters::new();
            let config = SgdConfig { momentum: 0.9, nesterov, weight_decay: 0.01 };
            let mut sgd = Sgd::new(params.cpu.clone(), config).unwrap();
            for seed in 0..4 {
                let (gradients, buffers) = params.gradients(10 * seed);
                sgd.step(&gradients, LEARNING_RATE).unwrap();
                let (table, bytes) = params.table(&buffers, |group| {
                    [LEARNING_RATE * group.learning_rate_factor, 0.01 * group.weight_decay_factor]
                });
                params.run(&table.sgd(bytes.address(), 0.9, nesterov));
            }
            params.check();
        }
    });
}

#[test]
fn adamw_matches_the_cpu() {
    for_each_dtype(|_| {
        let mut params = Parameters::new();
        let config = AdamWConfig::default();
        let mut adam = AdamW::new(params.cpu.clone(), config).unwrap();
        for step in 1..5 {
            let (gradients, buffers) = params.gradients(step);
            adam.step(&gradients, LEARNING_RATE).unwrap();
            let power = i32::try_from(step).unwrap();
            let (table, bytes) = params.table(&buffers, |group| {
                let learning_rate = LEARNING_RATE * group.learning_rate_factor;
                let keep = 1.0 - learning_rate * 0.01 * group.weight_decay_factor;
                [learning_rate / (1.0 - 0.9_f64.powi(power)), keep]
            });
            #[expect(clippy::cast_possible_truncation, reason = "kernels take f32")]
            let inv_root = (1.0 / (1.0 - 0.999_f64.powi(power)).sqrt()) as f32;
            let step = AdamWStep {
                beta1: 0.9,
                beta2: 0.999,
                one_minus_beta1: 0.1,
                one_minus_beta2: 0.001,
                inv_root,
                eps: 1e-8,
            };
            params.run(&table.adamw(bytes.address(), &step));
        }
        params.check();
    });
}

#[test]
fn sums_scales_and_norms_of_gradients_match_the_cpu() {
    for_each_dtype(|_| {
        let params = Parameters::new();
        let (mut gradients, mut sums) = params.gradients(3);
        let (more, terms) = params.gradients(5);
        gradients.add(&more, params.vars.iter()).unwrap();
        let expected_norm = gradients.clip(params.vars.iter(), 1.5).unwrap();
        let entries: Vec<Entry> = sums
            .iter()
            .zip(&terms)
            .zip(LENGTHS)
            .map(|((sum, term), count)| {
                let (values, other) = (sum.address(), term.address());
                Entry { values, other, count, ..Entry::default() }
            })
            .collect();
        let table = TensorTable::new(&entries);
        let bytes = Buffer::from_bytes(&table.bytes);
        run(&table.add(bytes.address()), &mut sums.iter_mut().collect::<Vec<_>>());
        let partial_sums = run_into(Buffer::nan(8 * table.blocks()), |partial_sums| {
            table.sum_squares(bytes.address(), partial_sums)
        });
        let (mut norm, mut factor) = (Buffer::nan(8), Buffer::floats(1));
        let at = [&norm, &factor, &partial_sums].map(Buffer::address);
        run(&table.norm(at, 1.5), &mut [&mut norm, &mut factor]);
        assert!((norm.f64_values()[0] / expected_norm - 1.0).abs() < 1e-12);
        let launch = table.scale(bytes.address(), 1.0, factor.address());
        run(&launch, &mut sums.iter_mut().collect::<Vec<_>>());
        for (sum, var) in sums.iter().zip(&params.vars) {
            let expected = flat(gradients.get(var).unwrap());
            assert_close(ActDtype::F32, "gradient", &sum.f32_values(), &expected);
        }
    });
}

#[test]
fn moving_averages_are_updated() {
    for_each_dtype(|_| {
        let mut params = Parameters::new();
        let before: Vec<Vec<f32>> = params.values.iter().map(Buffer::f32_values).collect();
        let (_, others) = params.gradients(8);
        let (table, bytes) = params.table(&others, |_| [0.0; 2]);
        params.run(&table.ema_update(bytes.address(), 0.3));
        for ((values, before), other) in params.values.iter().zip(&before).zip(&others) {
            let pairs = before.iter().zip(other.f32_values());
            let expected: Vec<f32> = pairs.map(|(b, o)| b + 0.3 * (o - b)).collect();
            assert_eq!(values.f32_values(), expected);
        }
    });
}
