//! Layout of a batch in one block of memory, copied to the GPU at once: the stored images, the
//! lookup tables, the transforms, mixup partners and targets.
//!
//! Every part begins at a multiple of 16 bytes; numbers are 32-bit and little-endian, as on the
//! GPU.

/// Alignment of parts in bytes.
const ALIGN: usize = 16;
/// Grey levels of a byte.
const LEVELS: usize = 256;
/// 32-bit words of [`TransformParams`].
const PARAM_WORDS: usize = 8 + 4 * TransformParams::MAX_CUTOUTS;

/// How one network input is sampled from a stored image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TransformParams {
    /// From output to source coordinates, both relative to the center: rows x and y.
    pub matrix: [[f32; 2]; 2],
    /// Source coordinates of the center of the output, in half sides.
    pub shift: [f32; 2],
    /// Index of the stored image in the batch.
    pub source: u32,
    /// Number of valid entries of `cutout`.
    pub cutouts: u32,
    /// Rectangles set to 0: columns from and to, rows from and to, the ends excluded.
    pub cutout: [[i32; 4]; Self::MAX_CUTOUTS],
}

impl TransformParams {
    /// Capacity of `cutout`.
    pub const MAX_CUTOUTS: usize = 8;

    fn words(&self) -> [[u8; 4]; PARAM_WORDS] {
        let mut words = [[0; 4]; PARAM_WORDS];
        let numbers = self.matrix.as_flattened().iter().chain(&self.shift).map(|v| v.to_le_bytes());
        let counts = [self.source, self.cutouts].map(u32::to_le_bytes);
        let cutouts = self.cutout.as_flattened().iter().map(|v| v.to_le_bytes());
        for (word, bytes) in words.iter_mut().zip(numbers.chain(counts).chain(cutouts)) {
            *word = bytes;
        }
        words
    }
}

/// Sizes of a batch; the offsets of its parts follow from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLayout {
    /// Number of stored images.
    pub samples: usize,
    /// Network inputs per stored image.
    pub views: usize,
    /// Side of the stored images in pixels.
    pub side: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Targets per sample; 0 for none.
    pub labels: usize,
}

impl BatchLayout {
    const fn aligned(bytes: usize) -> usize {
        bytes.next_multiple_of(ALIGN)
    }

    /// Bytes of one stored image, and values of one transformed image at full size.
    #[must_use]
    pub const fn image_bytes(&self) -> usize {
        self.channels * self.side * self.side
    }

    /// Network inputs of the batch.
    #[must_use]
    pub const fn images(&self) -> usize {
        self.samples * self.views
    }

    /// Offset of the lookup tables, `[images][channels][256]`.
    #[must_use]
    pub const fn luts_at(&self) -> usize {
        Self::aligned(self.samples * self.image_bytes())
    }

    /// Offset of the transforms, `[images]`.
    #[must_use]
    pub const fn params_at(&self) -> usize {
        Self::aligned(self.luts_at() + self.images() * self.channels * LEVELS * 4)
    }

    /// Offset of the indices of mixup partners, `[samples]`.
    #[must_use]
    pub const fn partners_at(&self) -> usize {
        Self::aligned(self.params_at() + self.images() * PARAM_WORDS * 4)
    }

    /// Offset of the mixup weights, `[samples]`.
    #[must_use]
    pub const fn lambdas_at(&self) -> usize {
        Self::aligned(self.partners_at() + self.samples * 4)
    }

    /// Offset of the targets, `[samples][labels]`.
    #[must_use]
    pub const fn targets_at(&self) -> usize {
        Self::aligned(self.lambdas_at() + self.samples * 4)
    }

