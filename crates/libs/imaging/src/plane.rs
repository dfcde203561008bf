//! One grey picture, as its file holds it.

/// Grey levels, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 0 to 255; files of 1, 2 or 4 bits are stretched to this.
    Eight(Vec<u8>),
    /// 0 to 65535.
    Sixteen(Vec<u16>),
}

/// One grey picture: `height × width` samples, neither side 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    width: usize,
    height: usize,
    samples: Samples,
}

impl Plane {
    /// A plane of these samples; none when their number is not `width × height` or is 0.
    #[must_use]
    pub fn new(width: usize, height: usize, samples: Samples) -> Option<Self> {
        let count = match &samples {
            Samples::Eight(samples) => samples.len(),
            Samples::Sixteen(samples) => samples.len(),
        };
        let whole = count > 0 && width.checked_mul(height) == Some(count);
        whole.then_some(Self { width, height, samples })
    }

    /// Samples in a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The grey levels.
    #[must_use]
    pub const fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The grey levels, without the sides.
    pub(crate) fn into_samples(self) -> Samples {
        self.samples
    }

    /// Hands the samples as bytes to `take`, 16-bit ones low byte first: what a digest of
    /// the decoded source covers.
    pub fn each_bytes(&self, mut take: impl FnMut(&[u8])) {
        match &self.samples {
            Samples::Eight(samples) => take(samples),
            Samples::Sixteen(samples) => {
                for row in samples.chunks(self.width) {
                    let bytes: Vec<u8> = row.iter().flat_map(|level| level.to_le_bytes()).collect();
                    take(&bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_as_many_samples_as_its_sides_say() {
        assert!(Plane::new(2, 2, Samples::Eight(vec![0; 4])).is_some());
        assert!(Plane::new(2, 2, Samples::Eight(vec![0; 3])).is_none());
        assert!(Plane::new(0, 0, Samples::Eight(vec![])).is_none());
        assert!(Plane::new(usize::MAX, 2, Samples::Sixteen(vec![0; 2])).is_none());
    }

    #[test]
    fn sixteen_bits_are_written_low_byte_first() {
        let plane = Plane::new(2, 1, Samples::Sixteen(vec![0x0102, 0xfffe])).unwrap();
        let mut bytes = Vec::new();
        plane.each_bytes(|some| bytes.extend_from_slice(some));
        assert_eq!(bytes, [2, 1, 0xfe, 0xff]);
    }
}
