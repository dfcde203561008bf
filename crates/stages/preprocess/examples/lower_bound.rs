//! Lower bound of the preprocessing time: decoding, resizing and compressing images in memory,
//! each step alone, with all threads.
//!
//! `lower_bound TABLE.csv IMAGES SIZE_PX THREADS` prints the seconds of each step as one JSON
//! object; the benchmark compares their sum with the run time of `hpa-preprocess`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hpa_artifacts::{PageEncoder, read_label_csv};
use hpa_core::{Channel, LabelNames};
use hpa_imaging::{
    DecodeBuffers, DecodeOptions, Plane, ResizeFilter, decode, decode_with_buffers, resize_into,
};

/// At most this many samples are kept in memory.
const MAX_SAMPLES: usize = 120;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, folder, size_px, threads] = &arguments[..] else {
        anyhow::bail!("usage: lower_bound TABLE.csv IMAGES SIZE_PX THREADS");
    };
    let size_px: usize = size_px.parse()?;
    let threads: usize = threads.parse()?;
    let files = read_files(Path::new(table), Path::new(folder))?;
    let decoding = median_seconds(&files, threads, decode_all);
    let options = DecodeOptions::default();
    let planes: Vec<Plane> =
        files.iter().map(|bytes| decode(bytes, &options)).collect::<Result<_, _>>()?;
    let resizing = median_seconds(&planes, threads, |planes| resize_all(planes, size_px));
    let image = |planes: &[Plane]| {
        let mut image = Vec::new();
        for plane in planes {
            resize_into(plane, size_px, ResizeFilter::Area, &mut image);
        }
        image
    };
    let images: Vec<Vec<u8>> = planes.chunks_exact(Channel::COUNT).map(image).collect();
    let compressing = median_seconds(&images, threads, compress_all);
    let json = serde_json::json!({
        "samples": images.len(), "decode": decoding, "resize": resizing, "compress": compressing,
    });
    writeln!(std::io::stdout(), "{json}")?;
    Ok(())
}

fn read_files(table: &Path, folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let rows = read_label_csv(&[PathBuf::from(table)], &LabelNames::atlas())?;
    let mut files = Vec::new();
    for row in rows.iter().take(MAX_SAMPLES) {
        for channel in Channel::ALL {
            files.push(std::fs::read(folder.join(format!("{}_{channel}.png", row.id)))?);
        }
    }
    Ok(files)
}

/// Seconds for all items, distributed over threads; the median of three runs.
fn median_seconds<T: Sync>(items: &[T], threads: usize, work: impl Fn(&[T]) + Sync) -> f64 {
    let run = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in items.chunks(items.len().div_ceil(threads)) {
                scope.spawn(|| work(part));
            }
        });
        start.elapsed().as_secs_f64()
    };
    let mut seconds = [run(), run(), run()];
    seconds.sort_by(f64::total_cmp);
    seconds[1]
}

fn decode_all(files: &[Vec<u8>]) {
    let mut buffers = DecodeBuffers::default();
    for bytes in files {
        let plane = decode_with_buffers(bytes, &DecodeOptions::default(), &mut buffers);
        buffers.recycle(std::hint::black_box(plane).expect("decoded before"));
    }
}

fn resize_all(planes: &[Plane], size_px: usize) {
    let mut image = Vec::new();
    for plane in planes {
        image.clear();
        resize_into(plane, size_px, ResizeFilter::Area, &mut image);
        std::hint::black_box(&image);
    }
}

fn compress_all(images: &[Vec<u8>]) {
    let mut encoder = PageEncoder::new();
    let mut memory = Vec::new();
    for image in images {
        let pixels = encoder.encode_into(memory, image).expect("far below 2 GiB");
        memory = std::hint::black_box(pixels).into_buffer();
    }
}
