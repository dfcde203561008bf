//! The carrier to a real graphics card.

use super::DeviceLoaderConfig;
use super::prefetch::{Buffer, Carrier, largest};
use crate::data::dataset::Dataset;
use candle_core::{Device, Result, Tensor};
use hpa_ops::upload::{Arrived, Courier, Packet, Parcel, Pinned, Wanted};

/// Packets in the card's memory: one that images are made of, one that waits, one that is copied.
const SLOTS: usize = 3;

pub(crate) struct Card {
    device: Device,
    courier: Courier,
    side: usize,
}

impl Card {
    pub(crate) fn new(
        order: &DeviceLoaderConfig<'_>,
        dataset: Dataset<'_>,
        batches: &[Vec<usize>],
    ) -> Result<Self> {
        let courier = Courier::new(order.device, largest(dataset, batches, order), SLOTS)?;
        Ok(Self { device: order.device.clone(), courier, side: order.side })
    }
}

impl Buffer for Pinned {
    fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        Self::bytes_mut(self)
    }
}

impl Carrier for Card {
    type Buffer = Pinned;
    type Parcel = Parcel;
    type Cargo = (Tensor, Option<Tensor>);

    fn buffer(&self, bytes: usize) -> Result<Pinned> {
        Pinned::new(&self.device, bytes)
    }

    fn send(&mut self, pinned: &Pinned, packet: &Packet, is_mixed: bool) -> Result<Parcel> {
        self.courier.send(pinned, &Wanted { packet: *packet, is_mixed, side: self.side })
    }

    fn unpack(&mut self, parcel: Parcel) -> Result<Self::Cargo> {
        let Arrived { images, targets } = self.courier.unpack(parcel)?;
        Ok((images, targets))
    }
}
