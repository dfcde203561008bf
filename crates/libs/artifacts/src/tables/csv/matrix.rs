//! CSV tables of numbers: one row a sample, one column a label.
//!
//! There may be a column of ids, under a given name or `Id` or `id`, and a column `fold`. Every other
//! column belongs to the label that the header names.

use crate::ErrorList;
use crate::tables::csv::{CsvError, read_table_text};
use hpa_core::{ATLAS_LABEL_NAMES, LabelNames, MAX_LABELS, SampleId};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A parsed table of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatrixCsv {
    /// The file, for messages.
    pub path: PathBuf,
    /// The samples, unique, if there is a column of ids.
    pub ids: Option<Vec<SampleId>>,
    /// The folds, if there is a column of them.
    pub folds: Option<Vec<u8>>,
    /// Names of the other columns.
    pub columns: Vec<String>,
    /// Row-major `[samples][columns]`; any value that parses as a number.
    pub values: Vec<f64>,
    /// Number of samples.
    pub rows: usize,
}

/// Reads a table of numbers.
///
/// # Errors
/// When the file is not such a table; the message has line and column of the first 20 errors.
pub fn read_matrix_csv(path: &Path, id_column: Option<&str>) -> Result<MatrixCsv, CsvError> {
    let not_a_table = |reason| CsvError::NotATable { path: path.to_owned(), reason };
    let text = read_table_text(path)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| not_a_table(error.to_string()))?.clone();
    let layout = Layout::find(&header, id_column).map_err(not_a_table)?;
    let mut matrix = layout.empty(path, &header);
    let mut seen = HashSet::new();
    let mut errors = ErrorList::default();
    for record in reader.records() {
        let record = record.map_err(|error| not_a_table(error.to_string()))?;
        if let Err(reason) = layout.read(&record, &mut matrix, &mut seen) {
            let line = record.position().map_or(0, csv::Position::line);
            errors.push(format!("line {line}: {reason}"));
        }
    }
    match (errors.count(), matrix.rows) {
        (0, 0) => Err(not_a_table("it has no rows".to_owned())),
        (0, _) => Ok(matrix),
        _ => Err(CsvError::Rows { path: path.to_owned(), errors }),
    }
}

impl MatrixCsv {
    /// The label of each column: `given`, or the header. A header of the numbers 0 to 27 means
    /// the 28 labels of the atlas.
    ///
    /// # Errors
    /// When header and `given` differ in number, or hold the same names in another order.
    pub fn label_names(&self, given: Option<LabelNames>) -> Result<LabelNames, CsvError> {
        let wrong = |reason| CsvError::NotATable { path: self.path.clone(), reason };
        let columns = &self.columns;
        let Some(given) = given else {
            let numbers = (0..ATLAS_LABEL_NAMES.len()).map(|number| number.to_string());
            if columns.iter().cloned().eq(numbers) {
                return Ok(LabelNames::atlas());
            }
            return LabelNames::try_from(columns.clone())
                .map_err(|error| wrong(format!("its header: {error}")));
        };
        if columns.len() != given.count() {
            return Err(wrong(format!(
                "it has {} columns for {} label names\n  help: name the columns with --label-names",
                columns.len(),
                given.count()
            )));
        }
        let is_name = |column: &String| given.as_slice().contains(column);
        if columns.iter().any(is_name) && columns != given.as_slice() {
            let reason = "its columns have other names than --label-names, or another order";
            return Err(wrong(reason.to_owned()));
        }
        Ok(given)
    }
}

/// Positions of the columns.
struct Layout {
    id: Option<usize>,
    fold: Option<usize>,
    values: Vec<usize>,
}

impl Layout {
    fn find(header: &csv::StringRecord, id_column: Option<&str>) -> Result<Self, String> {
        let position = |name: &str| header.iter().position(|column| column == name);
        let id = match id_column {
            Some(name) => Some(position(name).ok_or_else(|| format!("it has no column {name:?}"))?),
            None => position("Id").or_else(|| position("id")),
        };
        let fold = position("fold").filter(|fold| Some(*fold) != id);
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

    fn empty(&self, path: &Path, header: &csv::StringRecord) -> MatrixCsv {
        MatrixCsv {
            path: path.to_owned(),
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
                return Err(format!("id {id} occurs twice"));
            }
            ids.push(id);
        }
        if let (Some(column), Some(folds)) = (self.fold, &mut matrix.folds) {
            let text = &record[column];
            let fold = text.parse().ok().filter(|&fold: &u8| fold < u8::MAX);
            folds.push(fold.ok_or_else(|| format!("{text:?} is not a fold: expected 0 to 254"))?);
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
        crate::atomic::write_bytes(file.path(), text.as_bytes()).unwrap();
        read_matrix_csv(file.path(), id_column).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_and_folds_are_separated_from_labels() {
        let matrix =
            read("\u{feff}row,fold,a,b\r\n0,1,0.5,1\r\n1,0,1e-3,0\r\n", Some("row")).unwrap();
        assert_eq!((matrix.columns, matrix.rows), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(matrix.values, [0.5, 1.0, 1e-3, 0.0]);
        assert_eq!(matrix.folds, Some(vec![1, 0]));
        assert_eq!(matrix.ids.unwrap()[1].as_str(), "1");
        assert_eq!(read("a\n1\n", None).unwrap().ids, None);
    }

    #[test]
    fn errors_have_line_and_column() {
        assert!(
            read("Id,a\nx,1\ny,abc\n", None).unwrap_err().contains("line 3: column \"a\": \"abc\"")
        );
        assert!(read("Id,a\nx,1\nx,1\n", None).unwrap_err().contains("line 3: id x occurs twice"));
        assert!(read("Id,a\n../x,1\n", None).unwrap_err().contains("line 2"));
        assert!(read("Id,fold,a\nx,255,1\n", None).unwrap_err().contains("not a fold"));
        assert!(read("Id,a\nx,1,2\n", None).unwrap_err().contains("is not a table"));
        assert!(read("Id\nx\n", None).unwrap_err().contains("0 columns of values"));
        assert!(read("a,a\n1,1\n", None).unwrap_err().contains("two columns"));
        assert!(read("a\n1\n", Some("row")).unwrap_err().contains("no column \"row\""));
        assert!(read("", None).unwrap_err().contains("it is empty"));
        assert!(read("a\n", None).unwrap_err().contains("no rows"));
        let open = read("Id,a\nx,1\ny,\"2\n", None).unwrap_err();
        assert!(open.contains("line 3: a quote is not closed"), "{open}");
    }
}
