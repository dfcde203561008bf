//! Columns as our own programs write them, decoded straight into their place.
//!
//! Each column is decoded by itself, so that several cores do it side by side, and while the
//! digest of the file is computed: what has been read counts only when the digest holds. Whatever
//! is unusual about a file, a column of another type, an empty cell, an id that occurs twice, ends
//! in nothing here and is left to the general way, which converts or says what is wrong.

use crate::guard::guarded;
use crate::parquet_file::{check_origin, key_values};
use crate::pread::SharedFile;
use crate::{ArtifactError, Origin, open_regular};
use arrow::datatypes::DataType as ArrowType;
use hpa_core::SampleId;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArrayType, DataType, FloatType, Int32Type};
use parquet::file::serialized_reader::SerializedPageReader;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows decoded at a time: 28 numbers each stay in the second-level cache.
const BATCH: usize = 1 << 12;

/// A Parquet file whose footer has been read.
pub(crate) struct PlainFile {
    path: PathBuf,
    file: File,
    shared: Arc<SharedFile>,
    footer: ArrowReaderMetadata,
    /// Its entries of the metadata.
    pub(crate) entries: BTreeMap<String, String>,
}

/// How the values of a batch nest, an entry for each value, empty list and empty cell.
struct Levels<'a> {
    /// How much of the path to the value is there.
    definitions: &'a [i16],
    /// 0 where a list begins.
    repetitions: &'a [i16],
}

impl PlainFile {
    /// Opens a file; its digest is not checked yet.
    pub(crate) fn open(path: &Path, schema: &'static str) -> Result<Self, ArtifactError> {
        guarded(path, || {
            let file = open_regular(path)?;
            let opened = |file: &File| SharedFile::new(file.try_clone()?);
            let shared = opened(&file).map_err(ArtifactError::io(path, "open"))?;
            let footer = ArrowReaderMetadata::load(&shared, ArrowReaderOptions::new())
                .map_err(|error| ArtifactError::not_whole(path, schema, error))?;
            let entries = key_values(footer.metadata().file_metadata().key_value_metadata());
            Ok(Self { path: path.to_owned(), file, shared: Arc::new(shared), footer, entries })
        })
    }

    /// Checks schema and digest.
    pub(crate) fn origin(&self, schema: &'static str) -> Result<Origin, ArtifactError> {
        let mut file = self.file.try_clone().map_err(ArtifactError::io(&self.path, "open"))?;
        guarded(&self.path, || check_origin(&self.path, &mut file, schema, &self.entries))
    }

