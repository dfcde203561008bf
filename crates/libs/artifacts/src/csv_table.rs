//! Tables of labels in Kaggle's form: `Id,Target` or `Id,Predicted`.
//!
//! Read as spreadsheets and exporters write them: a byte-order mark, `\r\n`, quoted fields,
//! columns in any order and further columns are all fine. Nothing else is guessed: a
//! semicolon is no comma, a missing column is an error, and so is each row that is not one
//! id and one set of labels. `Target` must name at least one label; `Predicted` may be
//! empty, which is a legal submission.
//!
//! Several tables are joined in the order given. A sample may stand in more than one of
//! them, once each, if all agree on its labels.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use hpa_core::{LabelNames, LabelSet, SampleId};

use crate::LabelRow;
pub use crate::csv_quotes::unclosed_quote;
pub use crate::problems::Problems;

/// Largest table: several million rows.
const MAX_BYTES: u64 = 256 << 20;
/// Longest line; one id and all labels need less than 2 KiB.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Most rows of all tables together: with the longest ids they fit into one gibibyte of memory.
const MAX_ROWS: usize = 1_500_000;

/// Why tables could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CsvTableError {
    /// The operating system said no.
    #[error("cannot read the table {}: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not readable as a table at all.
    #[error("{} is not a table: {reason}", path.display())]
    NotATable {
        /// The table.
        path: PathBuf,
        /// What it is, or lacks.
        reason: String,
    },
    /// Rows that are wrong.
    #[error("{}: {problems}", path.display())]
    Rows {
        /// The table.
        path: PathBuf,
        /// Line and reason of each.
        problems: Problems,
    },
    /// A file of label names that holds none, too many, or one twice.
    #[error("{}: {reason}", path.display())]
    LabelNames {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Tables that disagree.
    #[error("the tables disagree on the labels of samples: {0}")]
    Conflicts(Problems),
}

/// Reads tables and joins them, in the order of the tables and of their rows.
///
/// # Errors
/// When a table is no table, a row is wrong, an id occurs twice in one table, or two tables
/// disagree; the message has file and line of the first 20.
pub fn read_label_csv(
    paths: &[PathBuf],
    names: &LabelNames,
) -> Result<Vec<LabelRow>, CsvTableError> {
    let mut rows: Vec<LabelRow> = Vec::new();
    let mut known: HashMap<SampleId, (usize, usize)> = HashMap::new(); // table, place in rows
    let mut conflicts = Problems::default();
    for (table, path) in paths.iter().enumerate() {
        for (line, row) in read_one(path, names)? {
            match known.get(&row.id) {
                None => {
                    known.insert(row.id.clone(), (table, rows.len()));
                    rows.push(row);
                    if rows.len() > MAX_ROWS {
                        let reason = format!(
                            "with the tables before it it has more than {MAX_ROWS} samples"
                        );
                        return Err(CsvTableError::NotATable { path: path.clone(), reason });
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
    if conflicts.count() == 0 { Ok(rows) } else { Err(CsvTableError::Conflicts(conflicts)) }
}

/// The rows of one table, each with its line.
fn read_one(path: &Path, names: &LabelNames) -> Result<Vec<(u64, LabelRow)>, CsvTableError> {
    let text = read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let not_a_table = |reason| CsvTableError::NotATable { path: path.to_owned(), reason };
    let header = reader.headers().map_err(|error| not_a_table(error.to_string()))?.clone();
    let columns = Columns::find(&header).map_err(not_a_table)?;
    let mut rows = Vec::new();
    let mut lines: HashMap<SampleId, u64> = HashMap::new();
    let mut problems = Problems::default();
    for record in reader.records() {
        let line = match &record {
            Ok(record) => record.position().map_or(0, csv::Position::line),
            Err(error) => error.position().map_or(0, csv::Position::line),
        };
        let row = record.map_err(|error| uneven(&error)).and_then(|r| columns.row(&r, names));
        match row.map(|row| (lines.insert(row.id.clone(), line), row)) {
            Ok((None, row)) => rows.push((line, row)),
            Ok((Some(first), LabelRow { id, .. })) => problems
                .push(format_args!("line {line}: sample {id} stands on line {first} already")),
            Err(reason) => problems.push(format_args!("line {line}: {reason}")),
        }
        if rows.len() > MAX_ROWS {
            return Err(not_a_table(format!("it has more than {MAX_ROWS} rows")));
        }
        if problems.are_too_many() {
            break;
        }
    }
    if problems.count() > 0 {
        return Err(CsvTableError::Rows { path: path.to_owned(), problems });
    }
    if rows.is_empty() {
        return Err(not_a_table("it has a header and no rows".to_owned()));
    }
    Ok(rows)
}

/// Where the columns are that count.
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
            Some(_) => "; its columns are not parted by commas",
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

fn uneven(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

/// The text of a table, without byte-order mark, in lines of bounded length.
pub(crate) fn read_text(path: &Path) -> Result<String, CsvTableError> {
    let not_a_table = |reason| CsvTableError::NotATable { path: path.to_owned(), reason };
    let text = read_text_or_nothing(path)?;
    if text.is_empty() {
        return Err(not_a_table("it is empty".to_owned()));
    }
    if let Some(line) = unclosed_quote(text.as_bytes()) {
        return Err(not_a_table(format!("line {line}: a quote is not closed")));
    }
    Ok(text)
}

/// The text of a regular file, without byte-order mark, which may be empty.
///
/// # Errors
/// When it is no regular file, too large, not UTF-8, or holds a line that is too long or a
/// control character.
pub fn read_text_or_nothing(path: &Path) -> Result<String, CsvTableError> {
    let io = |source| CsvTableError::Io { path: path.to_owned(), source };
    let not_a_table = |reason| CsvTableError::NotATable { path: path.to_owned(), reason };
    // Opening a FIFO would wait for its writer for ever.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(not_a_table("it is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(not_a_table(format!("it has more than {MAX_BYTES} bytes")));
    }
    check_lines(&bytes).map_err(not_a_table)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|&byte| byte == b'\n').count();
        not_a_table(format!("line {line} is not UTF-8"))
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// Refuses lines that are too long and characters that no table holds.
fn check_lines(bytes: &[u8]) -> Result<(), String> {
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() > MAX_LINE_BYTES {
            return Err(format!("line {number} has {} bytes", line.len()));
        }
        let control = line.iter().find(|&&b| b.is_ascii_control() && b != b'\t' && b != b'\r');
        if let Some(&found) = control {
            let found = char::from(found);
            return Err(format!("line {number} holds a control character {found:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "csv_table_tests.rs"]
mod tests;
