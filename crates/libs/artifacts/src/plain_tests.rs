//! Tests of the ids of [`super::PlainFile`], page by page and in the Parquet crate's own way.

use super::*;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use std::io::Write;

const SCHEMA: &str = "labels/1";

/// Ids of many lengths, in no order.
fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{:x}{}", n * 7919 % 65_537, "-b".repeat(n % 40))).collect()
}

/// A file of ids alone: page and row group are full after some hundred.
fn written(ids: &[String], nullable: bool, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(ids));
    let batch = RecordBatch::try_from_iter_with_nullable([("id", column, nullable)]).unwrap();
    let properties = properties
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(100)
        .set_max_row_group_row_count(Some(900))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn plain() -> WriterPropertiesBuilder {
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    properties.set_encoding(Encoding::PLAIN)
}

/// Whether the pages are bare, and the ids.
fn read(bytes: &[u8]) -> (bool, Option<Vec<String>>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let file = PlainFile::open(file.path(), SCHEMA).unwrap();
    let ids = part(&file, || file.ids());
    (file.is_bare(0), ids.map(|ids| ids.iter().map(|id| id.as_str().to_owned()).collect()))
}

#[test]
fn bare_pages_of_both_kinds_are_read_as_they_lie() {
    let ids = ids(2345);
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let bytes = written(&ids, false, plain().set_writer_version(version));
        assert_eq!(read(&bytes), (true, Some(ids.clone())));
    }
}

#[test]
fn other_pages_are_left_to_the_crate() {
    let ids = ids(2345);
    let delta = plain().set_encoding(Encoding::DELTA_BYTE_ARRAY);
    for (nullable, properties) in
        [(true, plain()), (false, WriterProperties::builder()), (false, delta)]
    {
        assert_eq!(read(&written(&ids, nullable, properties)), (false, Some(ids.clone())));
    }
}

#[test]
fn pages_that_promise_more_or_less_than_they_hold_are_refused() {
    // In Thrift's compact form: which kind of header it is, then 3 values in zigzag.
    for (version, mark) in [
        (WriterVersion::PARQUET_1_0, [0x2c, 0x15, 6]),
        (WriterVersion::PARQUET_2_0, [0x5c, 0x15, 6]),
    ] {
        let mut bytes = written(&ids(3), false, plain().set_writer_version(version));
        assert_eq!(read(&bytes), (true, Some(ids(3))));
        let place = bytes.windows(3).position(|window| window == mark).unwrap() + 2;
        for promised in [0, 4, 8] {
            bytes[place] = promised;
            assert_eq!(read(&bytes), (true, None), "{version:?} {promised}");
        }
    }
}
