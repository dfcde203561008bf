//! Operations with random shapes.

use crate::random::Random;
use candle_core::{Result, Tensor};
use hpa_ops::{
    BatchNormEval, Conv2d, Padding, Reduction, RunningStatistics, batch_norm_eval,
    batch_norm_train, conv2d, conv2d_bias_act, global_average_pool, linear, max_pool2d, relu,
    relu6, weighted_focal_loss, zero_pad2d,
};

/// Activations may be `bf16`, other inputs are `f32`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Activations,
    Other,
}
use Kind::{Activations, Other};

type Run = dyn Fn(&[Tensor]) -> Result<Tensor>;

/// An operation and the shapes of its inputs.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) inputs: Vec<(Vec<usize>, Kind)>,
    pub(crate) has_gradients: bool,
    pub(crate) run: Box<Run>,
}

impl Case {
    fn new(
        name: &str,
        inputs: Vec<(Vec<usize>, Kind)>,
        run: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
    ) -> Self {
        let shapes: Vec<_> = inputs.iter().map(|(shape, _)| shape).collect();
        let name = format!("{name} {shapes:?}");
        Self { name, inputs, has_gradients: true, run: Box::new(run) }
    }
}

/// One case of each operation.
pub(crate) fn all(random: &mut Random) -> Vec<Case> {
    let mut cases = convolutions(random);
    cases.extend(norms(random));
    cases.extend(pools(random));
    cases.extend(heads(random));
    cases
}

fn images(random: &mut Random, channels: usize) -> Vec<usize> {
    vec![random.size(1, 5), random.size(7, 30), random.size(7, 30), channels]
}

fn convolutions(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ["dense", "grouped", "depthwise", "evaluation"] {
        let groups = match kind {
            "grouped" => random.one_of(&[2, 4]),
            "depthwise" => random.one_of(&[3, 16, 64]),
            _ => 1,
        };
        let each = if kind == "depthwise" { 1 } else { random.one_of(&[1, 3, 4, 8, 32, 64]) };
        let (c_in, c_out) = (groups * each, groups * random.one_of(&[1, 2, 8, 30, 64]));
        let kernel = random.one_of(&[1, 3, 5, 7]);
        let spec =
            Conv2d { stride: random.size(1, 2), padding: random.size(0, kernel / 2), groups };
        let x = (images(random, c_in), Activations);
        let weight = (vec![c_out, each, kernel, kernel], Other);
        let name = format!("conv2d, {kind}, {spec:?}");
        if kind == "evaluation" {
            let relu = random.coin();
            let run = move |t: &[Tensor]| conv2d_bias_act(&t[0], (&t[1], &t[2]), &spec, None, relu);
            let bias = (vec![c_out], Other);
            let case = Case::new(&name, vec![x, weight, bias], run);
            cases.push(Case { has_gradients: false, ..case });
        } else {
            let run = move |t: &[Tensor]| conv2d(&t[0], &t[1], &spec);
            cases.push(Case::new(&name, vec![x, weight], run));
        }
    }
    cases
}

fn norms(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (residual, relu) in [(false, false), (false, true), (true, true)] {
        let channels = random.one_of(&[1, 3, 8, 24, 64, 130, 512]);
        let x = images(random, channels);
        let mut inputs = vec![(x.clone(), Activations)];
        inputs.extend([(vec![channels], Other), (vec![channels], Other)]);
        if residual {
            inputs.push((x, Activations));
        }
        let train = move |t: &[Tensor]| {
            Ok(batch_norm_train(&t[0], (&t[1], &t[2]), t.get(3), relu, 1e-5)?.0)
        };
        cases.push(Case::new("batch_norm_train", inputs.clone(), train));
        let eval = move |t: &[Tensor]| {
            let (mut random, channels) = (Random::new(3), t[1].elem_count());
            let mut vector = |offset: f32| {
                let values = random.values(channels).iter().map(|v| v + offset).collect();
                Tensor::from_vec::<_, f32>(values, channels, t[0].device())
            };
            let (mean, variance) = (vector(0.0)?, vector(0.7)?);
            let arguments = BatchNormEval {
                weight: &t[1],
                bias: &t[2],
                statistics: RunningStatistics { mean: &mean, variance: &variance },
                residual: t.get(3),
                relu,
                eps: 1e-5,
            };
            batch_norm_eval(&t[0], &arguments)
        };
        cases.push(Case::new("batch_norm_eval", inputs, eval));
    }
    cases
}

fn pools(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let (kernel, stride) = (random.size(1, 4), random.size(1, 3));
    let padding = random.size(0, kernel / 2);
    let x = |random: &mut Random| {
        let channels = random.one_of(&[1, 3, 8, 24, 64]);
        vec![(images(random, channels), Activations)]
    };
    let max = move |t: &[Tensor]| max_pool2d(&t[0], kernel, stride, padding);
    cases.push(Case::new(&format!("max_pool2d {kernel} {stride} {padding}"), x(random), max));
    cases.push(Case::new("global_average_pool", x(random), |t| global_average_pool(&t[0])));
    cases.push(Case::new("relu", x(random), |t| relu(&t[0])));
    cases.push(Case::new("relu6", x(random), |t| relu6(&t[0])));
    let padding = Padding { top: 0, bottom: random.size(0, 3), left: 1, right: random.size(0, 2) };
    let pad = move |t: &[Tensor]| zero_pad2d(&t[0], padding);
    cases.push(Case::new("zero_pad2d", x(random), pad));
    cases
}

fn heads(random: &mut Random) -> Vec<Case> {
    let (rows, inputs, outputs) = (random.size(1, 200), random.size(1, 600), random.size(1, 40));
    let shapes = vec![
        (vec![rows, inputs], Activations),
        (vec![outputs, inputs], Other),
        (vec![outputs], Other),
    ];
    let layer = Case::new("linear", shapes, |t| linear(&t[0], &t[1], &t[2]));
    let gamma = [0.0, 2.0][random.size(0, 1)];
    let weights: Vec<f32> = random.values(outputs).iter().map(|v| v + 0.5).collect();
    let targets: Vec<f32> = random.values(rows * outputs).iter().map(|v| v + 0.5).collect();
    let loss = Case::new("focal loss", vec![(vec![rows, outputs], Other)], move |t| {
        let targets = Tensor::from_slice(&targets, t[0].shape(), t[0].device())?;
        weighted_focal_loss(&t[0], &targets, &weights, gamma, Reduction::SumOverLabelsMeanOverBatch)
    });
    vec![layer, loss]
}
