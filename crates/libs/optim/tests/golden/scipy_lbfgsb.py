"""What SciPy's L-BFGS-B does on the bounded problems of tests/problems.

Made with Python 3.11.7, NumPy 2.4.6, SciPy 1.17.1 (scipy_lbfgsb.json records what was used).

    python3 -m venv venv && venv/bin/pip install 'scipy==1.17.*'
    venv/bin/python scipy_lbfgsb.py            # rewrites scipy_lbfgsb.json beside it

ftol 1e-12, gtol 1e-8, memory 10, analytic gradients. For each problem the objective and the
gradient's length at the start are noted as well, so that the Rust definitions can be held
against these. Sources: More, Garbow & Hillstrom, ACM TOMS 7 (1981), 17-41 (MGH); Hock &
Schittkowski (1981) (HS); CUTEst (names as there).
"""
import json
import pathlib
import platform
import time

import numpy as np
import scipy
from scipy.optimize import minimize

INF = np.inf


def rosenbrock(x):  # MGH 21, pairs
    a, b = x[0::2], x[1::2]
    r, s = b - a * a, 1 - a
    g = np.empty_like(x)
    g[0::2] = -400 * r * a - 2 * s
    g[1::2] = 200 * r
    return np.sum(100 * r * r + s * s), g


def chained_rosenbrock(x):  # CUTEst GENROSE-like
    r, s = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g = np.zeros_like(x)
    g[:-1] = -400 * r * x[:-1] - 2 * s
    g[1:] += 200 * r
    return np.sum(100 * r * r + s * s), g


def beale(x):  # MGH 5
    f, g = 0.0, np.zeros(2)
    for i, y in enumerate([1.5, 2.25, 2.625], 1):
        r = y - x[0] * (1 - x[1] ** i)
        f += r * r
        g += 2 * r * np.array([x[1] ** i - 1, x[0] * i * x[1] ** (i - 1)])
    return f, g


def powell_singular(x):  # MGH 22, fours
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    p, q, r, s = a + 10 * b, c - d, b - 2 * c, a - d
    g = np.empty_like(x)
    g[0::4] = 2 * p + 40 * s**3
    g[1::4] = 20 * p + 4 * r**3
    g[2::4] = 10 * q - 8 * r**3
    g[3::4] = -10 * q - 40 * s**3
    return np.sum(p * p + 5 * q * q + r**4 + 10 * s**4), g


def trigonometric(x):  # MGH 26
    n, i = len(x), np.arange(1, len(x) + 1)
    c, s = np.cos(x), np.sin(x)
    r = n - np.sum(c) + i * (1 - c) - s
    return np.sum(r * r), 2 * (s * np.sum(r) + r * (i * s - c))


def wood(x):  # MGH 14, HS 38
    a, b, c, d = x
    p, q = b - a * a, d - c * c
    f = 100 * p * p + (1 - a) ** 2 + 90 * q * q + (1 - c) ** 2
    f += 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1)
    return f, np.array([
        -400 * p * a - 2 * (1 - a),
        200 * p + 20.2 * (b - 1) + 19.8 * (d - 1),
        -360 * q * c - 2 * (1 - c),
        180 * q + 20.2 * (d - 1) + 19.8 * (b - 1),
    ])


def helical_valley(x):  # MGH 7
    a, b, c = x
    theta = np.arctan2(b, a) / (2 * np.pi)
    theta = theta + 1 if a < 0 and b < 0 else theta  # arctan(b/a), + 1/2 where a < 0
    rho = np.hypot(a, b)
    p, q = 10 * (c - 10 * theta), 10 * (rho - 1)
    dta, dtb = -b / (2 * np.pi * rho**2), a / (2 * np.pi * rho**2)
    return p * p + q * q + c * c, np.array([
        2 * p * -100 * dta + 20 * q * a / rho,
        2 * p * -100 * dtb + 20 * q * b / rho,
        20 * p + 2 * c,
    ])


def brown_badly_scaled(x):  # MGH 4
    p, q, r = x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2
    return p * p + q * q + r * r, 2 * np.array([p + r * x[1], q + r * x[0]])


