//! Carries packets to a graphics card and makes images of them there.
//!
//! Copies run on a stream of their own into one of a few slots of the card's memory. The stream
//! that computes waits for a packet's copy, and for no later one, when images are made of it; the
//! next copy into that slot waits until they have been. The host waits for neither.

use super::{KERNELS, Packet, Pinned};
use candle_core::cuda_backend::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaFunction, CudaSlice, CudaStream, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc;
use candle_core::op::BackpropOp;
use candle_core::{CudaStorage, Device, Error, Result, Shape, Storage, Tensor, bail};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

const THREADS: u32 = 256;
const MODULE: &str = "hpa-input";

/// The way to a card.
pub struct Courier {
    device: CudaDevice,
    computing: Arc<CudaStream>,
    copying: Arc<CudaStream>,
    /// Those without a parcel, the one that came back first at the front.
    slots: VecDeque<Slot>,
    /// The kernels, compiled.
    ptx: &'static str,
}

struct Slot {
    memory: CudaSlice<u8>,
    /// When images have been made of what it held last.
    free: Option<CudaEvent>,
}

/// What is to be made of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// How it is laid out.
    pub packet: Packet,
    /// Whether images are mixed with their partners.
    pub is_mixed: bool,
    /// The side of the images, at most that of the pictures.
    pub side: usize,
}

/// A packet on its way, in the slot that it has for itself.
pub struct Parcel {
    memory: CudaSlice<u8>,
    /// When all of it has been copied.
    copied: CudaEvent,
    wanted: Wanted,
}

/// What became of a packet.
pub struct Arrived {
    /// `[images, side, side, channels]`, f32.
    pub images: Tensor,
    /// `[pictures, labels]`, f32; without labels, nothing.
    pub targets: Option<Tensor>,
}

impl Courier {
    /// A courier with so many slots for packets of at most so many bytes.
    ///
    /// # Errors
    /// When the device is no card, its memory is full or the kernels do not compile.
    pub fn new(device: &Device, bytes: usize, slots: usize) -> Result<Self> {
        let Device::Cuda(device) = device else { bail!("couriers are for CUDA") };
        let computing = device.cuda_stream();
        let copying = computing.context().new_stream().map_err(Error::wrap)?;
        let slot = |_| Ok(Slot { memory: device.alloc_zeros::<u8>(bytes)?, free: None });
        let slots = (0..slots).map(slot).collect::<Result<_>>()?;
        // What was just allocated is there for the computing stream; the other has to wait for it.
        copying.join(&computing).map_err(Error::wrap)?;
        let ptx = compiled()?;
        Ok(Self { device: device.clone(), computing, copying, slots, ptx })
    }

    /// Begins to copy a packet; it has only been asked for when this returns.
    ///
    /// # Errors
    /// When the packet is larger than the courier's, or as many are on their way as it has slots.
    pub fn send(&mut self, pinned: &Pinned, wanted: &Wanted) -> Result<Parcel> {
        let Some(slot) = self.slots.front() else {
            bail!("a courier has no slot left: unpack a parcel first")
        };
        if wanted.packet.bytes() > pinned.0.len() || pinned.0.len() > slot.memory.len() {
            bail!("a packet of {} bytes is too large for its courier", wanted.packet.bytes());
        }
        let Some(Slot { mut memory, free }) = self.slots.pop_front() else {
            bail!("a courier has lost a slot")
        };
        if let Some(free) = free {
            self.copying.wait(&free).map_err(Error::wrap)?;
        }
        self.copying.memcpy_htod(&pinned.0, &mut memory).map_err(Error::wrap)?;
        let copied = self.copying.record_event(None).map_err(Error::wrap)?;
        Ok(Parcel { memory, copied, wanted: *wanted })
    }

    /// Begins to make images of a parcel once it has been copied.
    ///
    /// # Errors
    /// When the card's memory is full.
    pub fn unpack(&mut self, parcel: Parcel) -> Result<Arrived> {
        let Parcel { memory, copied, wanted } = parcel;
        self.computing.wait(&copied).map_err(Error::wrap)?;
        let arrived = self.make(&memory, &wanted)?;
        let free = Some(self.computing.record_event(None).map_err(Error::wrap)?);
        self.slots.push_back(Slot { memory, free });
        Ok(arrived)
    }

    fn make(&self, memory: &CudaSlice<u8>, wanted: &Wanted) -> Result<Arrived> {
        let Wanted { packet, is_mixed, side } = *wanted;
        let mut images = self.show(memory, &packet)?;
        if is_mixed {
            images = self.mix(memory, &images, &packet)?;
        }
        if side != packet.side {
            images = self.shrink(&images, &packet, side)?;
        }
        let targets = (packet.labels > 0).then(|| self.targets(memory, &packet)).transpose()?;
        let shape = (packet.images(), side, side, packet.channels);
        let targets = targets.map(|it| self.tensor(it, (packet.pictures, packet.labels)));
        Ok(Arrived { images: self.tensor(images, shape), targets })
    }

