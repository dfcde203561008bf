//! The GPU's transforms on the emulated GPU against the CPU loader, behind an uploader that copies
//! late, as a GPU does.

use super::prefetch::{HostBuffer, Uploader, prefetch};
use super::{DeviceLoaderConfig, Targets, for_each_device_batch};
use crate::config::AugmentConfig;
use crate::data::dataset::ordered_batches;
use crate::data::testing::{Fixture, SAMPLES, SIDE_PX, STATISTICS, fixture};
use crate::{Dataset, LoaderConfig, MixupPair, NnError, TestTimeAugmentation};
use candle_core::{Device, Result as TensorResult};
use hpa_core::Seed;
use hpa_ops::emulator::Emulator;
use hpa_ops::upload::{BatchRequest, emulate};
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
    request: BatchRequest,
}

struct FakeUploader;

impl Uploader for FakeUploader {
    type Buffer = LateBuffer;
    type Transfer = std::thread::JoinHandle<UploadedBatch>;
    type Output = UploadedBatch;

    fn buffer(&self, bytes: usize) -> TensorResult<LateBuffer> {
        Ok(LateBuffer { copying: Arc::default(), bytes: vec![0xaa; bytes] })
    }

    fn start(
        &mut self,
        buffer: &LateBuffer,
        request: &BatchRequest,
    ) -> TensorResult<Self::Transfer> {
        let (copying, bytes, request) = (buffer.copying.clone(), buffer.bytes.clone(), *request);
        let (started, is_started) = std::sync::mpsc::channel();
        let copy = std::thread::spawn(move || {
            let _copying = copying.lock().unwrap();
            started.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            let bytes = bytes[..request.layout.bytes()].to_vec();
            UploadedBatch { indices: Vec::new(), bytes, request }
        });
        is_started.recv().unwrap();
        Ok(copy)
    }

    fn finish(&mut self, indices: Vec<usize>, copy: Self::Transfer) -> TensorResult<UploadedBatch> {
        Ok(UploadedBatch { indices, ..copy.join().unwrap() })
    }
}

/// Compares every image and target of the CPU loader and of the kernels bit for bit.
fn compare(fixture: &Fixture, loader: &LoaderConfig<'_>, views: usize, side_px: usize) {
    let Some(emulator) = Emulator::transform() else { return };
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
        assert_eq!(images, emulate(emulator, &batch.bytes, &batch.request));
        let targets = expected.targets.as_ref().unwrap().flatten_all().unwrap();
        let targets: Vec<u8> =
            targets.to_vec1::<f32>().unwrap().into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(targets, batch.bytes[batch.request.layout.targets_at()..][..targets.len()]);
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
