//! The test problems: function, start and bounds.

use super::Function;
use super::Problem;
use super::bounded::{bdexp, biggsb1, linear, nonscomp, scaled_bowl, torsion};
use super::extended::{
    broyden_tridiagonal, chained_rosenbrock, chebyquad, discrete_boundary, penalty_1,
    powell_singular, rosenbrock, trigonometric, variably_dimensioned,
};
use super::small::{
    beale, biggs_exp6, brown_badly_scaled, camel6, freudenstein_roth, helical_valley, hs3, hs4,
    hs5, hs45, hs110, jennrich_sampson, wood,
};
use hpa_optim::Bounds;

const INF: f64 = f64::INFINITY;

/// All problems; the golden file is looked up by name.
pub(crate) fn all() -> Vec<Problem> {
    vec![
        // Rosenbrock's function.
        case("rosenbrock_2_free", rosenbrock, rs(2), free(2)),
        case("rosenbrock_2_inside", rosenbrock, rs(2), same(2, -5.0, 5.0)),
        case("rosenbrock_2_face", rosenbrock, rs(2), (full(2, -INF), vec![0.5, INF])),
        case("hs1", rosenbrock, vec![-2.0, 1.0], (vec![-INF, -1.5], full(2, INF))),
        case("hs2", rosenbrock, vec![-2.0, 1.0], (vec![-INF, 1.5], full(2, INF))),
        case(
            "rosenbrock_10_faces",
            rosenbrock,
            rs(10),
            (full(10, -10.0), pattern(10, &[0.5, 2.0])),
        ),
        case("rosenbrock_28_start_corner", rosenbrock, full(28, -2.0), same(28, -2.0, 2.0)),
        case("rosenbrock_100_inside", rosenbrock, rs(100), same(100, -3.0, 3.0)),
        case("rosenbrock_1000_free", rosenbrock, rs(1000), free(1000)),
        case(
            "rosenbrock_1000_faces",
            rosenbrock,
            rs(1000),
            (full(1000, -INF), pattern(1000, &[0.8, INF, 2.0, 0.3])),
        ),
        case("chained_rosenbrock_10", chained_rosenbrock, rs(10), same(10, -2.0, 2.0)),
        case(
            "chained_rosenbrock_28_faces",
            chained_rosenbrock,
            full(28, 3.0),
            (pattern(28, &[1.0, -100.0]), full(28, 100.0)),
        ),
        case(
            "chained_rosenbrock_100",
            chained_rosenbrock,
            full(100, 3.0),
            (pattern(100, &[1.0, -100.0]), full(100, 100.0)),
        ),
        case("all_fixed", rosenbrock, full(10, 5.0), same(10, 0.25, 0.25)),
        case("start_outside", rosenbrock, full(10, 50.0), same(10, -1.5, 1.5)),
        // Functions of few variables.
        case("beale_inside", beale, vec![1.0, 1.0], same(2, -4.5, 4.5)),
        case("beale_face", beale, vec![1.0, 1.0], same(2, -2.0, 2.0)),
        case("beale_corner", beale, vec![0.5, -0.5], (vec![0.6, 0.5], vec![1.0, 4.0])),
        case("wood_free", wood, vec![-3.0, -1.0, -3.0, -1.0], free(4)),
        case("hs38", wood, vec![-3.0, -1.0, -3.0, -1.0], same(4, -10.0, 10.0)),
        case(
            "wood_faces",
            wood,
            vec![-3.0, -1.0, -3.0, -1.0],
            (full(4, -10.0), pattern(4, &[0.7, 10.0, 10.0, 0.8])),
        ),
        case(
            "helical_valley",
            helical_valley,
            vec![-1.0, 0.0, 0.0],
            (full(3, -10.0), vec![10.0, 10.0, 10.0]),
        ),
        case(
            "helical_valley_face",
            helical_valley,
            vec![-1.0, 0.0, 0.0],
            (full(3, -INF), vec![0.8, INF, 1.0]),
        ),
        case(
            "brown_badly_scaled",
            brown_badly_scaled,
            vec![1.0, 1.0],
            (vec![0.0, 3e-5], vec![1e6, 100.0]),
        ),
        case("freudenstein_roth", freudenstein_roth, vec![0.5, -2.0], same(2, -20.0, 20.0)),
        case(
            "freudenstein_roth_face",
            freudenstein_roth,
            vec![0.5, -2.0],
            (vec![0.0, -30.0], vec![20.0, -0.9]),
        ),
        // Sums of exponentials, and small ones of Hock & Schittkowski.
        case("jennrich_sampson", jennrich_sampson, vec![0.3, 0.4], same(2, 0.0, 0.5)),
        case(
            "jennrich_sampson_face",
            jennrich_sampson,
            vec![0.3, 0.4],
            (vec![0.26, 0.0], vec![10.0, 20.0]),
        ),
        case("biggs_exp6", biggs_exp6, vec![1.0, 2.0, 1.0, 1.0, 1.0, 1.0], same(6, 0.0, 20.0)),
        case(
            "biggs_exp6_faces",
            biggs_exp6,
            vec![1.0, 2.0, 1.0, 1.0, 1.0, 1.0],
            (full(6, 0.0), vec![2.0, 8.0, 1.0, 7.0, 5.0, 5.0]),
        ),
        case("hs3", hs3, vec![10.0, 1.0], (vec![-INF, 0.0], full(2, INF))),
        case("hs4_corner", hs4, vec![1.125, 0.125], (vec![1.0, 0.0], full(2, INF))),
        case("hs5", hs5, vec![0.0, 0.0], (vec![-1.5, -3.0], vec![4.0, 3.0])),
        case("hs45_corner", hs45, vec![0.5, 1.0, 1.5, 2.0, 2.5], (full(5, 0.0), each(5, |i| i))),
        case("hs45_degenerate_start", hs45, full(5, 0.0), (full(5, 0.0), each(5, |i| i))),
        case("hs110", hs110, full(10, 9.0), same(10, 2.001, 9.999)),
        case("camel6", camel6, vec![1.1, 1.1], (vec![-3.0, -1.5], vec![3.0, 1.5])),
        // Functions of many variables.
        case("powell_singular_4_free", powell_singular, ps(4), free(4)),
        case("powell_singular_28", powell_singular, ps(28), same(28, -4.0, 4.0)),
        case(
            "powell_singular_100_faces",
            powell_singular,
            ps(100),
            (pattern(100, &[0.1, -INF, -INF, -INF]), full(100, 3.0)),
        ),
        case(
            "powell_singular_1000",
            powell_singular,
            ps(1000),
            (pattern(1000, &[-INF, -INF, 0.2, -INF]), full(1000, INF)),
        ),
        case("trigonometric_10", trigonometric, full(10, 0.1), same(10, -1.0, 1.0)),
        case("trigonometric_28", trigonometric, full(28, 1.0 / 28.0), same(28, 0.0, 1.0)),
        case(
            "trigonometric_100",
            trigonometric,
            full(100, 0.01),
            (full(100, 0.005), full(100, INF)),
        ),
        case("broyden_tridiagonal_28", broyden_tridiagonal, full(28, -1.0), same(28, -5.0, 5.0)),
        case(
            "broyden_tridiagonal_1000",
            broyden_tridiagonal,
            full(1000, -1.0),
            (pattern(1000, &[-0.6, -INF]), full(1000, INF)),
        ),
        // Functions of many variables whose terms hold all of them.
        case("penalty_1_10", penalty_1, each(10, |i| i), same(10, 0.0, 100.0)),
        case("penalty_1_100", penalty_1, each(100, |i| i), (full(100, 0.01), full(100, INF))),
        case(
            "variably_dimensioned_10",
            variably_dimensioned,
            each(10, |i| 1.0 - i / 10.0),
            same(10, -10.0, 10.0),
        ),
        case(
            "variably_dimensioned_28_faces",
            variably_dimensioned,
            each(28, |i| 1.0 - i / 28.0),
            same(28, 0.0, 0.9),
        ),
        case("chebyquad_8", chebyquad, each(8, |i| i / 9.0), same(8, 0.0, 1.0)),
        case("chebyquad_10_faces", chebyquad, each(10, |i| i / 11.0), same(10, 0.08, 0.92)),
        case(
            "discrete_boundary_28",
            discrete_boundary,
            each(28, |i| i / 29.0 * (i / 29.0 - 1.0)),
            same(28, -0.1, 0.0),
        ),
        // Functions whose minimum lies on bounds.
        case("torsion_28", torsion, full(28, 0.0), (full(28, -INF), tent(28))),
        case("torsion_1000", torsion, full(1000, 0.0), (full(1000, -INF), tent(1000))),
        case("scaled_bowl_100_corners", scaled_bowl, full(100, 0.0), same(100, -1.0, 1.0)),
        case(
            "scaled_bowl_1000_fixed",
            scaled_bowl,
            full(1000, 0.0),
            (pattern(1000, &[-1.0, 0.5, -INF]), pattern(1000, &[1.0, 0.5, INF])),
        ),
        case(
            "start_at_the_solution",
            scaled_bowl,
            each(28, |i| (2.0 * i.sin()).clamp(-1.0, 1.0)),
            same(28, -1.0, 1.0),
        ),
        case("bdexp_100", bdexp, full(100, 1.0), same(100, 0.0, 10.0)),
        case("biggsb1_28", biggsb1, full(28, 0.0), same(28, 0.0, 0.9)),
        case(
            "nonscomp_100",
            nonscomp,
            full(100, 3.0),
            (pattern(100, &[1.0, -100.0]), full(100, 100.0)),
        ),
        case("linear_28_corner", linear, full(28, 0.0), same(28, -1.0, 2.0)),
    ]
}

