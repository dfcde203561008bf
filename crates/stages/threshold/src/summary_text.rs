//! The [`Summary`] in one line, for people.

use crate::Summary;
use std::fmt;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}: {:.4} fitted", self.metric, self.method, self.fitted)?;
        if let Some(held_out) = self.held_out {
            write!(f, ", {held_out:.4} held out")?;
        }
        if let (Some(low), Some(high)) = (self.low, self.high) {
            write!(f, " (95 % interval {low:.4} to {high:.4})")?;
        }
        if let Some(exact) = self.exact {
            write!(f, "; {:.5} below the optimum", (exact - self.fitted).max(0.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::case;
    use crate::{Aligned, Calibration, Search, Settings};
    use hpa_core::{LabelNames, Seed};

    #[test]
    fn the_line_has_score_and_gap_and_what_there_is_of_the_rest() {
        let case = case("macro-f1", 300, 1);
        let data = Aligned {
            scores: case.scores,
            truth: case.truth,
            n_labels: 3,
            folds: None,
            left_out: 0,
        };
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let names = LabelNames::try_from(names).unwrap();
        let settings = Settings {
            method: "exact".parse().unwrap(),
            shrink: 0,
            calibration: Calibration::Platt,
            seed: Seed::new(0),
        };
        let metric = "macro-f1".parse().unwrap();
        let search = Search::run(&data, &names, metric, &settings).unwrap();
        let text = search.summary(None).to_string();
        assert!(text.starts_with("macro-f1 by exact: 0."), "{text}");
        assert!(text.ends_with(" fitted; 0.00000 below the optimum"), "{text}");
    }
}
