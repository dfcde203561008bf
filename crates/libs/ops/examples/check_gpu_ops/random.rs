//! Numbers and sizes from a seed.

/// A small generator (xorshift*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn size(&mut self, low: usize, high: usize) -> usize {
        low + usize::try_from(self.next() >> 33).unwrap_or(0) % (high - low + 1)
    }

    pub(crate) fn one_of(&mut self, choices: &[usize]) -> usize {
        choices[self.size(0, choices.len() - 1)]
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// Values in [-0.5, 0.5).
    pub(crate) fn values(&mut self, count: usize) -> Vec<f32> {
        let mut value = || f32::from(u16::try_from(self.next() >> 48).unwrap_or(0)) / 65536.0 - 0.5;
        (0..count).map(|_| value()).collect()
    }
}
