//! Tables of labels in Kaggle's form: `Id,Target` or `Id,Predicted`.
//!
//! Accepted as spreadsheets and exporters write them: a byte-order mark, `\r\n`, quoted fields,
//! columns in any order, further columns. Nothing else is guessed: semicolons do not separate
//! columns, a missing column is an error, and so is each row that is not one id and one set of
//! labels. `Target` must name at least one label; `Predicted` may be empty, which is a legal
//! submission.
//!
//! Several tables are joined in the given order. A sample may occur in more than one of them, once
//! each, if all agree on its labels.

use crate::tables::csv::{CsvError, read_table_text};
use crate::{ErrorList, LabelRow};
use hpa_core::{LabelNames, LabelSet, SampleId};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Most rows of all tables together: with the longest ids they need one gibibyte of memory.
const MAX_ROWS: usize = 1_500_000;

/// Reads tables and joins them, in the order of the tables and of their rows.
///
/// # Errors
/// When a file is not a table, a row is invalid, an id occurs twice in one table, or two tables
/// disagree; the message has file and line of the first 20.
pub fn read_label_csv(paths: &[PathBuf], names: &LabelNames) -> Result<Vec<LabelRow>, CsvError> {
    let mut rows: Vec<LabelRow> = Vec::new();
    let mut known: HashMap<SampleId, (usize, usize)> = HashMap::new(); // table, index in rows
    let mut conflicts = ErrorList::default();
    for (table, path) in paths.iter().enumerate() {
        for (line, row) in read_one(path, names)? {
            match known.get(&row.id) {
                None => {
                    known.insert(row.id.clone(), (table, rows.len()));
                    rows.push(row);
                    if rows.len() > MAX_ROWS {
                        let reason = format!(
                            "together with the tables before it, it has more than {MAX_ROWS} samples"
                        );
                        return Err(CsvError::NotATable { path: path.clone(), reason });
                    }
                }
                Some(&(_, place)) if rows[place].labels == row.labels => {}
                Some(&(first, place)) => conflicts.push(format!(
                    "{} line {line}: sample {} has labels {:?}, but {:?} in {}",
                    path.display(),
                    row.id,
                    row.labels.to_string(),
                    rows[place].labels.to_string(),
                    paths[first].display(),
                )),
            }
        }
    }
    if conflicts.count() == 0 { Ok(rows) } else { Err(CsvError::Conflicts(conflicts)) }
}

/// The rows of one table, each with its line number.
fn read_one(path: &Path, names: &LabelNames) -> Result<Vec<(u64, LabelRow)>, CsvError> {
    let text = read_table_text(path)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let not_a_table = |reason| CsvError::NotATable { path: path.to_owned(), reason };
    let header = reader.headers().map_err(|error| not_a_table(error.to_string()))?.clone();
    let columns = Columns::find(&header).map_err(not_a_table)?;
    let mut rows = Vec::new();
    let mut lines: HashMap<SampleId, u64> = HashMap::new();
    let mut errors = ErrorList::default();
    for record in reader.records() {
        let line = match &record {
            Ok(record) => record.position().map_or(0, csv::Position::line),
            Err(error) => error.position().map_or(0, csv::Position::line),
        };
        let row =
            record.map_err(|error| unequal_lengths(&error)).and_then(|r| columns.row(&r, names));
        match row.map(|row| (lines.insert(row.id.clone(), line), row)) {
            Ok((None, row)) => rows.push((line, row)),
            Ok((Some(first), LabelRow { id, .. })) => {
                errors.push(format_args!("line {line}: sample {id} is on line {first} already"));
            }
            Err(reason) => errors.push(format_args!("line {line}: {reason}")),
        }
        if rows.len() > MAX_ROWS {
            return Err(not_a_table(format!("it has more than {MAX_ROWS} rows")));
        }
        if errors.is_full() {
            break;
        }
    }
    if errors.count() > 0 {
        return Err(CsvError::Rows { path: path.to_owned(), errors });
    }
    if rows.is_empty() {
        return Err(not_a_table("it has a header and no rows".to_owned()));
    }
    Ok(rows)
}

/// Indices of the columns that are read.
struct Columns {
    id: usize,
    labels: usize,
    /// Whether the labels are predictions, which may be empty.
    predicted: bool,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, String> {
        let place = |name: &str| {
            let mut places = header.iter().enumerate().filter(|(_, column)| *column == name);
            match (places.next(), places.next()) {
                (Some(_), Some(_)) => Err(format!("it has two columns {name}")),
                (found, _) => Ok(found.map(|(place, _)| place)),
            }
        };
        let (id, target, predicted) = (place("Id")?, place("Target")?, place("Predicted")?);
        if let (Some(id), Some(labels)) = (id, target.or(predicted)) {
            return Ok(Self { id, labels, predicted: target.is_none() });
        }
        let found: Vec<String> = header.iter().map(clipped).collect();
        let line = found.join(", ");
        let hint = match header.iter().find(|name| name.contains([';', '\t'])) {
            Some(_) => "; its columns are not separated by commas",
            None => "",
        };
        Err(format!("expected columns Id and Target, or Id and Predicted; it has {line}{hint}"))
    }

    fn row(&self, record: &csv::StringRecord, names: &LabelNames) -> Result<LabelRow, String> {
        let (id, labels) = (&record[self.id], &record[self.labels]);
        let id: SampleId =
            id.parse().map_err(|error: hpa_core::SampleIdError| error.to_string())?;
        if let Some(found) = labels.chars().find(|c| c.is_control()) {
            return Err(format!("sample {id}: {found:?} among the labels"));
        }
        let labels = LabelSet::parse(labels, names)
            .map_err(|error| format!("sample {id}: {}", clipped(&error.to_string())))?;
        if labels.as_slice().is_empty() && !self.predicted {
            return Err(format!("sample {id} has no labels in column Target"));
        }
        Ok(LabelRow { id, labels })
    }
}

/// The start of a text that may be long.
fn clipped(text: &str) -> String {
    let start: String = text.chars().take(120).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}

fn unequal_lengths(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