def freudenstein_roth(x):  # MGH 2
    a, b = x
    p = -13 + a + ((5 - b) * b - 2) * b
    q = -29 + a + ((b + 1) * b - 14) * b
    return p * p + q * q, np.array(
        [2 * (p + q), 2 * p * (10 * b - 3 * b * b - 2) + 2 * q * (3 * b * b + 2 * b - 14)]
    )


def jennrich_sampson(x):  # MGH 6, m = 10
    i = np.arange(1, 11)
    e, h = np.exp(i * x[0]), np.exp(i * x[1])
    r = 2 + 2 * i - e - h
    return np.sum(r * r), -2 * np.array([np.sum(r * i * e), np.sum(r * i * h)])


def biggs_exp6(x):  # MGH 18, m = 13
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    e, h, k = np.exp(-t * x[0]), np.exp(-t * x[1]), np.exp(-t * x[4])
    r = x[2] * e - x[3] * h + x[5] * k - y
    return np.sum(r * r), 2 * np.array([
        np.sum(-r * t * x[2] * e), np.sum(r * t * x[3] * h), np.sum(r * e),
        np.sum(-r * h), np.sum(-r * t * x[5] * k), np.sum(r * k),
    ])


def broyden_tridiagonal(x):  # MGH 30
    left, right = np.append(0, x[:-1]), np.append(x[1:], 0)
    r = (3 - 2 * x) * x - left - 2 * right + 1
    g = 2 * r * (3 - 4 * x)
    g[:-1] -= 2 * r[1:]
    g[1:] -= 4 * r[:-1]
    return np.sum(r * r), g


def penalty_1(x):  # MGH 23
    q = np.sum(x * x) - 0.25
    return 1e-5 * np.sum((x - 1) ** 2) + q * q, 2e-5 * (x - 1) + 4 * q * x


def variably_dimensioned(x):  # MGH 25
    j = np.arange(1, len(x) + 1)
    s = np.sum(j * (x - 1))
    return np.sum((x - 1) ** 2) + s**2 + s**4, 2 * (x - 1) + (2 * s + 4 * s**3) * j


def chebyquad(x):  # MGH 35, m = n
    n = len(x)
    y = 2 * x - 1
    t0, t1, d0, d1 = np.ones(n), y, np.zeros(n), 2 * np.ones(n)
    f, g = 0.0, np.zeros(n)
    for i in range(1, n + 1):
        r = np.sum(t1) / n + (1 / (i * i - 1) if i % 2 == 0 else 0)
        f, g = f + r * r, g + 2 * r * d1 / n
        t0, t1, d0, d1 = t1, 2 * y * t1 - t0, d1, 4 * t1 + 2 * y * d1 - d0
    return f, g


def discrete_boundary(x):  # MGH 28
    n = len(x)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    left, right = np.append(0, x[:-1]), np.append(x[1:], 0)
    r = 2 * x - left - right + h * h * (x + t + 1) ** 3 / 2
    g = 2 * r * (2 + 1.5 * h * h * (x + t + 1) ** 2)
    g[:-1] -= 2 * r[1:]
    g[1:] -= 2 * r[:-1]
    return np.sum(r * r), g


def hs3(x):
    d = x[1] - x[0]
    return x[1] + 1e-5 * d * d, np.array([-2e-5 * d, 1 + 2e-5 * d])


def hs4(x):
    return (x[0] + 1) ** 3 / 3 + x[1], np.array([(x[0] + 1) ** 2, 1.0])


def hs5(x):
    c, d = np.cos(x[0] + x[1]), x[0] - x[1]
    f = np.sin(x[0] + x[1]) + d * d - 1.5 * x[0] + 2.5 * x[1] + 1
    return f, np.array([c + 2 * d - 1.5, c - 2 * d + 2.5])


def hs45(x):
    return 2 - np.prod(x) / 120, np.array([-np.prod(np.delete(x, i)) / 120 for i in range(5)])


def hs110(x):
    a, b, p = np.log(x - 2), np.log(10 - x), np.prod(x) ** 0.2
    return np.sum(a * a + b * b) - p, 2 * a / (x - 2) - 2 * b / (10 - x) - 0.2 * p / x


