//! Which samples are shown, and what was said of them.
//!
//! The choice is a lot, not a pick: labels take turns, the most frequent and the rarest
//! alternately, and each draws one of its samples at random. So rare labels are seen, and
//! good and bad decisions appear as often as the lot has it.

use crate::align::Part;
use crate::run::Run;
use crate::verdict::{Verdict, decisions, held_out_decisions};
use hpa_artifacts::ImageStore;
use hpa_core::{Fold, Label, SampleId, Seed};

/// One sample that is shown.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// The sample.
    pub id: SampleId,
    /// Its row among the pictures.
    pub picture: usize,
    /// The fold that held it out.
    pub fold: Option<Fold>,
    /// Predicted and there.
    pub correct: Vec<Label>,
    /// There, not predicted.
    pub missed: Vec<Label>,
    /// Predicted, not there.
    pub wrong: Vec<Label>,
}

/// Draws up to `count` samples that have a picture, with the decisions of one verdict.
///
/// Out-of-fold decisions are shown; those on the test part where there are no others.
#[must_use]
pub fn exhibits(
    run: &Run,
    verdict: &Verdict,
    images: &ImageStore,
    (count, seed): (usize, Seed),
) -> Vec<Exhibit> {
    let Some((part, decided)) = decided(run, verdict) else { return Vec::new() };
    let pictures: Vec<Option<usize>> = part.ids.iter().map(|id| images.position(id)).collect();
    let shown: Vec<usize> = (0..part.ids.len()).filter(|&row| pictures[row].is_some()).collect();
    let n_labels = run.names.count();
    let exhibit = |row: usize| {
        let cells = row * n_labels..(row + 1) * n_labels;
        let (truth, decided) = (&part.truth[cells.clone()], &decided[cells]);
        let labels = |there: bool, said: bool| -> Vec<Label> {
            let is =
                |label: &Label| (truth[label.index()], decided[label.index()]) == (there, said);
            run.names.labels().filter(is).collect()
        };
        Some(Exhibit {
            id: part.ids[row].clone(),
            picture: pictures[row]?,
            fold: part.folds.get(row).copied(),
            correct: labels(true, true),
            missed: labels(true, false),
            wrong: labels(false, true),
        })
    };
    draw(part, &shown, n_labels, (count, seed)).into_iter().filter_map(exhibit).collect()
}

fn decided<'a>(run: &'a Run, verdict: &Verdict) -> Option<(&'a Part, Vec<bool>)> {
    let entrant = &run.entrants[verdict.entrant];
    let test = || {
        let decided = decisions(entrant.test.as_ref()?, &entrant.chosen[verdict.chosen]);
        Some((run.test.as_ref()?, decided))
    };
    let fitted = || {
        let decided = decisions(entrant.oof.as_ref()?, &entrant.chosen[verdict.chosen]);
        Some((&run.oof, decided))
    };
    let held_out = held_out_decisions(run, verdict.entrant, verdict.chosen);
    held_out.map(|decided| (&run.oof, decided)).or_else(test).or_else(fitted)
}

/// Rows in the order they are drawn.
fn draw(part: &Part, rows: &[usize], n_labels: usize, (count, seed): (usize, Seed)) -> Vec<usize> {
    let mut order = rows.to_vec();
    seed.derive("gallery").rng().shuffle(&mut order);
    let supports = part.label_counts(n_labels);
    let mut by_support: Vec<usize> = (0..n_labels).filter(|&label| supports[label] > 0).collect();
    by_support.sort_by_key(|&label| (std::cmp::Reverse(supports[label]), label));
    let (mut drawn, mut turn) = (Vec::new(), alternate(&by_support).into_iter().cycle());
    let mut idle = 0;
    // A whole round without a draw: the labels have no samples left.
    while drawn.len() < count && idle < by_support.len() {
        let Some(label) = turn.next() else { break };
        match order.iter().position(|&row| part.truth[row * n_labels + label]) {
            Some(place) => (drawn.push(order.remove(place)), idle = 0).1,
            None => idle += 1,
        }
    }
    // Samples without labels come last.
    let room = count - drawn.len().min(count);
    drawn.extend(order.into_iter().take(room));
    drawn
}

/// First, last, second, last but one …
fn alternate(items: &[usize]) -> Vec<usize> {
    let (mut front, mut back) = (items.iter(), items.iter().rev());
    let pairs = (0..items.len()).map(|turn| if turn % 2 == 0 { front.next() } else { back.next() });
    pairs.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(truth: &[bool]) -> Part {
        let ids = (0..truth.len() / 3).map(|row| format!("s{row}").parse().unwrap()).collect();
        Part { ids, truth: truth.to_vec(), groups: vec![], folds: vec![] }
    }

    #[test]
    fn frequent_and_rare_labels_take_turns() {
        assert_eq!(alternate(&[1, 2, 3, 4, 5]), [1, 5, 2, 4, 3]);
        // Labels: five samples have 0, one has 2, none has 1, one has none at all.
        let rows = [[true, false, false]; 5].concat();
        let part = part(&[rows, vec![false, false, true], vec![false; 3]].concat());
        let all: Vec<usize> = (0..7).collect();
        let drawn = draw(&part, &all, 3, (2, Seed::new(1)));
        assert!(drawn[0] < 5 && drawn[1] == 5, "{drawn:?}");
        let drawn = draw(&part, &all, 3, (99, Seed::new(1)));
        assert_eq!((drawn.len(), drawn[6]), (7, 6));
        assert_eq!(draw(&part, &all, 3, (4, Seed::new(1))), drawn[..4]);
        assert!(draw(&part, &[], 3, (4, Seed::new(1))).is_empty());
    }
}
