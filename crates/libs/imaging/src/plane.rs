//! A decoded grey image of 8 or 16 bits.

/// Grey levels, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 0 to 255; files of 1, 2 or 4 bits are scaled to this range.
    U8(Vec<u8>),
    /// 0 to 65535.
    U16(Vec<u16>),
}

/// A grey image: `height × width` samples, neither 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    width: usize,
    height: usize,
    samples: Samples,
}

impl Plane {
    /// A plane of these samples; none if their number is 0 or not `width × height`.
    #[must_use]
    pub fn new(width: usize, height: usize, samples: Samples) -> Option<Self> {
        let count = match &samples {
            Samples::U8(samples) => samples.len(),
            Samples::U16(samples) => samples.len(),
        };
        let fits = count > 0 && width.checked_mul(height) == Some(count);
        fits.then_some(Self { width, height, samples })
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

    /// The grey levels, taken out of the plane.
    pub(crate) fn into_samples(self) -> Samples {
        self.samples
    }

    /// Calls `visit` with the samples as little-endian bytes, in order: what the digest of the
    /// decoded source covers.
    pub fn visit_le_bytes(&self, mut visit: impl FnMut(&[u8])) {
        match &self.samples {
            Samples::U8(samples) => visit(samples),
            Samples::U16(samples) => {
                for row in samples.chunks(self.width) {
                    let bytes: Vec<u8> = row.iter().flat_map(|level| level.to_le_bytes()).collect();
                    visit(&bytes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_width_times_height_samples() {
        assert!(Plane::new(2, 2, Samples::U8(vec![0; 4])).is_some());
        assert!(Plane::new(2, 2, Samples::U8(vec![0; 3])).is_none());
        assert!(Plane::new(0, 0, Samples::U8(vec![])).is_none());
        assert!(Plane::new(usize::MAX, 2, Samples::U16(vec![0; 2])).is_none());
    }

    #[test]
    fn samples_of_16_bits_are_visited_low_byte_first() {
        let plane = Plane::new(2, 1, Samples::U16(vec![0x0102, 0xfffe])).unwrap();
        let mut bytes = Vec::new();
        plane.visit_le_bytes(|chunk| bytes.extend_from_slice(chunk));
        assert_eq!(bytes, [2, 1, 0xfe, 0xff]);
    }
}
