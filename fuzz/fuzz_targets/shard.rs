//! Reader of image shards.
#![no_main]

use hpa_artifacts::{ImageStore, ShardMetadata};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hpa_fuzz::with_file(bytes, |path| {
    let _ = ShardMetadata::read(path);
    let Ok(store) = ImageStore::open(&[path.to_owned()]) else { return };
    if let Ok(summaries) = store.summaries() {
        assert_eq!(summaries.len(), store.len());
    }
    if !store.is_empty() {
        let _ = store.read_pixels(&[store.len() - 1, 0]);
    }
}));
