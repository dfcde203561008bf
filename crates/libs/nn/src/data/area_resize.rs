//! Area-averaging downscale for progressive resizing, as OpenCV's `INTER_AREA`: a new pixel is the
//! mean of the pixels under it, each weighted by the covered part.
//!
//! Shapes: `[N, S, S, 4]` to `[N, s, s, 4]`, both row-major.

use hpa_core::Channel;
use rayon::prelude::*;

/// The old pixels under a new one, along one axis.
struct Cover {
    first: usize,
    weights: Vec<f32>,
}

/// Resizes square images from side `from` to side `to`, which is not larger.
pub(crate) fn area_resize(images: &[f32], from: usize, to: usize) -> Vec<f32> {
    let covers: Vec<Cover> = (0..to).map(|pixel| cover(pixel, from, to)).collect();
    let old = from * from * Channel::COUNT;
    let new = to * to * Channel::COUNT;
    let mut resized = vec![0.0; images.len() / old * new];
    resized.par_chunks_mut(new).zip(images.par_chunks(old)).for_each(|(resized, image)| {
        let mut rows = vec![0.0; to * from * Channel::COUNT];
        for (row, cover) in rows.chunks_exact_mut(from * Channel::COUNT).zip(&covers) {
            weighted_mean(row, image, cover, from * Channel::COUNT);
        }
        for (line, row) in resized
            .chunks_exact_mut(to * Channel::COUNT)
            .zip(rows.chunks_exact(from * Channel::COUNT))
        {
            for (pixel, cover) in line.chunks_exact_mut(Channel::COUNT).zip(&covers) {
                weighted_mean(pixel, row, cover, Channel::COUNT);
            }
        }
    });
    resized
}

/// Weighted mean of neighbours of `stride` values each.
fn weighted_mean(out: &mut [f32], values: &[f32], cover: &Cover, stride: usize) {
    let values = values[cover.first * stride..].chunks_exact(stride);
    for (weight, values) in cover.weights.iter().zip(values) {
        for (out, value) in out.iter_mut().zip(values) {
            *out += weight * value;
        }
    }
}

fn cover(pixel: usize, from: usize, to: usize) -> Cover {
    // In units of 1 / to of an old pixel all borders are whole numbers.
    let begin = pixel * from;
    let end = begin + from;
    let first = begin / to;
    let weight = |old: usize| {
        let covered = end.min((old + 1) * to) - begin.max(old * to);
        #[expect(clippy::cast_possible_truncation, reason = "weights of f32 pixels")]
        {
            (covered as f64 / from as f64) as f32
        }
    };
    Cover { first, weights: (first..end.div_ceil(to)).map(weight).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: &[f32]) -> Vec<f32> {
        values.iter().flat_map(|value| [*value, 2.0 * value, 0.0, 1.0]).collect()
    }

    #[test]
    fn half_the_side_averages_four_pixels() {
        let image = grey(&[1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15., 16.]);
        assert_eq!(area_resize(&image, 4, 2), grey(&[3.5, 5.5, 11.5, 13.5]));
        assert_eq!(area_resize(&image, 4, 4), image);
    }

    #[test]
    fn partly_covered_pixels_are_weighted() {
        // Three to two along each axis: the middle pixel counts half.
        let image = grey(&[0., 3., 6., 0., 3., 6., 0., 3., 6.]);
        let resized = area_resize(&image, 3, 2);
        for (value, expected) in resized.iter().zip(grey(&[1.0, 5.0, 1.0, 5.0])) {
            assert!((value - expected).abs() < 1e-6, "{resized:?}");
        }
    }

    #[test]
    fn the_mean_of_each_image_is_kept() {
        let images: Vec<f32> = (0_u16..2 * 7 * 7 * 4).map(|n| f32::from(n * 7 % 31)).collect();
        let resized = area_resize(&images, 7, 5);
        assert_eq!(resized.len(), 2 * 5 * 5 * 4);
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        for (old, new) in images.chunks(196).zip(resized.chunks(100)) {
            assert!((mean(old) - mean(new)).abs() < 1e-4);
        }
    }
}