    /// Whether there is a column of this name.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.footer.schema().field_with_name(column).is_ok()
    }

    /// How many rows the footer promises, up to a million: room for more is made when they come.
    pub(crate) fn room(&self) -> usize {
        usize::try_from(self.footer.metadata().file_metadata().num_rows()).unwrap_or(0).min(1 << 20)
    }

    /// The column `id`; unique.
    pub(crate) fn ids(&self) -> Option<Vec<SampleId>> {
        let mut ids = Vec::with_capacity(self.room());
        self.each_id(|id| ids.push(id))?;
        are_unique(&ids, |id| id).then_some(ids)
    }

    /// Hands the column `id` on.
    pub(crate) fn each_id(&self, mut take: impl FnMut(SampleId)) -> Option<()> {
        let leaf = self.leaf("id", |found| *found == ArrowType::Utf8)?;
        if self.is_bare(leaf) {
            return self.each_text(leaf, |text| {
                take(SampleId::try_from(text).ok()?);
                Some(())
            });
        }
        self.read::<ByteArrayType>(leaf, &mut Vec::new(), |texts, _| {
            for text in texts.drain(..) {
                take(SampleId::try_from(text.data()).ok()?);
            }
            Some(())
        })
    }

    /// A column of numbers below 256.
    pub(crate) fn bytes(&self, column: &str) -> Option<Vec<u8>> {
        let leaf = self.leaf(column, |found| *found == ArrowType::UInt8)?;
        let mut bytes = Vec::with_capacity(self.room());
        self.read::<Int32Type>(leaf, &mut Vec::new(), |numbers, _| {
            for number in numbers.drain(..) {
                bytes.push(u8::try_from(number).ok()?);
            }
            Some(())
        })?;
        Some(bytes)
    }

    /// A column of lists of `width` probabilities each, one after the other.
    pub(crate) fn probabilities(&self, column: &str, width: usize) -> Option<Vec<f32>> {
        let leaf = self.leaf(column, |found| is_list_of(found, &ArrowType::Float32))?;
        let deepest = self.definition(leaf);
        let begins = |place: usize| i16::from(!place.is_multiple_of(width));
        let rows: Vec<i16> = (0..BATCH * width).map(begins).collect();
        let mut values = Vec::with_capacity(self.room() * width);
        let mut checked = 0;
        self.read::<FloatType>(leaf, &mut values, |values, levels| {
            // Sums of bits, which a core adds by the dozen, where `all` looks at one by one.
            let missing = |bad, &definition: &i16| bad | (definition ^ deepest);
            let whole = levels.definitions.iter().fold(0, missing) == 0;
            let pattern = rows.get(..levels.repetitions.len())?;
            let usual =
                whole && values.len().is_multiple_of(width) && levels.repetitions == pattern;
            let outside = |bad, value: &f32| bad | u8::from(!(0.0..=1.0).contains(value));
            let valid = values[checked..].iter().fold(0, outside) == 0;
            checked = values.len();
            (usual && valid).then_some(())
        })?;
        Some(values)
    }

    /// Hands each list of numbers of a column to `take`.
    pub(crate) fn lists(
        &self,
        column: &str,
        mut take: impl FnMut(&[i32]) -> Option<()>,
    ) -> Option<()> {
        let leaf = self.leaf(column, |found| is_list_of(found, &ArrowType::UInt8))?;
        let deepest = self.definition(leaf);
        let optional = self.footer.parquet_schema().column(leaf).self_type().is_optional();
        let empty = deepest - 1 - i16::from(optional);
        let mut list = Vec::new();
        self.read::<Int32Type>(leaf, &mut Vec::new(), |values, levels| {
            let mut values = values.drain(..);
            for (place, &definition) in levels.definitions.iter().enumerate() {
                if place > 0 && levels.repetitions[place] == 0 {
                    take(&list)?;
                    list.clear();
                }
                if definition == deepest {
                    list.push(values.next()?);
                } else if definition != empty {
                    return None; // an empty cell
                }
            }
            take(&list)?; // batches end where lists do
            list.clear();
            Some(())
        })
    }

    /// Whether the pages of a column hold its values and nothing else: none is null, none stands in
    /// a dictionary.
    fn is_bare(&self, leaf: usize) -> bool {
        let bare = |encoding| matches!(encoding, Encoding::PLAIN | Encoding::RLE);
        let mut chunks = self.footer.metadata().row_groups().iter().map(|group| group.column(leaf));
        self.definition(leaf) == 0
            && chunks.all(|chunk| {
                chunk.dictionary_page_offset().is_none() && chunk.encodings().all(bare)
            })
    }

    /// Hands on the texts of a bare column where they lie in their pages, without a reference count
    /// for each, which takes as long as all else.
    fn each_text(&self, leaf: usize, mut take: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
        for group in self.footer.metadata().row_groups() {
            let (chunk, rows) = (group.column(leaf), usize::try_from(group.num_rows()).ok()?);
            let mut pages =
                SerializedPageReader::new(self.shared.clone(), chunk, rows, None).ok()?;
            let mut read = 0;
            while let Some(page) = pages.get_next_page().ok()? {
                let promised = usize::try_from(page.num_values()).ok()?;
                read += promised;
                if !is_plain(&page) || read > rows {
                    return None;
                }
                let mut rest = page.buffer().as_ref();
                for _ in 0..promised {
                    let (length, behind) = rest.split_first_chunk()?;
                    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                    let (text, behind) = behind.split_at_checked(length)?;
                    take(text)?;
                    rest = behind;
                }
                if !rest.is_empty() {
                    return None;
                }
            }
            if read != rows {
                return None;
            }
        }
        Some(())
    }

    /// The number of the only leaf below a column whose type is as expected.
    fn leaf(&self, column: &str, expected: impl Fn(&ArrowType) -> bool) -> Option<usize> {
        let field = self.footer.schema().field_with_name(column).ok()?;
        let leaves = self.footer.parquet_schema().columns().iter().enumerate();
        let mut below = leaves.filter(|(_, leaf)| leaf.path().parts()[0] == column);
        match (below.next(), below.next()) {
            (Some((leaf, _)), None) if expected(field.data_type()) => Some(leaf),
            _ => None,
        }
    }

    /// The definition level of a value that is there.
    fn definition(&self, leaf: usize) -> i16 {
        self.footer.parquet_schema().column(leaf).max_def_level()
    }

    /// Decodes a column into `values` and calls `check` after each batch of rows.
    fn read<T: DataType>(
        &self,
        leaf: usize,
        values: &mut Vec<T::T>,
        mut check: impl FnMut(&mut Vec<T::T>, Levels<'_>) -> Option<()>,
    ) -> Option<()> {
        let column = self.footer.parquet_schema().column(leaf);
        if column.physical_type() != T::get_physical_type() || column.max_rep_level() > 1 {
            return None;
        }
        let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
        for group in self.footer.metadata().row_groups() {
            let (chunk, rows) = (group.column(leaf), usize::try_from(group.num_rows()).ok()?);
            let pages = SerializedPageReader::new(self.shared.clone(), chunk, rows, None).ok()?;
            let mut reader = ColumnReaderImpl::<T>::new(column.clone(), Box::new(pages));
            let mut read = 0;
            while read < rows {
                definitions.clear();
                repetitions.clear();
                let before = values.len();
                let levels = (Some(&mut definitions), Some(&mut repetitions));
                let batch = reader.read_records(BATCH, levels.0, levels.1, values).ok()?;
                let flat_but_partly_empty =
                    column.max_rep_level() == 0 && values.len() - before != batch.0;
                if batch.0 == 0 || flat_but_partly_empty {
                    return None;
                }
                read += batch.0;
                let (definitions, repetitions) = (&definitions[..], &repetitions[..]);
                check(values, Levels { definitions, repetitions })?;
            }
        }
        Some(())
    }
}

