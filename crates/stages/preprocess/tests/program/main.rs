//! `hpa-preprocess` as a program: shards, file layouts, up-to-date checks, invalid inputs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod dataset;
mod invalid_images;
mod invalid_tables;
mod layouts;
mod shards;
mod up_to_date;
