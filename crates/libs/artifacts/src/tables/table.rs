//! Tables with an Arrow schema: one definition for reader, writer and documentation.

use crate::io::columns::Columns;
use crate::io::parquet_reader::read_table;
use crate::io::parquet_writer::{Entries, metadata, write_table};
use crate::{Artifact, ArtifactError, Digest, Loaded, Provenance};
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, Float64Array, ListBuilder, PrimitiveBuilder, StringArray,
};
use arrow::datatypes::{DataType, Field, FieldRef};
use std::path::Path;
use std::sync::Arc;

/// Metadata key of a field: what the column means.
pub(crate) const DESCRIPTION: &str = "description";
/// Metadata key of a field: its size where that differs from file to file.
pub(crate) const SIZE: &str = "size";

/// An artefact that is a Parquet table.
pub(crate) trait Table: Sized {
    /// `NAME/VERSION`.
    const NAME: &'static str;

    /// All columns, each with its description.
    fn fields() -> Vec<Field>;

    /// The columns that this value is written with.
    fn fields_of(&self) -> Vec<Field> {
        Self::fields()
    }

    /// The columns' values, in the order of [`Self::fields_of`].
    fn arrays(&self) -> Vec<ArrayRef>;

    /// Metadata entries of this kind of table.
    fn entries(&self) -> Entries {
        Entries::new()
    }

    /// Checks the columns of a file.
    fn from_columns(columns: &Columns<'_>) -> Result<Self, ArtifactError>;
}

impl<T: Table> Artifact for T {
    const SCHEMA: &'static str = T::NAME;

    fn read(path: &Path) -> Result<Loaded<Self>, ArtifactError> {
        let table = read_table(path, T::NAME)?;
        let value = T::from_columns(&Columns::new(&table, T::NAME))?;
        Ok(Loaded { value, origin: table.origin })
    }

    fn write(&self, path: &Path, provenance: &Provenance) -> Result<Digest, ArtifactError> {
        let entries = metadata(T::NAME, provenance, self.entries());
        write_table(path, &self.fields_of(), self.arrays(), entries)
    }
}

/// A column without nulls.
pub(crate) fn field(name: &str, data_type: DataType, description: &str) -> Field {
    Field::new(name, data_type, false).with_metadata([(DESCRIPTION, description)])
}

/// A field whose size differs from file to file, as its documentation writes it.
pub(crate) fn sized(field: Field, size: &str) -> Field {
    let mut field = field;
    field.metadata_mut().insert(SIZE, size);
    field
}

/// The type of lists of numbers.
pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Field::new_list_field(item, true).into())
}

/// The items of fixed-size lists.
pub(crate) fn fixed_item(item: DataType) -> FieldRef {
    Field::new_list_field(item, false).into()
}

/// A column of texts.
pub(crate) fn strings<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A column of 64-bit floats.
pub(crate) fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// A column of lists, some of which may be null.
pub(crate) fn lists<T: ArrowPrimitiveType>(
    rows: impl IntoIterator<Item = Option<Vec<T::Native>>>,
) -> ArrayRef {
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new());
    for row in rows {
        builder.append_option(row.map(|values| values.into_iter().map(Some)));
    }
    Arc::new(builder.finish())
}
