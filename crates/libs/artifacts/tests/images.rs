//! Shards of pictures: read at random, from many threads, and refused when they do not fit.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and damages files on purpose"
)]

use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use std::path::{Path, PathBuf};

fn image(index: u8, size_px: usize) -> ImageRow {
    ImageRow {
        id: format!("s{index}").parse().unwrap(),
        height: 100,
        width: 120,
        image: (0..4 * size_px * size_px).map(|i| u8::try_from(i % 251).unwrap() ^ index).collect(),
        phash: [u64::from(index), 2, 3, u64::MAX],
        digest: [index; 32],
    }
}

fn write_shard(path: &Path, indices: std::ops::Range<u8>, size_px: usize) {
    let mut writer = ImageWriter::create(path, size_px, &Provenance::new(&())).unwrap();
    for index in indices {
        writer.push(&image(index, size_px)).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn pixels_are_read_in_any_order_from_many_shards_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    write_shard(&paths[0], 0..100, 16);
    write_shard(&paths[1], 100..250, 16);
    let store = ImageStore::open(&paths).unwrap();
    assert_eq!((store.len(), store.size_px()), (250, 16));
    let rows = [249, 0, 100, 99, 7, 7, 249];
    let expected: Vec<u8> =
        rows.iter().flat_map(|&row| image(u8::try_from(row).unwrap(), 16).image).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(store.read_pixels(&rows).unwrap(), expected);
                }
            });
        }
    });
    assert_eq!(store.read_pixels(&[]).unwrap(), Vec::<u8>::new());
}

#[test]
fn summaries_and_positions_follow_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_shard(&path, 0..250, 8);
    let store = ImageStore::open(&[path]).unwrap();
    let summaries = store.summaries().unwrap();
    assert_eq!(summaries.len(), 250);
    assert_eq!((summaries[200].phash, summaries[200].digest), (image(200, 8).phash, [200; 32]));
    assert_eq!(store.position(&"s123".parse().unwrap()), Some(123));
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
    write_shard(&paths[0], 0..3, 8);
    write_shard(&paths[1], 2..5, 8);
    write_shard(&paths[2], 7..9, 16);
    let said = |paths: &[PathBuf]| ImageStore::open(paths).err().unwrap().to_string();
    assert!(said(&paths[..2]).contains("id s2 occurs twice"));
    assert!(said(&[paths[0].clone(), paths[2].clone()]).contains("16 px"));
    let mut bytes = std::fs::read(&paths[0]).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&paths[0], bytes).unwrap();
    assert!(said(&paths[..1]).contains("is damaged"));
}

#[test]
fn a_wrong_number_of_pixels_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        ImageWriter::create(&folder.path().join("a"), 9, &Provenance::new(&())).unwrap();
    assert!(writer.push(&image(0, 8)).is_err());
    drop(writer);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Found by `make fuzz`: the footer says 7 rows, the row group has 3.
#[test]
fn a_footer_with_more_rows_than_the_pages_is_damage() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/corpus/shard");
    let error = ImageStore::open(&[corpus.join("footer-promises-more-rows")]).err().unwrap();
    assert!(error.to_string().contains("its footer has 7 rows, its pages 3"), "{error}");
}