/// Whether a page of a bare column holds plain values from its first byte on.
fn is_plain(page: &Page) -> bool {
    let values = match page {
        Page::DataPage { .. } => true,
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            *def_levels_byte_len == 0 && *rep_levels_byte_len == 0
        }
        Page::DictionaryPage { .. } => false,
    };
    values && page.encoding() == Encoding::PLAIN
}

fn is_list_of(list: &ArrowType, item: &ArrowType) -> bool {
    match list {
        ArrowType::List(field)
        | ArrowType::LargeList(field)
        | ArrowType::FixedSizeList(field, _) => field.data_type() == item,
        _ => false,
    }
}

/// Whether no id occurs twice. What ascends is unique; other orders are looked up.
pub(crate) fn are_unique<T>(rows: &[T], id: impl Fn(&T) -> &SampleId) -> bool {
    let ascending = rows.windows(2).all(|pair| id(&pair[0]) < id(&pair[1]));
    let mut seen = HashSet::with_capacity(if ascending { 0 } else { rows.len() });
    ascending || rows.iter().all(|row| seen.insert(id(row)))
}

/// Runs one part of the decoding; a panic over a damaged file is as good as nothing.
pub(crate) fn part<T>(file: &PlainFile, decode: impl FnOnce() -> Option<T>) -> Option<T> {
    guarded(&file.path, || Ok(decode())).ok().flatten()
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
