//! The one-dimensional transforms; each is applied to the columns, then to the rows.
#![expect(unsafe_code, reason = "vector arithmetic inside kernels")]

use crate::cpu::simd::Simd;

/// `a + c b`.
///
/// # Safety
/// Inside a kernel of the level `S`, as everything in this file.
#[inline(always)]
unsafe fn add_scaled<S: Simd>(a: S::V, c: f32, b: S::V) -> S::V {
    // SAFETY: the caller's promise; so below.
    unsafe { S::fma(b, S::splat(c), a) }
}

/// `B^T d`.
#[inline(always)]
pub(super) unsafe fn input<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    unsafe {
        let (s, t) = (add_scaled::<S>(d[4], -4.0, d[2]), add_scaled::<S>(d[3], -4.0, d[1]));
        let (u, v) = (S::sub(d[4], d[2]), S::sub(d[3], d[1]));
        [
            add_scaled::<S>(add_scaled::<S>(d[4], -5.0, d[2]), 4.0, d[0]),
            S::add(s, t),
            S::sub(s, t),
            add_scaled::<S>(u, 2.0, v),
            add_scaled::<S>(u, -2.0, v),
            add_scaled::<S>(add_scaled::<S>(d[5], -5.0, d[3]), 4.0, d[1]),
        ]
    }
}

/// `A^T m`.
#[inline(always)]
pub(super) unsafe fn output<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    unsafe {
        let (p, q) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (r, s) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], p), r),
            add_scaled::<S>(q, 2.0, s),
            add_scaled::<S>(p, 4.0, r),
            S::add(add_scaled::<S>(q, 8.0, s), m[5]),
        ]
    }
}

/// `A y`.
#[inline(always)]
pub(super) unsafe fn output_gradient<S: Simd>(y: [S::V; 4]) -> [S::V; 6] {
    unsafe {
        let (e, o) = (S::add(y[0], y[2]), S::add(y[1], y[3]));
        let e2 = add_scaled::<S>(y[0], 4.0, y[2]);
        let o2 = S::mul(S::splat(2.0), add_scaled::<S>(y[1], 4.0, y[3]));
        [y[0], S::add(e, o), S::sub(e, o), S::add(e2, o2), S::sub(e2, o2), y[3]]
    }
}

/// `G g`.
#[inline(always)]
pub(super) unsafe fn kernel<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    unsafe {
        let times = |a: S::V, c: f32| S::mul(a, S::splat(c));
        let (e, o) = (times(S::add(g[0], g[2]), -1.0 / 6.0), times(g[1], -1.0 / 6.0));
        let e2 = S::fma(g[0], S::splat(1.0 / 24.0), times(g[2], 1.0 / 6.0));
        let o2 = times(g[1], 1.0 / 12.0);
        [times(g[0], 0.25), S::add(e, o), S::sub(e, o), S::add(e2, o2), S::sub(e2, o2), g[2]]
    }
}

/// `G^T t`.
#[inline(always)]
pub(super) unsafe fn kernel_gradient<S: Simd>(t: [S::V; 6]) -> [S::V; 3] {
    unsafe {
        let (s12, d12) = (S::add(t[1], t[2]), S::sub(t[2], t[1]));
        let (s34, d34) = (S::add(t[3], t[4]), S::sub(t[3], t[4]));
        let first = add_scaled::<S>(S::mul(t[0], S::splat(0.25)), -1.0 / 6.0, s12);
        [
            add_scaled::<S>(first, 1.0 / 24.0, s34),
            add_scaled::<S>(S::mul(d12, S::splat(1.0 / 6.0)), 1.0 / 12.0, d34),
            add_scaled::<S>(add_scaled::<S>(t[5], -1.0 / 6.0, s12), 1.0 / 6.0, s34),
        ]
    }
}
