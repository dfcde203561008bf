//! The eight ways to lay a square on itself (the group D4): a dish has no up.
//!
//! Number `n` is three bits: 1 mirrors left and right, 2 mirrors up and down, 4 swaps rows
//! and columns first. Pixels are moved, never mixed, so every turn can be undone exactly.
//!
//! Shapes: tensors are `channels × S × S`, row by row.

/// One of the eight symmetries of the square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dihedral(u8);

impl Dihedral {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them; the first leaves the picture as it is.
    #[must_use]
    pub fn all() -> [Self; Self::COUNT] {
        [0, 1, 2, 3, 4, 5, 6, 7].map(Self)
    }

    /// The symmetry with this number, from 0 to 7.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::all().get(index).copied()
    }

    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// What undoes it.
    #[must_use]
    pub const fn inverse(self) -> Self {
        match self.0 {
            5 => Self(6), // quarter turns undo each other; all others undo themselves
            6 => Self(5),
            own => Self(own),
        }
    }

    /// Every channel of `tensor` turned.
    ///
    /// # Panics
    /// When `tensor` is not a whole number of `side × side` channels.
    #[must_use]
    pub fn apply<T: Copy>(self, tensor: &[T], side: usize) -> Vec<T> {
        assert!(tensor.len().is_multiple_of((side * side).max(1)), "channels of side × side");
        if self.0 == 0 {
            return tensor.to_vec();
        }
        let mut turned = Vec::with_capacity(tensor.len());
        for channel in tensor.chunks_exact((side * side).max(1)) {
            for y in 0..side {
                turned.extend((0..side).map(|x| channel[self.source(x, y, side)]));
            }
        }
        turned
    }

    /// Where the pixel comes from that ends at column `x`, row `y`.
    const fn source(self, x: usize, y: usize, side: usize) -> usize {
        let (x, y) = if self.0 & 4 == 0 { (x, y) } else { (y, x) };
        let x = if self.0 & 1 == 0 { x } else { side - 1 - x };
        let y = if self.0 & 2 == 0 { y } else { side - 1 - y };
        y * side + x
    }

    /// The matrix that takes a place in the turned square, measured from its centre, to
    /// where its pixel comes from.
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
    fn the_eight_turns_differ_and_are_undone_by_their_inverses() {
        let tensor: Vec<u16> = (0..32).collect(); // [2, 4, 4]
        let turned = Dihedral::all().map(|turn| turn.apply(&tensor, 4));
        for (index, picture) in turned.iter().enumerate() {
            assert!(turned[..index].iter().all(|other| other != picture), "{index}");
            let turn = Dihedral::from_index(index).unwrap();
            assert_eq!(turn.index(), index);
            assert_eq!(turn.inverse().apply(picture, 4), tensor, "{index}");
        }
        assert_eq!(turned[0], tensor);
        assert_eq!(Dihedral::from_index(8), None);
    }

    #[test]
    fn each_bit_does_what_it_says() {
        let square = [1, 2, 3, 4];
        let turned = |index| Dihedral::from_index(index).unwrap().apply(&square, 2);
        assert_eq!(turned(1), [2, 1, 4, 3]);
        assert_eq!(turned(2), [3, 4, 1, 2]);
        assert_eq!(turned(4), [1, 3, 2, 4]);
    }
}
