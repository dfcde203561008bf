//! The readers of CSV tables: labels, ids, lists.
#![no_main]

use hpa_artifacts::{read_label_csv, read_csv_text};
use hpa_artifacts::read_id_csv;
use hpa_core::LabelNames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hpa_fuzz::with_file(bytes, |path| {
    let _ = read_csv_text(path);
    let _ = read_id_csv(path);
    if let Ok(rows) = read_label_csv(&[path.to_owned()], &LabelNames::atlas()) {
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| !row.id.as_str().contains(['/', ',', '<', '"', '\n'])));
    }
}));
