//! Upload of batches to a CUDA device.

use super::prefetch::{HostBuffer, Uploader, max_bytes};
use super::{DeviceBatch, DeviceLoaderConfig};
use crate::data::dataset::Dataset;
use candle_core::{Device, Result};
use hpa_ops::upload::{Arrived, Courier, Packet, Parcel, Pinned, Wanted};

/// Batches in GPU memory: one is transformed, one waits, one is copied.
const SLOTS: usize = 3;

pub(crate) struct CudaUploader {
    device: Device,
    uploader: Courier,
    side_px: usize,
}

impl CudaUploader {
    pub(crate) fn new(
        dataset: Dataset<'_>,
        batches: &[Vec<usize>],
        config: &DeviceLoaderConfig<'_>,
    ) -> Result<Self> {
        let bytes = max_bytes(dataset, batches, config);
        let uploader = Courier::new(config.device, bytes, SLOTS)?;
        Ok(Self { device: config.device.clone(), uploader, side_px: config.side_px })
    }
}

impl HostBuffer for Pinned {
    fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        Self::bytes_mut(self)
    }
}

impl Uploader for CudaUploader {
    type Buffer = Pinned;
    type Transfer = Parcel;
    type Output = DeviceBatch;

    fn buffer(&self, bytes: usize) -> Result<Pinned> {
        Pinned::new(&self.device, bytes)
    }

    fn send(&mut self, pinned: &Pinned, layout: &Packet, is_mixed: bool) -> Result<Parcel> {
        self.uploader.send(pinned, &Wanted { packet: *layout, is_mixed, side: self.side_px })
    }

    fn finish(&mut self, indices: Vec<usize>, transfer: Parcel) -> Result<DeviceBatch> {
        let Arrived { images, targets } = self.uploader.unpack(transfer)?;
        Ok(DeviceBatch { indices, images, targets })
    }
}
