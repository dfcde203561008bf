//! One shard: a Parquet file of images.

use super::row::SummaryColumns;
use super::{ImageSummary, SCHEMA, pixels_len};
use crate::io::catch_panic::catch_panic;
use crate::io::parquet_reader::{check_origin, key_values};
use crate::io::positioned_file::PositionedFile;
use crate::{ArtifactError, Digest, open_regular};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::DataType;
use hpa_core::{Channel, SampleId};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelectionPolicy, RowSelector,
};
use parquet::file::metadata::PageIndexPolicy;
use std::path::{Path, PathBuf};

/// An open shard; its rows are numbered from `first_row`.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    file: PositionedFile,
    metadata: ArrowReaderMetadata,
    pub(super) digest: Digest,
    pub(super) first_row: usize,
    pub(super) rows: usize,
}

impl Shard {
    /// Opens and checks a shard; true when it is external.
    pub(super) fn open(path: &Path, first_row: usize) -> Result<(Self, bool), ArtifactError> {
        catch_panic(path, || Self::open_uncatch_panic(path, first_row))
    }

    fn open_uncatch_panic(path: &Path, first_row: usize) -> Result<(Self, bool), ArtifactError> {
        let mut file = open_regular(path)?;
        let not_parquet = |error| ArtifactError::not_whole(path, SCHEMA, error);
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(not_parquet)?;
        let parquet = metadata.metadata().file_metadata();
        let rows = usize::try_from(parquet.num_rows()).unwrap_or(0);
        let entries = key_values(parquet);
        let origin = check_origin(path, &mut file, SCHEMA, &entries)?;
        let file = PositionedFile::new(file).map_err(ArtifactError::io(path, "open"))?;
        let (path, digest) = (path.to_owned(), origin.digest);
        let shard = Shard { path, file, metadata, digest, first_row, rows };
        Ok((shard, origin.provenance.is_none()))
    }

    fn invalid(&self, reason: impl std::fmt::Display) -> ArtifactError {
        ArtifactError::invalid(&self.path, SCHEMA, reason)
    }

    /// The side of the squares, from the width of the `image` column.
    pub(super) fn size_px(&self) -> Result<usize, ArtifactError> {
        let field = self.metadata.schema().field_with_name("image");
        let width = match field.map(arrow::datatypes::Field::data_type) {
            Ok(DataType::FixedSizeBinary(width)) => usize::try_from(*width).unwrap_or(0),
            Ok(other) => {
                return Err(self.invalid(format!(
                    "column \"image\" holds {other}, expected bytes of a fixed size"
                )));
            }
            Err(_) => return Err(self.invalid("no column \"image\"")),
        };
        let size_px = (width / Channel::COUNT).isqrt();
        if width == 0 || pixels_len(size_px) != width {
            return Err(self.invalid(format!("{width} bytes an image are not four squares")));
        }
        Ok(size_px)
    }

    /// Reads columns of some rows (ascending, may repeat; numbered from this shard's first).
    fn select(
        &self,
        columns: &[&str],
        rows: Option<&[usize]>,
    ) -> Result<Vec<RecordBatch>, ArtifactError> {
        catch_panic(&self.path, || self.select_uncatch_panic(columns, rows))
    }