def torsion(x):  # CUTEst TORSION, on a line: elastic-plastic string under load 5
    n = len(x)
    h = 1 / (n + 1)
    left, right = np.append(0, x[:-1]), np.append(x[1:], 0)
    ax = (2 * x - left - right) / h
    return 0.5 * np.sum(x * ax) - 5 * h * np.sum(x), ax - 5 * h


def scaled_bowl(x):  # sum of i (x_i - c_i)^2, c_i = 2 sin i
    i = np.arange(1, len(x) + 1)
    d = x - 2 * np.sin(i)
    return np.sum(i * d * d), 2 * i * d


def bdexp(x):  # CUTEst BDEXP
    s, z = x[:-2] + x[1:-1], x[2:]
    e = np.exp(-z * s)
    g = np.zeros_like(x)
    g[:-2] += e * (1 - z * s)
    g[1:-1] += e * (1 - z * s)
    g[2:] -= e * s * s
    return np.sum(s * e), g


def biggsb1(x):  # CUTEst BIGGSB1
    d = x[1:] - x[:-1]
    g = np.zeros_like(x)
    g[1:] += 2 * d
    g[:-1] -= 2 * d
    g[0] += 2 * (x[0] - 1)
    g[-1] -= 2 * (1 - x[-1])
    return (x[0] - 1) ** 2 + np.sum(d * d) + (1 - x[-1]) ** 2, g


def nonscomp(x):  # CUTEst NONSCOMP
    r = x[1:] - x[:-1] ** 2
    g = np.zeros_like(x)
    g[0] = 2 * (x[0] - 1)
    g[1:] += 8 * r
    g[:-1] -= 16 * r * x[:-1]
    return (x[0] - 1) ** 2 + 4 * np.sum(r * r), g


def camel6(x):  # CUTEst CAMEL6
    a, b = x
    f = 4 * a**2 - 2.1 * a**4 + a**6 / 3 + a * b - 4 * b**2 + 4 * b**4
    return f, np.array([8 * a - 8.4 * a**3 + 2 * a**5 + b, a - 8 * b + 16 * b**3])


def linear(x):  # a corner: costs of alternating sign
    i = np.arange(1, len(x) + 1)
    c = np.where(i % 2 == 0, -1.0, 1.0) * (1 + i % 7)
    return np.sum(c * x), c


def pattern(n, *values):
    """The values, repeated to n."""
    return np.array([values[i % len(values)] for i in range(n)], float)


def same(n, low, high):
    return np.full(n, low, float), np.full(n, high, float)