fn case(
    name: &'static str,
    function: Function,
    start: Vec<f64>,
    (lower, upper): (Vec<f64>, Vec<f64>),
) -> Problem {
    let bounds = Bounds::new(lower, upper).unwrap();
    Problem { name, function, start, bounds }
}

fn full(n: usize, value: f64) -> Vec<f64> {
    vec![value; n]
}

/// The values, repeated to `n`.
fn pattern(n: usize, values: &[f64]) -> Vec<f64> {
    values.iter().copied().cycle().take(n).collect()
}

/// `f(1)` to `f(n)`.
fn each(n: u32, f: impl Fn(f64) -> f64) -> Vec<f64> {
    (1..=n).map(|i| f(f64::from(i))).collect()
}

/// Distance to the nearer end of the unit interval at `n` inner points.
fn tent(n: u32) -> Vec<f64> {
    each(n, |i| i.min(f64::from(n + 1) - i) / f64::from(n + 1))
}

fn rs(n: usize) -> Vec<f64> {
    pattern(n, &[-1.2, 1.0])
}

fn ps(n: usize) -> Vec<f64> {
    pattern(n, &[3.0, -1.0, 0.0, 1.0])
}

fn same(n: usize, lower: f64, upper: f64) -> (Vec<f64>, Vec<f64>) {
    (full(n, lower), full(n, upper))
}

fn free(n: usize) -> (Vec<f64>, Vec<f64>) {
    same(n, -INF, INF)
}
