//! `kernels/table.cu` against the optimisers of the processor.

use super::{Buffer, assert_close, flat, for_each_real, numbers, run, vector};
use crate::Gradients;
use crate::cuda::plan::Real;
use crate::cuda::plan::table::{Row, Table};
use crate::optim::{AdamW, AdamWConfig, ParamGroup, Parameter, Sgd, SgdConfig};
use candle_core::Var;
use std::collections::HashMap;

/// Lengths on both sides of a block's share.
const LENGTHS: [usize; 5] = [1, 4096, 7, 9001, 300];
const RATE: f64 = 0.1;

/// Parameters of the processor, and the same in buffers.
struct Both {
    vars: Vec<Var>,
    parameters: Vec<Parameter>,
    values: Vec<Buffer>,
    state: [Vec<Buffer>; 2],
}

impl Both {
    fn new() -> Self {
        let start = |i: usize| numbers(LENGTHS[i], i as u64 + 1);
        let places = 0..LENGTHS.len();
        let vars: Vec<Var> = places
            .clone()
            .map(|i| Var::from_tensor(&vector(&start(i), &[LENGTHS[i]])).unwrap())
            .collect();
        let parameter = |(i, var): (usize, &Var)| {
            let factor = [1.0, 0.5][i % 2];
            let group =
                ParamGroup { learning_rate_factor: factor, weight_decay_factor: 2.0 - factor };
            Parameter { name: format!("p{i}"), var: var.clone(), group }
        };
        let zeros = || LENGTHS.iter().map(|len| Buffer::from_floats(&vec![0.0; *len])).collect();
        Self {
            parameters: vars.iter().enumerate().map(parameter).collect(),
            vars,
            values: places.map(|i| Buffer::from_floats(&start(i))).collect(),
            state: [zeros(), zeros()],
        }
    }

    fn gradients(&self, seed: u64) -> (Gradients, Vec<Buffer>) {
        let values: Vec<Vec<f32>> =
            LENGTHS.iter().map(|len| numbers(*len, seed + *len as u64)).collect();
        let map: HashMap<_, _> = self
            .vars
            .iter()
            .zip(&values)
            .map(|(var, values)| (var.id(), vector(values, var.dims())))
            .collect();
        (Gradients(map), values.iter().map(|values| Buffer::from_floats(values)).collect())
    }

    /// The table of a step, with what belongs to each group.
    fn table(&self, other: &[Buffer], numbers: impl Fn(ParamGroup) -> [f64; 2]) -> (Table, Buffer) {
        let rows: Vec<Row> = (0..LENGTHS.len())
            .map(|i| {
                #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
                let [rate, decay] = numbers(self.parameters[i].group).map(|v| v as f32);
                Row {
                    values: self.values[i].address(),
                    other: other[i].address(),
                    state: [self.state[0][i].address(), self.state[1][i].address()],
                    count: LENGTHS[i],
                    rate,
                    decay,
                }
            })
            .collect();
        let table = Table::new(&rows);
        let bytes = Buffer::from_bytes(&table.bytes);
        (table, bytes)
    }

    fn run(&mut self, launch: &crate::cuda::plan::Launch) {
        let [first, second] = &mut self.state;
        let all = self.values.iter_mut().chain(first).chain(second);
        run(launch, &mut all.collect::<Vec<_>>());
    }

    fn check(&self) {
        for (values, var) in self.values.iter().zip(&self.vars) {
            assert_close(Real::F32, "parameter", &values.as_floats(), &flat(var));
        }
    }
}

#[test]
fn descent_in_one_launch_is_that_of_the_processor() {
    for_each_real(|_| {
        for nesterov in [false, true] {
            let mut both = Both::new();
            let settings = SgdConfig { momentum: 0.9, nesterov, weight_decay: 0.01 };
            let mut sgd = Sgd::new(both.parameters.clone(), settings).unwrap();
            for seed in 0..4 {
                let (gradients, buffers) = both.gradients(10 * seed);
                sgd.step(&gradients, RATE).unwrap();
                let (table, bytes) = both.table(&buffers, |group| {
                    [RATE * group.learning_rate_factor, 0.01 * group.weight_decay_factor]
                });
                both.run(&table.sgd(bytes.address(), 0.9, nesterov));
            }
            both.check();
        }
    });
}

