//! The eight symmetries of the square (dihedral group D4): flips and quarter-turn rotations.
//!
//! The index is three bits: 1 flips horizontally, 2 flips vertically, 4 transposes first.
//! Pixels are permuted, never interpolated.
//!
//! Shapes: tensors are `channels × S × S`, row by row.

/// One of the eight symmetries of the square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dihedral(u8);

impl Dihedral {
    /// Number of symmetries.
    pub const COUNT: usize = 8;

    /// All of them; the first is the identity.
    #[must_use]
    pub fn all() -> [Self; Self::COUNT] {
        [0, 1, 2, 3, 4, 5, 6, 7].map(Self)
    }

    /// The symmetry with this index, 0 to 7.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::all().get(index).copied()
    }

    /// Its index, 0 to 7.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Applies the symmetry to every channel of `tensor`.
    ///
    /// # Panics
    /// When `tensor` is not a whole number of `side × side` channels.
    #[must_use]
    pub fn apply<T: Copy>(self, tensor: &[T], side: usize) -> Vec<T> {
        assert!(tensor.len().is_multiple_of((side * side).max(1)), "channels of side × side");
        if self.0 == 0 {
            return tensor.to_vec();
        }
        let mut transformed = Vec::with_capacity(tensor.len());
        for channel in tensor.chunks_exact((side * side).max(1)) {
            for y in 0..side {
                transformed.extend((0..side).map(|x| channel[self.source(x, y, side)]));
            }
        }
        transformed
    }

    /// Index of the source pixel of output column `x`, row `y`.
    const fn source(self, x: usize, y: usize, side: usize) -> usize {
        let (x, y) = if self.0 & 4 == 0 { (x, y) } else { (y, x) };
        let x = if self.0 & 1 == 0 { x } else { side - 1 - x };
        let y = if self.0 & 2 == 0 { y } else { side - 1 - y };
        y * side + x
    }

    /// The matrix from output to source coordinates, both relative to the centre.
    pub(crate) const fn matrix(self) -> [[f32; 2]; 2] {
        let x = if self.0 & 1 == 0 { 1.0 } else { -1.0 };
        let y = if self.0 & 2 == 0 { 1.0 } else { -1.0 };
        if self.0 & 4 == 0 { [[x, 0.0], [0.0, y]] } else { [[0.0, x], [y, 0.0]] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_symmetries_are_distinct_permutations() {
        let tensor: Vec<u16> = (0..32).collect(); // [2, 4, 4]
        let all = Dihedral::all().map(|symmetry| symmetry.apply(&tensor, 4));
        assert_eq!(all[0], tensor);
        for (index, image) in all.iter().enumerate() {
            assert_eq!(Dihedral::from_index(index).unwrap().index(), index);
            assert!(all[..index].iter().all(|other| other != image), "{index}");
            let mut sorted = image.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, tensor, "{index}");
        }
        assert_eq!(Dihedral::from_index(8), None);
    }

    #[test]
    fn each_bit_is_one_flip_or_the_transposition() {
        let square = [1, 2, 3, 4];
        let apply = |index| Dihedral::from_index(index).unwrap().apply(&square, 2);
        assert_eq!(apply(1), [2, 1, 4, 3]);
        assert_eq!(apply(2), [3, 4, 1, 2]);
        assert_eq!(apply(4), [1, 3, 2, 4]);
    }
}
