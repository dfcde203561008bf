//! Labels as our own programs write them; see [`crate::plain`] for what is left to the general way.

use crate::plain::{PlainFile, are_unique, part};
use crate::{Artifact, ArtifactError, LabelRow, Labels, Loaded};
use hpa_core::{Label, LabelNames, LabelSet};
use std::path::Path;

/// The labels of a file; nothing when it is not as we write them.
pub(crate) fn read_plain(path: &Path) -> Result<Option<Loaded<Labels>>, ArtifactError> {
    let file = PlainFile::open(path, Labels::SCHEMA)?;
    let (value, origin) =
        rayon::join(|| part(&file, || decode(&file)), || file.origin(Labels::SCHEMA));
    let origin = origin?;
    Ok(value.map(|value| Loaded { value, origin }))
}

fn decode(file: &PlainFile) -> Option<Labels> {
    let names: LabelNames = serde_json::from_str(file.entries.get("label_names")?).ok()?;
    let mut rows = Vec::with_capacity(file.room());
    file.each_id(|id| rows.push(LabelRow { id, labels: LabelSet::default() }))?;
    let (mut labels, mut places) = (Vec::new(), rows.iter_mut());
    file.lists("labels", |numbers| {
        labels.clear();
        for &number in numbers {
            let label: Label = names.label(u64::try_from(number).ok()?).ok()?;
            labels.push(label);
        }
        places.next()?.labels = LabelSet::from_ascending(&labels).ok()?;
        Some(())
    })?;
    let whole = places.next().is_none();
    let unique = are_unique(&rows, |row: &LabelRow| &row.id);
    (whole && unique).then_some(Labels { names, rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provenance;

    fn labels(rows: &[(&str, &str)]) -> Labels {
        let names = LabelNames::atlas();
        let row = |&(id, text): &(&str, &str)| LabelRow {
            id: id.parse().unwrap(),
            labels: LabelSet::parse(text, &LabelNames::atlas()).unwrap(),
        };
        Labels { names, rows: rows.iter().map(row).collect() }
    }

    fn written(labels: &Labels) -> tempfile::TempPath {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        labels.write(&path, &Provenance::new(&())).unwrap();
        path
    }

    #[test]
    fn what_we_write_is_read_this_way_in_any_order_and_with_empty_lists() {
        let all = (0..28).map(|label| label.to_string()).collect::<Vec<_>>().join(" ");
        for rows in [
            [("a", "0 3"), ("b", ""), ("c", all.as_str())],
            [("c", ""), ("b", ""), ("a", "27")],
            [("b", "1 2 3"), ("c", "4"), ("a", "")],
        ] {
            let labels = labels(&rows);
            let loaded = read_plain(&written(&labels)).unwrap();
            assert_eq!(loaded.expect("as we write it").value, labels);
        }
    }

    #[test]
    fn many_rows_are_read_as_the_general_way_reads_them() {
        let texts = ["", "0", "0 6", "0 6 12", "0 6 12 18"];
        let rows: Vec<(String, String)> = (0..10_000)
            .map(|row| (format!("s{}", 9_999 - row), texts[row % 5].to_owned()))
            .collect();
        let rows: Vec<(&str, &str)> = rows.iter().map(|(id, text)| (&id[..], &text[..])).collect();
        let path = written(&labels(&rows));
        let loaded = read_plain(&path).unwrap().expect("as we write it");
        assert_eq!(loaded.value, crate::labels::read_general(&path).unwrap().value);
    }

    #[test]
    fn an_id_that_stands_twice_is_left_to_the_general_way_which_names_it() {
        let path = written(&labels(&[("b", "1"), ("a", ""), ("b", "2")]));
        assert!(read_plain(&path).unwrap().is_none());
        let error = Labels::read(&path).unwrap_err().to_string();
        assert!(error.contains("id b occurs twice"), "{error}");
    }
}
