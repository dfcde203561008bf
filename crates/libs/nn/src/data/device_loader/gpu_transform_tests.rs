//! The GPU's transform kernels against the CPU loader, without a GPU: the kernels are compiled as C
//! and run on the CPU, behind an uploader that copies late, as a GPU does.

use super::prefetch::{HostBuffer, Uploader, prefetch};
use super::{DeviceLoaderConfig, Targets, for_each_device_batch};
use crate::config::AugmentConfig;
use crate::data::dataset::ordered_batches;
use crate::data::testing::{Fixture, SAMPLES, SIDE_PX, STATISTICS, fixture};
use crate::{Dataset, LoaderConfig, MixupPair, NnError, TestTimeAugmentation};
use candle_core::{Device, Result as TensorResult};
use hpa_core::Seed;
use hpa_ops::upload::Packet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A host buffer that is locked while it is copied.
struct LateBuffer {
    copying: Arc<Mutex<()>>,
    bytes: Vec<u8>,
}

impl HostBuffer for LateBuffer {
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]> {
        drop(self.copying.lock().unwrap());
        Ok(&mut self.bytes)
    }
}

/// A batch as the GPU receives it.
struct UploadedBatch {
    indices: Vec<usize>,
    bytes: Vec<u8>,
    layout: Packet,
    is_mixed: bool,
}

struct FakeUploader;

impl Uploader for FakeUploader {
    type Buffer = LateBuffer;
    type Transfer = std::thread::JoinHandle<UploadedBatch>;
    type Output = UploadedBatch;

    fn buffer(&self, bytes: usize) -> TensorResult<LateBuffer> {
        Ok(LateBuffer { copying: Arc::default(), bytes: vec![0xaa; bytes] })
    }

    fn send(
        &mut self,
        buffer: &LateBuffer,
        layout: &Packet,
        is_mixed: bool,
    ) -> TensorResult<Self::Transfer> {
        let (copying, bytes, layout) = (buffer.copying.clone(), buffer.bytes.clone(), *layout);
        let (started, is_started) = std::sync::mpsc::channel();
        let copy = std::thread::spawn(move || {
            let _copying = copying.lock().unwrap();
            started.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            let bytes = bytes[..layout.bytes()].to_vec();
            UploadedBatch { indices: Vec::new(), bytes, layout, is_mixed }
        });
        is_started.recv().unwrap();
        Ok(copy)
    }

    fn finish(&mut self, indices: Vec<usize>, copy: Self::Transfer) -> TensorResult<UploadedBatch> {
        Ok(UploadedBatch { indices, ..copy.join().unwrap() })
    }
}

/// The kernels as a CPU program; none without a C compiler.
fn compile_kernels(folder: &Path) -> Option<PathBuf> {
    let sources =
        [("input.cu", hpa_ops::upload::KERNELS), ("harness.c", include_str!("harness.c"))];
    for (name, text) in sources {
        hpa_artifacts::atomic::write_bytes(&folder.join(name), text.as_bytes()).unwrap();
    }
    let program = folder.join("kernels");
    let compiler = Command::new("cc")
        .args(["-O1", "-ffp-contract=off", "-o"])
        .arg(&program)
        .arg(folder.join("harness.c"))
        .arg("-lm")
        .status();
    match compiler {
        Err(error) => {
            eprintln!("SKIPPED: no C compiler to run the kernels with ({error})");
            None
        }
        Ok(status) => {
            assert!(status.success(), "the kernels do not compile as C");
            Some(program)
        }
    }
}

/// The images that the kernels make of a batch.
fn run_kernels(program: &Path, batch: &UploadedBatch, side_px: usize) -> Vec<f32> {
    let UploadedBatch { bytes, layout, is_mixed, .. } = batch;
    let starts = [layout.tables_at(), layout.shown_at(), layout.places_at(), layout.shares_at()];
    let sizes = [layout.pictures, layout.views, layout.side, layout.channels];
    let arguments = [bytes.len()].into_iter().chain(starts).chain(sizes);
    let arguments = arguments.chain([usize::from(*is_mixed), side_px]).map(|it| it.to_string());
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(bytes).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Compares every image and target of the CPU loader and of the kernels bit for bit.
fn compare(fixture: &Fixture, loader: &LoaderConfig<'_>, views: usize, side_px: usize) {
    let Some(program) = compile_kernels(fixture.folder.path()) else { return };
    let dataset = Dataset { store: &fixture.store, samples: &fixture.samples };
    let batches = ordered_batches(SAMPLES, 7);
    let make = |indices: &[usize], pairs: &[MixupPair]| {
        let lambda = |at: usize| pairs.get(at).map_or(1.0, |pair| pair.lambda);
        indices.iter().enumerate().flat_map(|(at, index)| [*index as f32, lambda(at)]).collect()
    };
    let targets = Some(Targets { make: &make, labels: 2 });
    let config = DeviceLoaderConfig { loader, targets, views, side_px, device: &Device::Cpu };
    let mut on_cpu = Vec::new();
    for_each_device_batch::<NnError>(dataset, &batches, &config, |batch| {
        on_cpu.push(batch);
        Ok(())
    })
    .unwrap();
    let mut uploaded = Vec::new();
    prefetch::<_, NnError>(dataset, &batches, &config, &mut FakeUploader, |batch| {
        uploaded.push(batch);
        Ok(())
    })
    .unwrap();
    assert_eq!((on_cpu.len(), uploaded.len()), (batches.len(), batches.len()));
    for (expected, batch) in on_cpu.iter().zip(&uploaded) {
        assert_eq!(expected.indices, batch.indices, "the order is kept");
        let images: Vec<f32> = expected.images.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(images, run_kernels(&program, batch, side_px));
        let targets = expected.targets.as_ref().unwrap().flatten_all().unwrap();
        let targets: Vec<u8> =
            targets.to_vec1::<f32>().unwrap().into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(targets, batch.bytes[batch.layout.targets_at()..][..targets.len()]);
    }
}

const EVERYTHING: AugmentConfig = AugmentConfig {
    d4: true,
    rotate_degrees: 20.0,
    zoom: 1.4,
    lighting: 0.3,
    probability: 0.75,
    crop_scale: 0.5,
    crop_ratio: 4.0 / 3.0,
    channel_gain: 0.2,
    cutout_holes: 2,
    cutout_size: 0.25,
    mixup: 0.4,
};

#[test]
fn the_kernels_transform_training_samples_like_the_cpu() {
    let fixture = fixture();
    for (augment, side_px) in [
        (AugmentConfig::NONE, SIDE_PX),
        (AugmentConfig { d4: true, ..AugmentConfig::NONE }, SIDE_PX),
        (EVERYTHING, SIDE_PX),
        (EVERYTHING, 17),
    ] {
        let seed = Seed::new(3);
        let transform = |index: usize| vec![augment.draw(seed, 2, &fixture.samples[index].id, 0)];
        let loader = LoaderConfig {
            transforms: &transform,
            statistics: STATISTICS,
            workers: 2,
            mixup: augment.mixup(seed, 2),
        };
        compare(&fixture, &loader, 1, side_px);
    }
}

#[test]
fn the_kernels_transform_test_time_views_like_the_cpu() {
    let fixture = fixture();
    for mode in ["none", "d4", "crops:5"] {
        let views = mode.parse::<TestTimeAugmentation>().unwrap().views();
        let all = |_| views.clone();
        let loader =
            LoaderConfig { transforms: &all, statistics: STATISTICS, workers: 2, mixup: None };
        compare(&fixture, &loader, views.len(), SIDE_PX);
    }
}
