//! Columns of a table, whoever wrote it.
//!
//! pandas writes 64-bit integers and large strings, `DuckDB` writes variable lists where we
//! write fixed ones. Values are converted when nothing is lost and refused with column and
//! row otherwise.

use crate::parquet_file::Table;
use crate::{ArtifactError, Loaded};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowNativeType, DataType, Field, Float64Type, UInt64Type};
use hpa_core::{LabelNames, SampleId};
use std::collections::HashSet;
use std::path::Path;

/// Checked access to the columns of a table.
pub(crate) struct Columns<'a> {
    table: &'a Loaded<Table>,
    schema: &'static str,
}

/// Lists of numbers, one after the other, with the end of each.
pub(crate) struct Lists {
    pub(crate) values: Vec<f64>,
    pub(crate) ends: Vec<usize>,
}

impl Lists {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.values[start..end])
    }
}

impl<'a> Columns<'a> {
    pub(crate) fn new(table: &'a Loaded<Table>, schema: &'static str) -> Self {
        Self { table, schema }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.table.origin.path
    }

    pub(crate) fn invalid(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::invalid(self.path(), self.schema, reason)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.batch.column_by_name(name).is_some()
    }

    pub(crate) fn rows(&self) -> usize {
        self.table.batch.num_rows()
    }

    fn column(&self, name: &str) -> Result<&'a ArrayRef, ArtifactError> {
        self.table.batch.column_by_name(name).ok_or_else(|| {
            let schema = self.table.batch.schema();
            let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            self.invalid(format!("no column {name:?}, it has {}", found.join(", ")))
        })
    }

    fn cast(&self, name: &str, to: &DataType) -> Result<ArrayRef, ArtifactError> {
        let column = self.column(name)?;
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(column, to, &options).map_err(|error| {
            self.invalid(format!(
                "column {name:?} holds {}, expected {to}: {error}",
                column.data_type()
            ))
        })
    }

    fn without_nulls(&self, name: &str, array: ArrayRef) -> Result<ArrayRef, ArtifactError> {
        match (0..array.len()).find(|&row| array.is_null(row)) {
            Some(row) => Err(self.invalid(format!("column {name:?} is empty in row {row}"))),
            None => Ok(array),
        }
    }

    pub(crate) fn strings(&self, name: &str) -> Result<Vec<String>, ArtifactError> {
        let array = self.without_nulls(name, self.cast(name, &DataType::Utf8)?)?;
        let strings = array.as_string::<i32>();
        Ok((0..strings.len()).map(|row| strings.value(row).to_owned()).collect())
    }

    /// The `id` column: valid and unique.
    pub(crate) fn ids(&self) -> Result<Vec<SampleId>, ArtifactError> {
        let array = self.without_nulls("id", self.cast("id", &DataType::Utf8)?)?;
        let texts = array.as_string::<i32>();
        // What ascends is unique; other orders are looked up.
        let ascending = (1..texts.len()).all(|row| texts.value(row - 1) < texts.value(row));
        let mut seen = HashSet::with_capacity(if ascending { 0 } else { texts.len() });
        let mut ids = Vec::with_capacity(texts.len());
        for row in 0..texts.len() {
            let text = texts.value(row);
            let id: SampleId =
                text.parse().map_err(|error| self.invalid(format!("row {row}: {error}")))?;
            if !ascending && !seen.insert(text) {
                return Err(self.invalid(format!("id {id} occurs twice, again in row {row}")));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// Whole numbers up to `max`.
    pub(crate) fn integers(&self, name: &str, max: u64) -> Result<Vec<u64>, ArtifactError> {
        self.refuse_fractions(name, self.column(name)?.data_type())?;
        let array = self.without_nulls(name, self.cast(name, &DataType::UInt64)?)?;
        let values = array.as_primitive::<UInt64Type>().values().to_vec();
        match values.iter().enumerate().find(|(_, value)| **value > max) {
            Some((row, value)) => {
                Err(self.invalid(format!("{name} {value} in row {row}: expected 0 to {max}")))
            }
            None => Ok(values),
        }
    }

    fn refuse_fractions(&self, name: &str, data_type: &DataType) -> Result<(), ArtifactError> {
        if data_type.is_integer() {
            return Ok(());
        }
        Err(self.invalid(format!("column {name:?} holds {data_type}, expected whole numbers")))
    }

    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f64>, ArtifactError> {
        let array = self.without_nulls(name, self.cast(name, &DataType::Float64)?)?;
        Ok(array.as_primitive::<Float64Type>().values().to_vec())
    }

    pub(crate) fn optional_floats(&self, name: &str) -> Result<Vec<Option<f64>>, ArtifactError> {
        let array = self.cast(name, &DataType::Float64)?;
        Ok(array.as_primitive::<Float64Type>().iter().collect())
    }

    /// Lists of floats; a fixed size and a variable one are alike.
    pub(crate) fn float_lists(&self, name: &str) -> Result<Lists, ArtifactError> {
        let array = self.without_nulls(name, self.list(name)?)?;
        self.flatten(name, array.as_list::<i32>())
    }

    /// As [`Self::float_lists`], of which all rows or none may be null.
    pub(crate) fn optional_float_lists(&self, name: &str) -> Result<Option<Lists>, ArtifactError> {
        let array = self.list(name)?;
        if !array.is_empty() && array.null_count() == array.len() {
            return Ok(None);
        }
        self.float_lists(name).map(Some)
    }

    /// Lists of whole numbers.
    pub(crate) fn integer_lists(&self, name: &str) -> Result<Lists, ArtifactError> {
        match self.column(name)?.data_type() {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item) => {
                // An empty list of a foreign writer may have no type at all.
                if *item.data_type() != DataType::Null {
                    self.refuse_fractions(name, item.data_type())?;
                }
                self.float_lists(name)
            }
            other => Err(self.invalid(format!("column {name:?} holds {other}, expected lists"))),
        }
    }

    fn list(&self, name: &str) -> Result<ArrayRef, ArtifactError> {
        let item = Field::new("item", DataType::Float64, true);
        self.cast(name, &DataType::List(item.into()))
    }

    fn flatten(&self, name: &str, lists: &ListArray) -> Result<Lists, ArtifactError> {
        let missing = |row: &usize| lists.value(*row).null_count() > 0;
        if lists.values().null_count() > 0
            && let Some(row) = (0..lists.len()).find(missing)
        {
            return Err(self.invalid(format!("a value of {name:?} is missing in row {row}")));
        }
        let offsets: Vec<usize> = lists.offsets().iter().map(|offset| offset.as_usize()).collect();
        let (first, last) = (offsets[0], offsets[lists.len()]);
        let values = lists.values().as_primitive::<Float64Type>().values()[first..last].to_vec();
        let ends = offsets[1..].iter().map(|offset| offset - first).collect();
        Ok(Lists { values, ends })
    }

    /// An entry of the metadata.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a str> {
        self.table.value.metadata.get(key).map(String::as_str)
    }

    /// The `label_names` entry; the 28 names of the atlas where there is none.
    pub(crate) fn label_names(&self) -> Result<LabelNames, ArtifactError> {
        match self.entry("label_names") {
            None => Ok(LabelNames::atlas()),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| self.invalid(format!("metadata label_names: {error}"))),
        }
    }
}