    fn select_uncatch_panic(
        &self,
        columns: &[&str],
        rows: Option<&[usize]>,
    ) -> Result<Vec<RecordBatch>, ArtifactError> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.file.clone(),
            self.metadata.clone(),
        );
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let builder = builder.with_projection(mask).with_batch_size(1024);
        let builder = match rows {
            Some(rows) => self.with_rows(builder, rows),
            None => builder,
        };
        let damaged = |error: String| ArtifactError::damaged(&self.path, error);
        let reader = builder.build().map_err(|error| damaged(error.to_string()))?;
        reader.collect::<Result<_, _>>().map_err(|error| damaged(error.to_string()))
    }

    /// Limits a reader to the row groups that hold the rows, and to the rows in them.
    fn with_rows(
        &self,
        builder: ParquetRecordBatchReaderBuilder<PositionedFile>,
        rows: &[usize],
    ) -> ParquetRecordBatchReaderBuilder<PositionedFile> {
        let (mut groups, mut selectors, mut start) = (Vec::new(), Vec::new(), 0);
        for (index, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            let end = start + usize::try_from(group.num_rows()).unwrap_or(0);
            let first = rows.partition_point(|&row| row < start);
            let here = &rows[first..first + rows[first..].partition_point(|&row| row < end)];
            if !here.is_empty() {
                groups.push(index);
                push_selectors(&mut selectors, here, start, end);
            }
            start = end;
        }
        // By default the reader decodes skipped rows too when the gaps are short. A page holds one
        // sample, so with selectors it decompresses only the selected ones.
        builder
            .with_row_groups(groups)
            .with_row_selection(RowSelection::from(selectors))
            .with_row_selection_policy(RowSelectionPolicy::Selectors)
    }

    /// Copies the pixels of (row, slot) pairs, ascending, into their slots.
    pub(super) fn read(
        &self,
        wanted: &[(usize, usize)],
        width: usize,
        pixels: &mut [u8],
    ) -> Result<(), ArtifactError> {
        let mut rows: Vec<usize> = wanted.iter().map(|(row, _)| row - self.first_row).collect();
        rows.dedup();
        if rows.is_empty() {
            return Ok(());
        }
        let batches = self.select(&["image"], Some(&rows))?;
        let values = batches.iter().flat_map(|batch| batch.column(0).as_fixed_size_binary().iter());
        let mut found = rows.iter().zip(values);
        let mut current = found.next();
        for &(row, slot) in wanted {
            while current.as_ref().is_some_and(|(have, _)| **have < row - self.first_row) {
                current = found.next();
            }
            let Some((_, Some(value))) = current else {
                return Err(ArtifactError::damaged(&self.path, format!("row {row} has no image")));
            };
            pixels[slot * width..][..width].copy_from_slice(value);
        }
        Ok(())
    }

    pub(super) fn ids(&self) -> Result<Vec<SampleId>, ArtifactError> {
        let mut ids = Vec::with_capacity(self.rows);
        for batch in self.select(&["id"], None)? {
            let column =
                batch.column_by_name("id").ok_or_else(|| self.invalid("no column \"id\""))?;
            let texts = arrow::compute::cast(column, &DataType::Utf8)
                .map_err(|error| self.invalid(format!("column \"id\": {error}")))?;
            for text in texts.as_string::<i32>() {
                let text = text.ok_or_else(|| self.invalid("an id is missing"))?;
                ids.push(text.parse().map_err(|error| self.invalid(error))?);
            }
        }
        self.check_count(ids.len())?;
        Ok(ids)
    }

    /// Refuses columns with another number of rows than the footer.
    fn check_count(&self, found: usize) -> Result<(), ArtifactError> {
        if found == self.rows {
            return Ok(());
        }
        let reason = format!("its footer has {} rows, its pages {found}", self.rows);
        Err(ArtifactError::damaged(&self.path, reason))
    }

    pub(super) fn summaries(
        &self,
        ids: &[SampleId],
        summaries: &mut Vec<ImageSummary>,
    ) -> Result<(), ArtifactError> {
        let (mut ids, mut found) = (ids.iter(), 0);
        for batch in self.select(&["height", "width", "phash", "digest"], None)? {
            let columns = SummaryColumns::new(&batch)
                .ok_or_else(|| self.invalid("expected columns height, width, phash and digest"))?;
            for (row, id) in (0..batch.num_rows()).zip(&mut ids) {
                summaries.push(columns.row(row, id.clone()));
            }
            found += batch.num_rows();
        }
        self.check_count(found)
    }
}

/// Selectors that cover all rows of one row group.
fn push_selectors(selectors: &mut Vec<RowSelector>, rows: &[usize], start: usize, end: usize) {
    let mut place = start;
    for &row in rows {
        if row > place {
            selectors.push(RowSelector::skip(row - place));
        }
        selectors.push(RowSelector::select(1));
        place = row + 1;
    }
    if end > place {
        selectors.push(RowSelector::skip(end - place));
    }
}
