//! First values of weights.
//!
//! Each tensor has a random stream of its own, named after it, so that a tensor's values do not
//! depend on which others there are or in which order they are made.

use crate::network::layers::{Entry, Start};
use hpa_artifacts::Weights;
use hpa_core::{Rng, Seed};

/// The first values of one tensor.
pub(crate) fn initial(entry: &Entry, seed: Seed) -> Weights {
    let count = entry.shape.iter().product();
    let mut rng = seed.derive("initial weights").derive(&entry.name).rng();
    let mut draw = |one: &dyn Fn(&mut Rng) -> f64| {
        #[expect(clippy::cast_possible_truncation, reason = "weights are 32-bit floats")]
        (0..count).map(|_| one(&mut rng) as f32).collect()
    };
    let values = match entry.start {
        Start::KaimingNormal { fan_out } => {
            let deviation = (2.0 / fan_out as f64).sqrt();
            draw(&|rng| deviation * rng.normal())
        }
        Start::Uniform { fan_in } => {
            let bound = (fan_in as f64).sqrt().recip();
            draw(&|rng| rng.range(-bound, bound))
        }
        Start::Constant(value) => vec![value; count],
    };
    Weights { shape: entry.shape.clone(), values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start: Start) -> Entry {
        Entry { name: "a.weight".into(), shape: vec![64, 32, 3, 3], start, is_buffer: false }
    }

    #[test]
    fn convolutions_start_with_kaimings_variance() {
        let weights = initial(&entry(Start::KaimingNormal { fan_out: 64 * 9 }), Seed::new(1));
        let count = weights.values.len() as f64;
        let variance = weights.values.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / count;
        assert!((variance * 64.0 * 9.0 / 2.0 - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn a_tensors_values_depend_on_its_name_and_seed_alone() {
        let one = entry(Start::Uniform { fan_in: 9 });
        let other = Entry { name: "b.weight".into(), ..one.clone() };
        assert_eq!(initial(&one, Seed::new(1)).values, initial(&one, Seed::new(1)).values);
        assert_ne!(initial(&one, Seed::new(1)).values, initial(&one, Seed::new(2)).values);
        assert_ne!(initial(&one, Seed::new(1)).values, initial(&other, Seed::new(1)).values);
        assert!(initial(&one, Seed::new(1)).values.iter().all(|w| w.abs() <= 1.0 / 3.0));
    }
}
