//! How our Parquet files lie on the disk: compression, pages, encodings.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Settings that all our files share.
pub(crate) fn properties() -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(1).expect("1 is a level of Zstandard");
    WriterProperties::builder().set_compression(Compression::ZSTD(level))
}

/// Bytes of a table's page before it is compressed: it stays in the second-level cache, and it is
/// decoded in memory that the next one uses again.
const PAGE_BYTES: usize = 128 << 10;

/// Pages that compression does not bring below this share of their size are stored as they are:
/// a reader would be held up by decompressing and gain nothing. Random digits of floats are such.
const WORTH_COMPRESSING: f64 = 0.8;

/// Columns whose values hardly ever stand twice: a dictionary of them only costs time.
const WITHOUT_DICTIONARY: [&[&str]; 2] = [&["id"], &["probability", "list", "item"]];

/// Settings of tables that are read whole.
pub(crate) fn table_properties() -> WriterPropertiesBuilder {
    // Only the second kind of data page says of itself whether it is compressed. With it go delta
    // encodings, for columns whose dictionary grows too large.
    let properties = properties()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_data_page_v2_compression_ratio_threshold(WORTH_COMPRESSING)
        .set_data_page_size_limit(PAGE_BYTES);
    WITHOUT_DICTIONARY.iter().fold(properties, |properties, parts| {
        let column = ColumnPath::new(parts.iter().map(ToString::to_string).collect());
        let properties = properties.set_column_dictionary_enabled(column.clone(), false);
        properties.set_column_encoding(column, Encoding::PLAIN)
    })
}
