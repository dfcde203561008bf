//! Checked access to the columns of a table, whatever program wrote it.
//!
//! pandas writes 64-bit integers and large strings, `DuckDB` variable lists instead of fixed ones.
//! Values are converted when nothing is lost; otherwise the error names column and row.

use crate::io::parquet_reader::ParquetTable;
use crate::{ArtifactError, Loaded};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowNativeType, DataType, Field, Float64Type, Int64Type, UInt64Type};
use hpa_core::{LabelNames, SampleId};
use std::collections::HashSet;

/// The columns of a table that was read as `schema`.
pub(crate) struct Columns<'a> {
    table: &'a Loaded<ParquetTable>,
    schema: &'static str,
}

/// Lists of numbers, none of them null.
pub(crate) struct Lists<T: ArrowNativeType> {
    values: ScalarBuffer<T>,
    offsets: OffsetBuffer<i32>,
}

impl<T: ArrowNativeType> Lists<T> {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[T]> {
        self.offsets.windows(2).map(|ends| &self.values[ends[0].as_usize()..ends[1].as_usize()])
    }

    /// The values of all lists, if each list has `width` of them.
    pub(crate) fn fixed_width(&self, width: usize) -> Option<&[T]> {
        let ends = self.offsets.windows(2);
        let uniform = ends.map(|ends| ends[1].as_usize() - ends[0].as_usize()).all(|n| n == width);
        let (first, last) = (self.offsets.first().as_usize(), self.offsets.last().as_usize());
        uniform.then(|| &self.values[first..last])
    }
}

impl<'a> Columns<'a> {
    pub(crate) fn new(table: &'a Loaded<ParquetTable>, schema: &'static str) -> Self {
        Self { table, schema }
    }

    pub(crate) fn invalid(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::invalid(&self.table.origin.path, self.schema, reason)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.batch.column_by_name(name).is_some()
    }

    pub(crate) fn n_rows(&self) -> usize {
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
        if array.null_count() > 0
            && let Some(row) = (0..array.len()).find(|&row| array.is_null(row))
        {
            return Err(self.invalid(format!("column {name:?} is empty in row {row}")));
        }
        Ok(array)
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
        // Ascending ids are unique; ids in any other order are looked up.
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

    /// Whole numbers that fit in 32 bits.
    pub(crate) fn u32s(&self, name: &str) -> Result<Vec<u32>, ArtifactError> {
        let values = self.integers(name, u64::from(u32::MAX))?.into_iter();
        Ok(values.map(|value| u32::try_from(value).expect("checked by `integers`")).collect())
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

    /// The type of a list column's values; nothing when the column holds no lists.
    pub(crate) fn list_item(&self, name: &str) -> Result<Option<&'a DataType>, ArtifactError> {
        match self.column(name)?.data_type() {
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::FixedSizeList(item, _)
            | DataType::ListView(item) => Ok(Some(item.data_type())),
            _ => Ok(None),
        }
    }

    /// Lists of numbers of type `T`, of fixed or variable size.
    pub(crate) fn lists<T: ArrowPrimitiveType>(
        &self,
        name: &str,
    ) -> Result<Lists<T::Native>, ArtifactError> {
        let item = Field::new_list_field(T::DATA_TYPE, true);
        let array = self.without_nulls(name, self.cast(name, &DataType::List(item.into()))?)?;
        let lists = array.as_list::<i32>();
        if lists.values().null_count() > 0
            && let Some(row) = (0..lists.len()).find(|&row| lists.value(row).null_count() > 0)
        {
            return Err(self.invalid(format!("a value of {name:?} is missing in row {row}")));
        }
        let values = lists.values().as_primitive::<T>().values().clone();
        Ok(Lists { values, offsets: lists.offsets().clone() })
    }

    /// As [`Self::lists`], where either all rows are null or none is.
    pub(crate) fn optional_float_lists(
        &self,
        name: &str,
    ) -> Result<Option<Lists<f64>>, ArtifactError> {
        let column = self.column(name)?;
        if !column.is_empty() && column.logical_null_count() == column.len() {
            return Ok(None);
        }
        self.lists::<Float64Type>(name).map(Some)
    }

    /// Lists of whole numbers.
    pub(crate) fn integer_lists(&self, name: &str) -> Result<Lists<i64>, ArtifactError> {
        match self.list_item(name)? {
            // An external writer may give empty lists no type at all.
            Some(DataType::Null) => {}
            Some(item) => self.refuse_fractions(name, item)?,
            None => {
                let found = self.column(name)?.data_type();
                return Err(self.invalid(format!("column {name:?} holds {found}, expected lists")));
            }
        }
        self.lists::<Int64Type>(name)
    }

    /// An entry of the metadata.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a str> {
        self.table.value.metadata.get(key).map(String::as_str)
    }

    /// The `label_names` entry; without one, the 28 names of the atlas.
    pub(crate) fn label_names(&self) -> Result<LabelNames, ArtifactError> {
        match self.entry("label_names") {
            None => Ok(LabelNames::atlas()),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| self.invalid(format!("metadata label_names: {error}"))),
        }
    }
}