def problems():
    """name, function, start, (lower, upper)."""
    free = lambda n: same(n, -INF, INF)
    rs = lambda n: pattern(n, -1.2, 1.0)
    ps = lambda n: pattern(n, 3.0, -1.0, 0.0, 1.0)
    full = lambda n, v: np.full(n, float(v))
    ramp = lambda n: np.arange(1, n + 1) / n
    tri = lambda n: np.arange(1, n + 1) / (n + 1)
    t28 = np.arange(1, 29) / 29
    yield "rosenbrock_2_free", rosenbrock, rs(2), free(2)
    yield "rosenbrock_2_inside", rosenbrock, rs(2), same(2, -5, 5)
    yield "rosenbrock_2_face", rosenbrock, rs(2), (full(2, -INF), np.array([0.5, INF]))
    yield "hs1", rosenbrock, np.array([-2.0, 1.0]), (np.array([-INF, -1.5]), full(2, INF))
    yield "hs2", rosenbrock, np.array([-2.0, 1.0]), (np.array([-INF, 1.5]), full(2, INF))
    yield "rosenbrock_10_faces", rosenbrock, rs(10), (full(10, -10), pattern(10, 0.5, 2.0))
    yield "rosenbrock_28_start_corner", rosenbrock, full(28, -2), same(28, -2, 2)
    yield "rosenbrock_100_inside", rosenbrock, rs(100), same(100, -3, 3)
    yield "rosenbrock_1000_free", rosenbrock, rs(1000), free(1000)
    yield "rosenbrock_1000_faces", rosenbrock, rs(1000), (full(1000, -INF), pattern(1000, 0.8, INF, 2.0, 0.3))
    yield "chained_rosenbrock_10", chained_rosenbrock, rs(10), same(10, -2, 2)
    yield "chained_rosenbrock_28_faces", chained_rosenbrock, full(28, 3), (pattern(28, 1.0, -100.0), full(28, 100))
    yield "chained_rosenbrock_100", chained_rosenbrock, full(100, 3), (pattern(100, 1.0, -100.0), full(100, 100))
    yield "beale_inside", beale, np.array([1.0, 1.0]), same(2, -4.5, 4.5)
    yield "beale_face", beale, np.array([1.0, 1.0]), same(2, -2, 2)
    yield "beale_corner", beale, np.array([0.5, -0.5]), (np.array([0.6, 0.5]), np.array([1.0, 4.0]))
    yield "powell_singular_4_free", powell_singular, ps(4), free(4)
    yield "powell_singular_28", powell_singular, ps(28), same(28, -4, 4)
    yield "powell_singular_100_faces", powell_singular, ps(100), (pattern(100, 0.1, -INF, -INF, -INF), full(100, 3))
    yield "powell_singular_1000", powell_singular, ps(1000), (pattern(1000, -INF, -INF, 0.2, -INF), full(1000, INF))
    yield "trigonometric_10", trigonometric, full(10, 0.1), same(10, -1, 1)
    yield "trigonometric_28", trigonometric, full(28, 1 / 28), same(28, 0, 1)
    yield "trigonometric_100", trigonometric, full(100, 0.01), (full(100, 0.005), full(100, INF))
    yield "wood_free", wood, np.array([-3.0, -1, -3, -1]), free(4)
    yield "hs38", wood, np.array([-3.0, -1, -3, -1]), same(4, -10, 10)
    yield "wood_faces", wood, np.array([-3.0, -1, -3, -1]), (full(4, -10), pattern(4, 0.7, 10, 10, 0.8))
    yield "helical_valley", helical_valley, np.array([-1.0, 0, 0]), (full(3, -10), np.array([10.0, 10, 10]))
    yield "helical_valley_face", helical_valley, np.array([-1.0, 0, 0]), (full(3, -INF), np.array([0.8, INF, 1.0]))
    yield "brown_badly_scaled", brown_badly_scaled, np.array([1.0, 1.0]), (np.array([0.0, 3e-5]), np.array([1e6, 100]))
    yield "freudenstein_roth", freudenstein_roth, np.array([0.5, -2.0]), same(2, -20, 20)
    yield "freudenstein_roth_face", freudenstein_roth, np.array([0.5, -2.0]), (np.array([0.0, -30]), np.array([20.0, -0.9]))
    yield "jennrich_sampson", jennrich_sampson, np.array([0.3, 0.4]), same(2, 0, 0.5)
    yield "jennrich_sampson_face", jennrich_sampson, np.array([0.3, 0.4]), (np.array([0.26, 0.0]), np.array([10.0, 20]))
    yield "biggs_exp6", biggs_exp6, np.array([1.0, 2, 1, 1, 1, 1]), same(6, 0, 20)
    yield "biggs_exp6_faces", biggs_exp6, np.array([1.0, 2, 1, 1, 1, 1]), (full(6, 0), np.array([2.0, 8, 1, 7, 5, 5]))
    yield "broyden_tridiagonal_28", broyden_tridiagonal, full(28, -1), same(28, -5, 5)
    yield "broyden_tridiagonal_1000", broyden_tridiagonal, full(1000, -1), (pattern(1000, -0.6, -INF), full(1000, INF))
    yield "penalty_1_10", penalty_1, np.arange(1, 11) * 1.0, same(10, 0, 100)
    yield "penalty_1_100", penalty_1, np.arange(1, 101) * 1.0, (full(100, 0.01), full(100, INF))
    yield "variably_dimensioned_10", variably_dimensioned, 1 - ramp(10), same(10, -10, 10)
    yield "variably_dimensioned_28_faces", variably_dimensioned, 1 - ramp(28), same(28, 0, 0.9)
    yield "chebyquad_8", chebyquad, tri(8), same(8, 0, 1)
    yield "chebyquad_10_faces", chebyquad, tri(10), same(10, 0.08, 0.92)
    yield "discrete_boundary_28", discrete_boundary, t28 * (t28 - 1), same(28, -0.1, 0)
    yield "hs3", hs3, np.array([10.0, 1.0]), (np.array([-INF, 0.0]), full(2, INF))
    yield "hs4_corner", hs4, np.array([1.125, 0.125]), (np.array([1.0, 0.0]), full(2, INF))
    yield "hs5", hs5, np.array([0.0, 0.0]), (np.array([-1.5, -3.0]), np.array([4.0, 3.0]))
    yield "hs45_corner", hs45, np.array([0.5, 1.0, 1.5, 2.0, 2.5]), (full(5, 0), np.arange(1.0, 6.0))
    yield "hs45_degenerate_start", hs45, full(5, 0), (full(5, 0), np.arange(1.0, 6.0))
    yield "hs110", hs110, full(10, 9), same(10, 2.001, 9.999)
    yield "torsion_28", torsion, full(28, 0), (full(28, -INF), np.minimum(t28, 1 - t28))
    yield "torsion_1000", torsion, full(1000, 0), (full(1000, -INF), np.minimum(np.arange(1, 1001), 1000 - np.arange(0, 1000)) / 1001)
    yield "scaled_bowl_100_corners", scaled_bowl, full(100, 0), same(100, -1, 1)
    yield "scaled_bowl_1000_fixed", scaled_bowl, full(1000, 0), (pattern(1000, -1, 0.5, -INF), pattern(1000, 1, 0.5, INF))
    yield "all_fixed", rosenbrock, full(10, 5), same(10, 0.25, 0.25)
    yield "start_outside", rosenbrock, full(10, 50), same(10, -1.5, 1.5)
    yield "start_at_the_solution", scaled_bowl, np.clip(2 * np.sin(np.arange(1, 29)), -1, 1), same(28, -1, 1)
    yield "bdexp_100", bdexp, full(100, 1), same(100, 0, 10)
    yield "biggsb1_28", biggsb1, full(28, 0), same(28, 0, 0.9)
    yield "nonscomp_100", nonscomp, full(100, 3), (pattern(100, 1.0, -100.0), full(100, 100))
    yield "camel6", camel6, np.array([1.1, 1.1]), (np.array([-3.0, -1.5]), np.array([3.0, 1.5]))
    yield "linear_28_corner", linear, full(28, 0), same(28, -1, 2)


