//! What a local result must pass besides Metropolis: the box, or a test of the user's own.

use crate::bounds::Bounds;

/// A hop to be judged: the local minimum found and the one that the hop set out from.
#[derive(Debug, Clone, Copy)]
pub struct Hop<'a> {
    /// The local minimum found.
    pub point: &'a [f64],
    /// The objective there.
    pub cost: f64,
    /// The minimum that the hop set out from.
    pub from: &'a [f64],
    /// The objective there.
    pub from_cost: f64,
}

/// A test that every local result has to pass, before it is compared with the best as well.
///
/// [`Bounds`] are one; so is any closure `Fn(&Hop) -> bool`; and a pair of tests is passed by
/// what passes both. A test that is to live through a checkpoint must be serialisable, which
/// closures are not.
pub trait AcceptTest {
    /// Whether the result passes.
    fn accepts(&self, hop: &Hop<'_>) -> bool;
}

/// No test: everything passes.
impl AcceptTest for () {
    fn accepts(&self, _: &Hop<'_>) -> bool {
        true
    }
}

impl AcceptTest for Bounds {
    fn accepts(&self, hop: &Hop<'_>) -> bool {
        self.contains(hop.point)
    }
}

impl<F: Fn(&Hop<'_>) -> bool> AcceptTest for F {
    fn accepts(&self, hop: &Hop<'_>) -> bool {
        self(hop)
    }
}

impl<A: AcceptTest, B: AcceptTest> AcceptTest for (A, B) {
    fn accepts(&self, hop: &Hop<'_>) -> bool {
        self.0.accepts(hop) && self.1.accepts(hop)
    }
}
