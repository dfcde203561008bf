//! Lists of known duplicates: one group a line, ids separated by commas.
//!
//! Lines that share an id are one group. A byte-order mark, `\r\n` and empty lines are accepted.

use crate::{DisjointSets, SplitError};
use hpa_artifacts::read_csv_text;
use hpa_core::SampleId;
use std::collections::HashMap;
use std::path::Path;

/// The groups of a list, one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateList(Vec<Vec<SampleId>>);

/// Reads a list of duplicates.
///
/// # Errors
/// When the file cannot be read or holds an invalid sample id.
pub fn read_duplicates(path: &Path) -> Result<DuplicateList, SplitError> {
    let text = read_csv_text(path)?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let parse = |(line, group): (usize, &str)| {
        let ids = group.trim().split(',').map(|id| id.trim().parse());
        ids.collect::<Result<_, _>>().map_err(|source| SplitError::DuplicateLine {
            path: path.to_owned(),
            line,
            source,
        })
    };
    lines.map(parse).collect::<Result<_, _>>().map(DuplicateList)
}

impl DuplicateList {
    /// Joins the samples of each group; returns how many ids of the list are not among `ids`.
    /// Two lines that share such an unknown id are one group all the same.
    #[must_use]
    pub fn join(&self, ids: &[&SampleId], sets: &DisjointSets) -> usize {
        let positions: HashMap<&SampleId, u32> = ids.iter().copied().zip(0..).collect();
        let mut first_line: HashMap<&SampleId, u32> = HashMap::new();
        let lines = DisjointSets::new(self.0.len());
        for (line, id) in self.entries() {
            lines.union(line, *first_line.entry(id).or_insert(line));
        }
        let mut first_member: HashMap<u32, u32> = HashMap::new();
        for (line, id) in self.entries() {
            if let Some(&position) = positions.get(id) {
                sets.union(position, *first_member.entry(lines.find(line)).or_insert(position));
            }
        }
        first_line.keys().filter(|id| !positions.contains_key(*id)).count()
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &SampleId)> {
        (0..).zip(&self.0).flat_map(|(line, group)| group.iter().map(move |id| (line, id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DuplicateList, SplitError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        hpa_artifacts::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
        read_duplicates(file.path())
    }

    fn groups(text: &str) -> (Vec<u32>, usize) {
        let ids: Vec<SampleId> = "abcdef".chars().map(|c| c.to_string().parse().unwrap()).collect();
        let sets = DisjointSets::new(ids.len());
        let unknown = read(text).unwrap().join(&ids.iter().collect::<Vec<_>>(), &sets);
        (sets.group_ids(), unknown)
    }

    #[test]
    fn groups_that_share_an_id_are_one() {
        assert_eq!(groups("f,b\nb,d\n").0, [0, 1, 2, 1, 3, 1]);
        assert_eq!(groups("\u{feff}a, c\r\n\r\nd\r\n"), (vec![0, 1, 0, 2, 3, 4], 0));
        assert_eq!(groups(""), (vec![0, 1, 2, 3, 4, 5], 0));
    }

    #[test]
    fn unknown_ids_are_counted_and_join_their_groups() {
        assert_eq!(groups("a,x\nx,y\ny,c"), (vec![0, 1, 0, 2, 3, 4], 2));
    }

    #[test]
    fn an_invalid_line_is_refused_by_number() {
        let error = read("a,b\n../c,d\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("../c"), "{error}");
        assert!(read("a,,b").unwrap_err().to_string().contains("line 1"));
    }
}
