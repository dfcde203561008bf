//! A CSV table of numbers: a row a sample, a column a label.
//!
//! A column of ids and one of folds may stand beside them: ids under the name given, or
//! under `Id` or `id`; folds under `fold`. Every other column is a label's, named by the
//! header. Byte-order mark and `\r\n` do no harm.

use crate::{TableError, regular};
use hpa_artifacts::csv_table::{Problems, unclosed_quote};
use hpa_core::{MAX_LABELS, SampleId};
use std::collections::HashSet;
use std::path::Path;

const KIND: &str = "a table of numbers";

/// What the table holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatrixCsv {
    /// The samples, where there is a column of ids; unique.
    pub ids: Option<Vec<SampleId>>,
    /// The folds, where there is a column of them.
    pub folds: Option<Vec<u8>>,
    /// Names of the other columns.
    pub columns: Vec<String>,
    /// Row-major `[samples][columns]`; anything that is written as a number.
    pub values: Vec<f64>,
    /// How many samples.
    pub rows: usize,
}

/// Reads a table of numbers.
///
/// # Errors
/// When the file is no such table; the message has line and column of the first 20 mistakes.
pub fn read_matrix_csv(path: &Path, id_column: Option<&str>) -> Result<MatrixCsv, TableError> {
    let format =
        |reason: String| TableError::Format { path: path.to_owned(), expected: KIND, reason };
    let bytes =
        regular::read(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    if let Some(line) = unclosed_quote(&bytes) {
        return Err(format(format!("line {line}: a quote is not closed")));
    }
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes.as_slice());
    let header = reader.headers().map_err(|error| format(error.to_string()))?.clone();
    let layout = Layout::find(&header, id_column).map_err(format)?;
    let mut matrix = layout.empty(&header);
    let mut seen = HashSet::new();
    let mut problems = Problems::default();
    for record in reader.records() {
        let record = record.map_err(|error| format(error.to_string()))?;
        if let Err(reason) = layout.read(&record, &mut matrix, &mut seen) {
            problems.push(format!(
                "line {}: {reason}",
                record.position().map_or(0, csv::Position::line)
            ));
        }
    }
    match (problems.count(), matrix.rows) {
        (0, 0) => Err(format("it has no rows".to_owned())),
        (0, _) => Ok(matrix),
        _ => Err(TableError::Rows { path: path.to_owned(), problems }),
    }
}

/// Which column holds what.
struct Layout {
    id: Option<usize>,
    fold: Option<usize>,
    values: Vec<usize>,
}

impl Layout {
    fn find(header: &csv::StringRecord, id_column: Option<&str>) -> Result<Self, String> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let id = match id_column {
            Some(name) => Some(place(name).ok_or_else(|| format!("it has no column {name:?}"))?),
            None => place("Id").or_else(|| place("id")),
        };
        let fold = place("fold").filter(|fold| Some(*fold) != id);
        let mut names = HashSet::new();
        if let Some(twice) = header.iter().find(|name| !names.insert(*name)) {
            return Err(format!("it has two columns {twice:?}"));
        }
        let is_value = |column: &usize| Some(*column) != id && Some(*column) != fold;
        let values: Vec<usize> = (0..header.len()).filter(is_value).collect();
        match values.len() {
            1..=MAX_LABELS => Ok(Self { id, fold, values }),
            other => Err(format!("it has {other} columns of values: expected 1 to {MAX_LABELS}")),
        }
    }

    fn empty(&self, header: &csv::StringRecord) -> MatrixCsv {
        MatrixCsv {
            ids: self.id.map(|_| Vec::new()),
            folds: self.fold.map(|_| Vec::new()),
            columns: self.values.iter().map(|&column| header[column].to_owned()).collect(),
            ..MatrixCsv::default()
        }
    }

    fn read(
        &self,
        record: &csv::StringRecord,
        matrix: &mut MatrixCsv,
        seen: &mut HashSet<SampleId>,
    ) -> Result<(), String> {
        matrix.rows += 1;
        if let (Some(column), Some(ids)) = (self.id, &mut matrix.ids) {
            let id: SampleId = record[column]
                .parse()
                .map_err(|error: hpa_core::SampleIdError| error.to_string())?;
            if !seen.insert(id.clone()) {
                return Err(format!("id {id} stands twice"));
            }
            ids.push(id);
        }
        if let (Some(column), Some(folds)) = (self.fold, &mut matrix.folds) {
            let text = &record[column];
            let fold = text.parse().ok().filter(|&fold: &u8| fold < u8::MAX);
            folds.push(fold.ok_or_else(|| format!("{text:?} is no fold: expected 0 to 254"))?);
        }
        for (place, &column) in self.values.iter().enumerate() {
            let (text, name) = (record[column].trim(), &matrix.columns[place]);
            let value = text.parse().map_err(|_| {
                let start: String = text.chars().take(40).collect();
                format!("column {name:?}: {start:?} is not a number")
            })?;
            matrix.values.push(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, id_column: Option<&str>) -> Result<MatrixCsv, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        hpa_artifacts::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
        read_matrix_csv(file.path(), id_column).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_and_folds_are_told_from_labels() {
        let matrix =
            read("\u{feff}row,fold,a,b\r\n0,1,0.5,1\r\n1,0,1e-3,0\r\n", Some("row")).unwrap();
        assert_eq!((matrix.columns, matrix.rows), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(matrix.values, [0.5, 1.0, 1e-3, 0.0]);
        assert_eq!(matrix.folds, Some(vec![1, 0]));
        assert_eq!(matrix.ids.unwrap()[1].as_str(), "1");
        assert_eq!(read("a\n1\n", None).unwrap().ids, None);
    }

    #[test]
    fn what_is_wrong_has_line_and_column() {
        assert!(
            read("Id,a\nx,1\ny,abc\n", None).unwrap_err().contains("line 3: column \"a\": \"abc\"")
        );
        assert!(read("Id,a\nx,1\nx,1\n", None).unwrap_err().contains("line 3: id x stands twice"));
        assert!(read("Id,a\n../x,1\n", None).unwrap_err().contains("line 2"));
        assert!(read("Id,fold,a\nx,255,1\n", None).unwrap_err().contains("no fold"));
        assert!(read("Id,a\nx,1,2\n", None).unwrap_err().contains("not a table of numbers"));
        assert!(read("Id\nx\n", None).unwrap_err().contains("0 columns of values"));
        assert!(read("a,a\n1,1\n", None).unwrap_err().contains("two columns"));
        assert!(read("a\n1\n", Some("row")).unwrap_err().contains("no column \"row\""));
        assert!(read("", None).unwrap_err().contains("0 columns"));
        assert!(read("a\n", None).unwrap_err().contains("no rows"));
        let open = read("Id,a\nx,1\ny,\"2\n", None).unwrap_err();
        assert!(open.contains("line 3: a quote is not closed"), "{open}");
    }
}
