//! Channels: the four grey images of a sample.

use serde::{Deserialize, Serialize};

/// One of the four stains, in tensor order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Microtubules.
    Red,
    /// The protein of interest.
    Green,
    /// The nucleus.
    Blue,
    /// The endoplasmic reticulum.
    Yellow,
}

impl Channel {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them, in tensor order.
    pub const ALL: [Self; Self::COUNT] = [Self::Red, Self::Green, Self::Blue, Self::Yellow];

    /// The name in file names (`<id>_red.png`) and in metadata.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
        }
    }

    /// Its index in a tensor, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_that_in_all() {
        for (place, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), place);
        }
    }
}