    #[expect(unsafe_code, reason = "launches a kernel")]
    fn show(&self, memory: &CudaSlice<u8>, packet: &Packet) -> Result<CudaSlice<f32>> {
        let mut images = self.room(packet.images() * packet.picture_bytes())?;
        let [side, channels, views] = ints([packet.side, packet.channels, packet.images()])?;
        let (tables_at, shown_at) = (packet.tables_at() as u64, packet.shown_at() as u64);
        let kernel = self.kernel("show")?;
        let mut launch = self.computing.launch_builder(&kernel);
        launch.arg(memory).arg(&tables_at).arg(&shown_at).arg(&mut images);
        launch.arg(&side).arg(&channels).arg(&views);
        let pixels = packet.images() * packet.side * packet.side;
        // SAFETY: the arguments are those of `show`. It reads inside of the packet, whose size was
        // compared, as numbers of pictures and holes are checked when they are written; it writes `channels`
        // values for each of the pixels, which is what `images` has room for.
        unsafe { launch.launch(config(pixels)?) }.map_err(Error::wrap)?;
        Ok(images)
    }

    #[expect(unsafe_code, reason = "launches a kernel")]
    fn mix(
        &self,
        memory: &CudaSlice<u8>,
        images: &CudaSlice<f32>,
        packet: &Packet,
    ) -> Result<CudaSlice<f32>> {
        let mut mixed = self.room(images.len())?;
        let [width, count] = ints([packet.picture_bytes(), packet.pictures])?;
        let (places_at, shares_at) = (packet.places_at() as u64, packet.shares_at() as u64);
        let kernel = self.kernel("mix")?;
        let mut launch = self.computing.launch_builder(&kernel);
        launch.arg(memory).arg(&places_at).arg(&shares_at).arg(images).arg(&mut mixed);
        launch.arg(&width).arg(&count);
        // SAFETY: the arguments are those of `mix`; a thread a value of `mixed`, which is as long as
        // `images`, of which partners name rows: they are checked when they are written.
        unsafe { launch.launch(config(images.len())?) }.map_err(Error::wrap)?;
        Ok(mixed)
    }

    #[expect(unsafe_code, reason = "launches a kernel")]
    fn shrink(
        &self,
        images: &CudaSlice<f32>,
        packet: &Packet,
        side: usize,
    ) -> Result<CudaSlice<f32>> {
        let values = packet.images() * side * side * packet.channels;
        let mut shrunk = self.room(values)?;
        let sizes = ints([packet.side, side, packet.channels, packet.images()])?;
        let kernel = self.kernel("shrink")?;
        let mut launch = self.computing.launch_builder(&kernel);
        launch.arg(images).arg(&mut shrunk);
        for size in &sizes {
            launch.arg(size);
        }
        // SAFETY: the arguments are those of `shrink`; a thread a value of `shrunk`, and what each
        // covers lies inside of its image.
        unsafe { launch.launch(config(values)?) }.map_err(Error::wrap)?;
        Ok(shrunk)
    }

    #[expect(unsafe_code, reason = "reads bytes as the floats that they are")]
    fn targets(&self, memory: &CudaSlice<u8>, packet: &Packet) -> Result<CudaSlice<f32>> {
        let values = packet.pictures * packet.labels;
        let mut targets = self.room(values)?;
        let bytes = memory.slice(packet.targets_at()..packet.targets_at() + values * 4);
        // SAFETY: every pattern of 32 bits is a float, and the place is a multiple of 16.
        let Some(values) = (unsafe { bytes.transmute::<f32>(values) }) else {
            bail!("targets end within the packet")
        };
        self.computing.memcpy_dtod(&values, &mut targets).map_err(Error::wrap)?;
        Ok(targets)
    }

    /// Memory that the next kernel fills.
    #[expect(unsafe_code, reason = "zeros would be overwritten at once")]
    fn room(&self, values: usize) -> Result<CudaSlice<f32>> {
        // SAFETY: every caller launches a kernel, or a copy, that writes all of it before any
        // other work on this stream reads it.
        unsafe { self.device.alloc::<f32>(values) }
    }

    fn kernel(&self, name: &str) -> Result<CudaFunction> {
        Ok(self.device.get_or_load_custom_func(name, MODULE, self.ptx)?.into_cuda_function())
    }

    fn tensor(&self, values: CudaSlice<f32>, shape: impl Into<Shape>) -> Tensor {
        let storage = CudaStorage::wrap_cuda_slice(values, self.device.clone());
        Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
    }
}

/// The kernels for any card from Ampere on, compiled once.
fn compiled() -> Result<&'static str> {
    static PTX: OnceLock<String> = OnceLock::new();
    if let Some(ptx) = PTX.get() {
        return Ok(ptx);
    }
    let options = nvrtc::CompileOptions {
        fmad: Some(false),
        arch: Some("compute_80"),
        ..nvrtc::CompileOptions::default()
    };
    let ptx = nvrtc::compile_ptx_with_opts(KERNELS, options).map_err(Error::wrap)?;
    Ok(PTX.get_or_init(|| ptx.to_src()))
}

fn ints<const N: usize>(sizes: [usize; N]) -> Result<[i32; N]> {
    let mut ints = [0; N];
    for (int, size) in ints.iter_mut().zip(sizes) {
        *int = i32::try_from(size).map_err(Error::wrap)?;
    }
    Ok(ints)
}

/// A thread each.
fn config(things: usize) -> Result<LaunchConfig> {
    let blocks = u32::try_from(things.div_ceil(THREADS as usize)).map_err(Error::wrap)?;
    Ok(LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 })
}
