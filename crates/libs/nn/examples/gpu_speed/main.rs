//! Training speed for `make bench-gpu`: steps on data in memory, and epochs from Parquet.
//!
//! `gpu_speed NETWORK PX DEVICE PRECISION` prints a line of JSON, then answers each line of
//! standard input with one:
//! - `steps BATCH COUNT`: seconds of that many steps, or the largest batch size that fits;
//! - `epoch BATCH SAMPLES`: images per second of whole epochs from a shard that it writes first.
//!
//! It needs no files, so it can be copied to a machine with a GPU.
#![expect(clippy::print_stdout, reason = "prints measurements")]

mod epochs;

use hpa_core::Seed;
use hpa_nn::{Architecture, Device, DeviceKind, Network, NnError, Precision, SyntheticStep};
use serde_json::{Value, json};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: hpa_ops::CachingAllocator = hpa_ops::CachingAllocator::new();

type Error = Box<dyn std::error::Error>;

pub(crate) const LABELS: usize = 28;

/// The network and device to measure.
pub(crate) struct Benchmark {
    pub(crate) architecture: Architecture,
    pub(crate) px: usize,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    /// The step at a batch size, warmed up.
    step: Option<(usize, SyntheticStep)>,
}

impl Benchmark {
    fn new(args: &[String]) -> Result<Self, Error> {
        let [architecture, px, device, precision] = args else {
            return Err("usage: gpu_speed NETWORK PX DEVICE PRECISION".into());
        };
        hpa_ops::select_simd()?;
        let device = device.parse::<DeviceKind>()?.open()?;
        let precision: Precision = precision.parse()?;
        device.check(precision)?;
        let (architecture, px) = (architecture.parse()?, px.parse()?);
        Ok(Self { architecture, px, device, precision, step: None })
    }

    pub(crate) fn network(&self) -> Result<Network, NnError> {
        let mut network = Network::new(self.architecture, LABELS, Seed::new(1))?;
        network.set_precision(self.precision);
        network.to_device(&self.device)?;
        Ok(network)
    }

    fn description(&self) -> Result<Value, Error> {
        let cost = self.network()?.step_cost(self.px)?;
        Ok(
            json!({ "version": env!("CARGO_PKG_VERSION"), "path": self.device.path(), "cost": cost }),
        )
    }

    fn steps(&mut self, batch: usize, count: usize) -> Result<Value, Error> {
        match self.try_steps(batch, count) {
            Ok(seconds) => Ok(json!({ "seconds": seconds })),
            Err(NnError::OutOfMemory { fits, .. }) => {
                self.step = None;
                Ok(json!({ "full": true, "fits": fits }))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn try_steps(&mut self, batch: usize, count: usize) -> Result<f64, NnError> {
        if self.step.as_ref().is_none_or(|(size, _)| *size != batch) {
            self.step = None;
            let step = SyntheticStep::new(self.network()?, batch, self.px, Seed::new(1))?;
            let (_, step) = self.step.insert((batch, step));
            // The first steps choose algorithms and allocate memory.
            step.steps(3)?;
        }
        let (_, step) = self.step.as_mut().expect("it was just created");
        let start = Instant::now();
        step.steps(count)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn answer(&mut self, line: &str) -> Result<Value, Error> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["steps", batch, count] => self.steps(batch.parse()?, count.parse()?),
            ["epoch", batch, samples] => {
                self.step = None;
                let rates = epochs::rates(self, batch.parse()?, samples.parse()?)?;
                Ok(json!({ "images_per_second": rates }))
            }
            _ => {
                Err(format!("{line:?} is neither steps BATCH COUNT nor epoch BATCH SAMPLES").into())
            }
        }
    }
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut benchmark = Benchmark::new(&args)?;
    println!("{}", benchmark.description()?);
    for line in std::io::stdin().lines() {
        println!("{}", benchmark.answer(&line?)?);
    }
    Ok(())
}
