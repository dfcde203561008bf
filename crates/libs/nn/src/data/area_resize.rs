//! Smaller pictures for progressive sizes: each new pixel is the mean of the area that it covers,
//! pixels that it covers in part weighing that part (OpenCV's `INTER_AREA`).
//!
//! Shapes: `[N, S, S, 4]` to `[N, s, s, 4]`, both row-major.

use hpa_core::Channel;
use rayon::prelude::*;

/// The old pixels under a new one: the first, and what each weighs.
type Cover = (usize, Vec<f32>);

/// Shrinks square pictures of side `from` to side `to`, which is no larger.
pub(crate) fn area_resize(images: &[f32], from: usize, to: usize) -> Vec<f32> {
    let covers: Vec<Cover> = (0..to).map(|pixel| cover(pixel, from, to)).collect();
    let (old, new) = (from * from * Channel::COUNT, to * to * Channel::COUNT);
    let mut shrunk = vec![0.0; images.len() / old * new];
    shrunk.par_chunks_mut(new).zip(images.par_chunks(old)).for_each(|(shrunk, image)| {
        let mut rows = vec![0.0; to * from * Channel::COUNT];
        for (row, cover) in rows.chunks_exact_mut(from * Channel::COUNT).zip(&covers) {
            mean(row, image, cover, from * Channel::COUNT);
        }
        for (line, row) in shrunk
            .chunks_exact_mut(to * Channel::COUNT)
            .zip(rows.chunks_exact(from * Channel::COUNT))
        {
            for (pixel, cover) in line.chunks_exact_mut(Channel::COUNT).zip(&covers) {
                mean(pixel, row, cover, Channel::COUNT);
            }
        }
    });
    shrunk
}

/// The weighted mean of neighbours that are `stride` values long each.
fn mean(out: &mut [f32], values: &[f32], (first, weights): &Cover, stride: usize) {
    for (weight, values) in weights.iter().zip(values[first * stride..].chunks_exact(stride)) {
        for (out, value) in out.iter_mut().zip(values) {
            *out += weight * value;
        }
    }
}

fn cover(pixel: usize, from: usize, to: usize) -> Cover {
    // In units of 1 / to of an old pixel all borders are whole numbers.
    let (begin, end) = (pixel * from, (pixel + 1) * from);
    let first = begin / to;
    let share = |old: usize| {
        let covered = end.min((old + 1) * to) - begin.max(old * to);
        #[expect(clippy::cast_possible_truncation, reason = "weights of f32 pixels")]
        {
            (covered as f64 / from as f64) as f32
        }
    };
    (first, (first..end.div_ceil(to)).map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|value| [*value, 2.0 * value, 0.0, 1.0]).collect()
    }

    #[test]
    fn half_the_side_is_the_mean_of_four() {
        let image = grey(&[1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15., 16.]);
        assert_eq!(area_resize(&image, 4, 2), grey(&[3.5, 5.5, 11.5, 13.5]));
        assert_eq!(area_resize(&image, 4, 4), image);
    }

    #[test]
    fn pixels_covered_in_part_weigh_that_part() {
        // Three to two along each axis: the middle is shared half and half.
        let image = grey(&[0., 3., 6., 0., 3., 6., 0., 3., 6.]);
        let shrunk = area_resize(&image, 3, 2);
        for (value, expected) in shrunk.iter().zip(grey(&[1.0, 5.0, 1.0, 5.0])) {
            assert!((value - expected).abs() < 1e-6, "{shrunk:?}");
        }
    }

    #[test]
    fn each_picture_keeps_its_mean() {
        let images: Vec<f32> = (0_u16..2 * 7 * 7 * 4).map(|n| f32::from(n * 7 % 31)).collect();
        let shrunk = area_resize(&images, 7, 5);
        assert_eq!(shrunk.len(), 2 * 5 * 5 * 4);
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        for (old, new) in images.chunks(196).zip(shrunk.chunks(100)) {
            assert!((mean(old) - mean(new)).abs() < 1e-4);
        }
    }
}