#[test]
fn adam_in_one_launch_is_that_of_the_processor() {
    for_each_real(|_| {
        let mut both = Both::new();
        let settings = AdamWConfig::default();
        let mut adam = AdamW::new(both.parameters.clone(), settings).unwrap();
        for step in 1..5 {
            let (gradients, buffers) = both.gradients(step);
            adam.step(&gradients, RATE).unwrap();
            let power = i32::try_from(step).unwrap();
            let (table, bytes) = both.table(&buffers, |group| {
                let rate = RATE * group.learning_rate_factor;
                let keep = 1.0 - rate * 0.01 * group.weight_decay_factor;
                [rate / (1.0 - 0.9_f64.powi(power)), keep]
            });
            #[expect(clippy::cast_possible_truncation, reason = "numbers of a kernel")]
            let root = (1.0 / (1.0 - 0.999_f64.powi(power)).sqrt()) as f32;
            let numbers = [0.9, 0.999, 0.1, 0.001, root, 1e-8];
            both.run(&table.adamw(bytes.address(), numbers));
        }
        both.check();
    });
}

#[test]
fn gradients_are_added_scaled_and_measured_in_one_launch_each() {
    for_each_real(|_| {
        let both = Both::new();
        let (mut gradients, mut sums) = both.gradients(3);
        let (more, terms) = both.gradients(5);
        gradients.add(&more, both.vars.iter()).unwrap();
        let norm = gradients.clip(both.vars.iter(), 1.5).unwrap();
        let rows: Vec<Row> = sums
            .iter()
            .zip(&terms)
            .zip(LENGTHS)
            .map(|((sum, term), count)| {
                let (values, other) = (sum.address(), term.address());
                Row { values, other, count, ..Row::default() }
            })
            .collect();
        let table = Table::new(&rows);
        let bytes = Buffer::from_bytes(&table.bytes);
        run(&table.add(bytes.address()), &mut sums.iter_mut().collect::<Vec<_>>());
        let mut parts = Buffer::poisoned(8 * table.blocks());
        let (mut length, mut factor) = (Buffer::poisoned(8), Buffer::floats(1));
        run(&table.squares(bytes.address(), parts.address()), &mut [&mut parts]);
        let at = [&length, &factor, &parts].map(Buffer::address);
        run(&table.length(at, 1.5), &mut [&mut length, &mut factor]);
        assert!((length.as_doubles()[0] / norm - 1.0).abs() < 1e-12);
        let launch = table.scale(bytes.address(), 1.0, factor.address());
        run(&launch, &mut sums.iter_mut().collect::<Vec<_>>());
        for (sum, var) in sums.iter().zip(&both.vars) {
            let expected = flat(gradients.get(var).unwrap());
            assert_close(Real::F32, "gradient", &sum.as_floats(), &expected);
        }
    });
}

#[test]
fn averages_follow_in_one_launch() {
    for_each_real(|_| {
        let mut both = Both::new();
        let before: Vec<Vec<f32>> = both.values.iter().map(Buffer::as_floats).collect();
        let (_, others) = both.gradients(8);
        let (table, bytes) = both.table(&others, |_| [0.0; 2]);
        both.run(&table.follow(bytes.address(), 0.3));
        for ((values, before), other) in both.values.iter().zip(&before).zip(&others) {
            let pairs = before.iter().zip(other.as_floats());
            let expected: Vec<f32> = pairs.map(|(b, o)| b + 0.3 * (o - b)).collect();
            assert_eq!(values.as_floats(), expected);
        }
    });
}
