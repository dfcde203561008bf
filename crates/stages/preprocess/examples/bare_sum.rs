//! What preprocessing cannot do without, and nothing else: decoding with checksums verified,
//! resizing, compressing, one after another on pictures that are in memory.
//!
//! `bare_sum TABLE.csv IMAGES SIZE THREADS` prints seconds a part as one JSON object; the
//! benchmark compares their sum with the program's own time.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hpa_artifacts::PageEncoder;
use hpa_artifacts::csv_table::read_label_csv;
use hpa_core::{Channel, LabelNames};
use hpa_imaging::{
    DecodeBuffers, DecodeOptions, Plane, ResizeFilter, decode, decode_with_buffers, resize_into,
};

/// More samples would not fit into memory.
const SAMPLES: usize = 120;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, folder, size, threads] = &arguments[..] else {
        anyhow::bail!("usage: bare_sum TABLE.csv IMAGES SIZE THREADS");
    };
    let (size, threads): (usize, usize) = (size.parse()?, threads.parse()?);
    let files = files(Path::new(table), Path::new(folder))?;
    let samples = files.len() / Channel::COUNT;
    let decoding = timed(&files, threads, decode_all);
    let planes: Vec<Plane> = files
        .iter()
        .map(|bytes| decode(bytes, &DecodeOptions::default()))
        .collect::<Result<_, _>>()?;
    let resizing = timed(&planes, threads, |planes| resize_all(planes, size));
    let image = |planes: &[Plane]| {
        let mut image = Vec::new();
        for plane in planes {
            resize_into(plane, size, ResizeFilter::Area, &mut image);
        }
        image
    };
    let images: Vec<Vec<u8>> = planes.chunks_exact(Channel::COUNT).map(image).collect();
    let compressing = timed(&images, threads, compress_all);
    let json = serde_json::json!({
        "samples": samples, "decode": decoding, "resize": resizing, "compress": compressing,
    });
    writeln!(std::io::stdout(), "{json}")?;
    Ok(())
}

fn files(table: &Path, folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let rows = read_label_csv(&[PathBuf::from(table)], &LabelNames::atlas())?;
    let mut files = Vec::new();
    for row in rows.iter().take(SAMPLES) {
        for channel in Channel::ALL {
            files.push(std::fs::read(folder.join(format!("{}_{channel}.png", row.id)))?);
        }
    }
    Ok(files)
}

/// Seconds for all items, shared out among threads; the median of three, since it is compared with
/// a median.
fn timed<T: Sync>(items: &[T], threads: usize, work: impl Fn(&[T]) + Sync) -> f64 {
    let share = items.len().div_ceil(threads);
    let once = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in items.chunks(share) {
                scope.spawn(|| work(part));
            }
        });
        start.elapsed().as_secs_f64()
    };
    let mut seconds = [once(), once(), once()];
    seconds.sort_by(f64::total_cmp);
    seconds[1]
}

fn decode_all(files: &[Vec<u8>]) {
    let mut buffers = DecodeBuffers::default();
    for bytes in files {
        let plane = decode_with_buffers(bytes, &DecodeOptions::default(), &mut buffers);
        buffers.recycle(std::hint::black_box(plane).expect("it was decoded before"));
    }
}

fn resize_all(planes: &[Plane], size: usize) {
    let mut image = Vec::new();
    for plane in planes {
        image.clear();
        resize_into(plane, size, ResizeFilter::Area, &mut image);
        std::hint::black_box(&image);
    }
}

fn compress_all(images: &[Vec<u8>]) {
    let (mut encoder, mut memory) = (PageEncoder::new(), Vec::new());
    for image in images {
        let pixels = encoder.encode_into(memory, image).expect("far below 2 GiB");
        memory = std::hint::black_box(pixels).into_memory();
    }
}