    /// Bytes of the batch.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        Self::aligned(self.targets_at() + self.samples * self.labels * 4)
    }

    /// The memory of the stored images.
    ///
    /// # Panics
    /// When the memory is smaller than the batch.
    #[must_use]
    pub fn pixels_mut<'b>(&self, memory: &'b mut [u8]) -> &'b mut [u8] {
        &mut memory[..self.samples * self.image_bytes()]
    }

    /// Writes the transform of one network input and its lookup tables `[channels][256]`.
    ///
    /// # Panics
    /// When the memory is smaller than the batch, the tables have another size, or the index of the
    /// image, the index of its source or the number of cutouts is out of range.
    pub fn put_transform(
        &self,
        memory: &mut [u8],
        image: usize,
        params: &TransformParams,
        luts: &[f32],
    ) {
        let size = self.channels * LEVELS;
        assert_eq!(luts.len(), size, "one table per channel");
        assert!(image < self.images(), "image {image} of {}", self.images());
        // The kernel does not check these bounds.
        let (source, cutouts) = (params.source as usize, params.cutouts as usize);
        assert!(source < self.samples, "source {source} of {}", self.samples);
        assert!(
            cutouts <= TransformParams::MAX_CUTOUTS,
            "{cutouts} cutouts of at most {}",
            TransformParams::MAX_CUTOUTS
        );
        put(&mut memory[self.luts_at() + image * size * 4..][..size * 4], luts);
        let words = &mut memory[self.params_at() + image * PARAM_WORDS * 4..][..PARAM_WORDS * 4];
        words.copy_from_slice(params.words().as_flattened());
    }

    /// Writes mixup pairs (index of the partner, weight of the sample itself) and targets: one for
    /// each sample, or none.
    ///
    /// # Panics
    /// When the memory is smaller than the batch, the index of a partner is out of range, or some
    /// samples have partners or targets and others do not.
    pub fn put_labels(&self, memory: &mut [u8], partners: &[(u32, f32)], targets: &[f32]) {
        let has = |count, each| count == 0 || count == self.samples * each;
        assert!(has(partners.len(), 1), "{} partners of {}", partners.len(), self.samples);
        assert!(has(targets.len(), self.labels), "{} targets", targets.len());
        // The kernel does not check this bound.
        let is_sample = |(partner, _): &(u32, f32)| (*partner as usize) < self.samples;
        assert!(partners.iter().all(is_sample), "a partner is not in the batch");
        for (number, (partner, lambda)) in partners.iter().enumerate() {
            memory[self.partners_at() + number * 4..][..4].copy_from_slice(&partner.to_le_bytes());
            memory[self.lambdas_at() + number * 4..][..4].copy_from_slice(&lambda.to_le_bytes());
        }
        put(&mut memory[self.targets_at()..][..targets.len() * 4], targets);
    }
}

fn put(to: &mut [u8], values: &[f32]) {
    for (to, value) in to.chunks_exact_mut(4).zip(values) {
        to.copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_aligned_and_do_not_overlap() {
        let layout = BatchLayout { samples: 3, views: 2, side: 5, channels: 4, labels: 7 };
        let starts = [
            layout.luts_at(),
            layout.params_at(),
            layout.partners_at(),
            layout.lambdas_at(),
            layout.targets_at(),
            layout.bytes(),
        ];
        let sizes = [300, 6 * 4 * 1024, 6 * 160, 12, 12, 84];
        let mut end = 0;
        for (start, size) in starts.into_iter().zip(sizes) {
            assert!(start >= end + size && start < end + size + ALIGN, "{start} after {end}");
            assert_eq!(start % ALIGN, 0);
            end = start;
        }
        let mut memory = vec![0; layout.bytes()];
        layout.put_labels(&mut memory, &[(2, 0.75); 3], &[0.5; 21]);
        assert_eq!(memory[layout.partners_at() + 4], 2);
        assert_eq!(memory[layout.targets_at() + 80..][..4], 0.5_f32.to_le_bytes());
        let params =
            TransformParams { source: 2, cutout: [[-1; 4]; 8], ..TransformParams::default() };
        layout.put_transform(&mut memory, 5, &params, &[1.0; 1024]);
        assert_eq!(memory[layout.params_at() + 5 * 160 + 24], 2);
        assert_eq!(memory[layout.params_at() + 6 * 160 - 4..][..4], [255; 4]);
    }

    #[test]
    fn indices_beyond_the_batch_are_refused() {
        let layout = BatchLayout { samples: 3, views: 2, side: 5, channels: 1, labels: 2 };
        let refuses = |put: &dyn Fn(&mut [u8])| {
            let put = || put(&mut vec![0; layout.bytes()]);
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(put)).is_err()
        };
        let image = |image, source, cutouts| {
            let params = TransformParams { source, cutouts, ..TransformParams::default() };
            refuses(&|memory| layout.put_transform(memory, image, &params, &[0.0; LEVELS]))
        };
        assert!(!image(5, 2, 8));
        assert!(image(6, 2, 8) && image(5, 3, 8) && image(5, 2, 9));
        let labels = |partners: &[(u32, f32)], targets: usize| {
            refuses(&|memory| layout.put_labels(memory, partners, &vec![0.0; targets]))
        };
        assert!(!labels(&[(2, 0.5); 3], 6) && !labels(&[], 0));
        assert!(labels(&[(3, 0.5); 3], 6) && labels(&[(2, 0.5); 2], 6) && labels(&[], 5));
    }
}
