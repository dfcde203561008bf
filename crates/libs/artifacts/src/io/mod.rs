//! Input and output below the artefacts: atomic writes, digests, provenance, Parquet, errors.

pub mod atomic;
mod background_fsync;
pub(crate) mod canonical_json;
pub(crate) mod catch_panic;
pub(crate) mod columns;
pub(crate) mod digest;
pub(crate) mod embedded_digest;
pub(crate) mod error;
pub(crate) mod error_list;
pub(crate) mod parquet_reader;
pub(crate) mod parquet_writer;
pub(crate) mod positioned_file;
pub(crate) mod provenance;
