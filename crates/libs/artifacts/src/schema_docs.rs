//! The tables of `docs/artifacts.md`, rendered from the Arrow schemas.

use crate::tables::table::{DESCRIPTION, SIZE, Table};
use crate::{Folds, History, Labels, LrCurve, Predictions, Scores, Statistics, Thresholds, images};
use arrow::datatypes::{DataType, Field};

/// The columns of every kind of table, as Markdown.
#[must_use]
pub fn schema_tables() -> String {
    [
        table(Labels::NAME, &Labels::fields()),
        table(images::SCHEMA, &images::fields(images::MAX_SIZE_PX)),
        table(Statistics::NAME, &Statistics::fields()),
        table(Folds::NAME, &Folds::fields()),
        table(History::NAME, &History::fields()),
        table(LrCurve::NAME, &LrCurve::fields()),
        table(Predictions::NAME, &Predictions::fields()),
        table(Thresholds::NAME, &Thresholds::fields()),
        table(Scores::NAME, &Scores::fields()),
    ]
    .concat()
}

fn table(schema: &str, fields: &[Field]) -> String {
    let row = |field: &Field| {
        let description = field.metadata().get(DESCRIPTION).map_or("", String::as_str);
        format!("| `{}` | {} | {description} |\n", field.name(), type_name(field))
    };
    let rows: String = fields.iter().map(row).collect();
    format!("## `{schema}`\n\n| column | type | meaning |\n|---|---|---|\n{rows}\n")
}

fn type_name(field: &Field) -> String {
    let size = |size: i32| field.metadata().get(SIZE).cloned().unwrap_or(size.to_string());
    match field.data_type() {
        DataType::List(item) => format!("list<{}>", type_name(item)),
        DataType::FixedSizeList(item, length) => {
            format!("fixed_size_list<{}>[{}]", type_name(item), size(*length))
        }
        DataType::FixedSizeBinary(length) => format!("fixed_size_binary({})", size(*length)),
        primitive => format!("{primitive:?}").to_lowercase(),
    }
}