def main():
    rows, seconds = [], 0.0
    for name, function, start, (lower, upper) in problems():
        admitted = np.clip(start, lower, upper)
        f0, g0 = function(admitted)
        began = time.perf_counter()
        result = minimize(
            function, start, jac=True, method="L-BFGS-B", bounds=list(zip(lower, upper)),
            options={"ftol": 1e-12, "gtol": 1e-8, "maxcor": 10},
        )
        seconds += time.perf_counter() - began
        x, g = result.x, function(result.x)[1]
        rows.append({
            "name": name,
            "variables": len(start),
            "start_cost": float(f0),
            "start_gradient_length": float(np.linalg.norm(g0)),
            "cost": float(result.fun),
            "projected_gradient": float(np.max(np.abs(np.clip(x - g, lower, upper) - x))),
            "evaluations": int(result.get("nfev", 1)),
            "iterations": int(result.get("nit", 0)),
            "message": result.message,
        })
        print(f"{name:32} {result.fun:24.16e} {rows[-1]['evaluations']:5d} {result.message}")
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    out = pathlib.Path(__file__).with_suffix(".json")
    head = json.dumps({"versions": versions, "ftol": 1e-12, "gtol": 1e-8, "memory": 10})[:-1]
    body = ",\n".join(json.dumps(row) for row in rows)
    out.write_text(f'{head}, "problems": [\n{body}\n]}}\n')
    print(len(rows), "problems,", sum(row["evaluations"] for row in rows), "evaluations,", f"{seconds:.2f} s")


if __name__ == "__main__":
    main()
