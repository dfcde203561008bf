//! The reader and the hash on pictures of the atlas, where they are at hand.

use std::path::PathBuf;

use hpa_imaging::{
    DecodeOptions, ResizeFilter, Samples, decode, hamming_distance, perceptual_hash, resize,
};

/// The training pictures of the sample data set, in the order of their names.
fn pictures() -> Vec<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").map_or(workspace.join("../shared"), PathBuf::from);
    let folder = workspace.join(shared).join("data/hpa-sample/train");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no pictures in {} (set HPA_SHARED)", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[test]
fn real_pictures_decode_as_the_png_crate_decodes_them() {
    for path in pictures() {
        let bytes = std::fs::read(&path).unwrap();
        let plane = decode(&bytes, &DecodeOptions::default()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut levels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut levels).unwrap();
        assert_eq!((plane.width(), plane.height()), (512, 512));
        assert!(plane.samples() == &Samples::U8(levels), "{}", path.display());
        let half = resize(&plane, 256, ResizeFilter::Area);
        let Samples::U8(levels) = plane.samples() else { unreachable!("compared above") };
        for (place, &got) in half.iter().enumerate() {
            let first = place / 256 * 1024 + place % 256 * 2;
            let four = [0, 1, 512, 513].map(|next| u32::from(levels[first + next]));
            assert!(u32::from(got).abs_diff((four.iter().sum::<u32>() + 2) / 4) <= 1);
        }
    }
}

#[test]
fn different_fields_have_hashes_far_apart() {
    let hash = |path: &PathBuf| {
        perceptual_hash(&decode(&std::fs::read(path).unwrap(), &DecodeOptions::default()).unwrap())
    };
    let blue: Vec<u64> = pictures()
        .iter()
        .filter(|p| p.to_string_lossy().ends_with("_blue.png"))
        .map(hash)
        .collect();
    for (place, &one) in blue.iter().enumerate() {
        assert_ne!(one, 0);
        for &other in &blue[..place] {
            assert!(hamming_distance(one, other) > 8, "{one:x} {other:x}");
        }
    }
}
