//! Decoder and perceptual hash on real images of the atlas, if they are available.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use hpa_imaging::{
    DecodeOptions, Plane, ResizeFilter, Samples, decode, hamming_distance, perceptual_hash, resize,
};

/// The training images of the sample data set with this suffix, sorted by name.
fn images(suffix: &str) -> Vec<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let shared = std::env::var_os("HPA_SHARED").unwrap_or_else(|| "../shared".into());
    let folder = workspace.join(shared).join("data/hpa-sample/train");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no images in {} (set HPA_SHARED)", folder.display());
        return Vec::new();
    };
    let entries = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    paths.sort();
    paths
}

fn decode_file(path: &PathBuf) -> Plane {
    decode(&std::fs::read(path).unwrap(), &DecodeOptions::default()).unwrap()
}

#[test]
fn real_images_decode_as_by_the_png_crate() {
    for path in images(".png") {
        let plane = decode_file(&path);
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut samples = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut samples).unwrap();
        assert_eq!((plane.width(), plane.height()), (512, 512));
        assert!(plane.samples() == &Samples::U8(samples), "{}", path.display());
        let Samples::U8(samples) = plane.samples() else { unreachable!("compared above") };
        for (pixel, &level) in resize(&plane, 256, ResizeFilter::Area).iter().enumerate() {
            let first = pixel / 256 * 1024 + pixel % 256 * 2;
            let block = [0, 1, 512, 513].map(|offset| u32::from(samples[first + offset]));
            assert!(u32::from(level).abs_diff((block.iter().sum::<u32>() + 2) / 4) <= 1);
        }
    }
}

#[test]
fn different_fields_have_distant_hashes() {
    let hashes: Vec<u64> =
        images("_blue.png").iter().map(|path| perceptual_hash(&decode_file(path))).collect();
    for (index, &hash) in hashes.iter().enumerate() {
        assert_ne!(hash, 0);
        for &other in &hashes[..index] {
            assert!(hamming_distance(hash, other) > 8, "{hash:x} {other:x}");
        }
    }
}
