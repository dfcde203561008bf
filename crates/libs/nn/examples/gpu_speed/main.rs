//! Our side of `make bench-gpu`: whole training steps on data in memory, and epochs from Parquet.
//!
//! `gpu_speed NETWORK PX DEVICE PRECISION` greets with a line of JSON, then answers each line of
//! standard input with one:
//! - `steps BATCH COUNT`: the seconds of so many steps, or the batch that would fit;
//! - `epoch BATCH SAMPLES`: images per second of whole epochs from a shard that it writes first.
//!
//! It needs no file, so that it can be carried to a machine with a card.
#![expect(clippy::print_stdout, reason = "the answers of a measurement")]

mod epochs;

use hpa_core::Seed;
use hpa_nn::{Architecture, Device, DeviceKind, Network, NnError, Precision, SyntheticStep};
use serde_json::{Value, json};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: hpa_ops::ReusingAllocator = hpa_ops::ReusingAllocator::new();

type Error = Box<dyn std::error::Error>;

pub(crate) const LABELS: usize = 28;

/// What is measured.
pub(crate) struct Work {
    pub(crate) architecture: Architecture,
    pub(crate) px: usize,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    drill: Option<(usize, SyntheticStep)>,
}

impl Work {
    fn new(words: &[String]) -> Result<Self, Error> {
        let [architecture, px, device, precision] = words else {
            return Err("usage: gpu_speed NETWORK PX DEVICE PRECISION".into());
        };
        hpa_ops::select_simd()?;
        let device = device.parse::<DeviceKind>()?.open()?;
        let precision: Precision = precision.parse()?;
        device.check(precision)?;
        let (architecture, px) = (architecture.parse()?, px.parse()?);
        Ok(Self { architecture, px, device, precision, drill: None })
    }

    pub(crate) fn network(&self) -> Result<Network, NnError> {
        let mut network = Network::new(self.architecture, LABELS, Seed::new(1))?;
        network.set_precision(self.precision);
        network.to_device(&self.device)?;
        Ok(network)
    }

    fn greeting(&self) -> Result<Value, Error> {
        let cost = self.network()?.step_cost(self.px)?;
        Ok(
            json!({ "version": env!("CARGO_PKG_VERSION"), "path": self.device.path(), "cost": cost }),
        )
    }

    fn steps(&mut self, batch: usize, count: usize) -> Result<Value, Error> {
        match self.try_steps(batch, count) {
            Ok(seconds) => Ok(json!({ "seconds": seconds })),
            Err(NnError::OutOfMemory { fits, .. }) => {
                self.drill = None;
                Ok(json!({ "full": true, "fits": fits }))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn try_steps(&mut self, batch: usize, count: usize) -> Result<f64, NnError> {
        if self.drill.as_ref().is_none_or(|(size, _)| *size != batch) {
            self.drill = None;
            let drill = SyntheticStep::new(self.network()?, batch, self.px, Seed::new(1))?;
            let (_, drill) = self.drill.insert((batch, drill));
            // Algorithms are chosen and memory is had in the first steps.
            drill.steps(3)?;
        }
        let (_, drill) = self.drill.as_mut().expect("it was just made");
        let start = Instant::now();
        drill.steps(count)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn answer(&mut self, line: &str) -> Result<Value, Error> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["steps", batch, count] => self.steps(batch.parse()?, count.parse()?),
            ["epoch", batch, samples] => {
                self.drill = None;
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
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut work = Work::new(&words)?;
    println!("{}", work.greeting()?);
    for line in std::io::stdin().lines() {
        println!("{}", work.answer(&line?)?);
    }
    Ok(())
}
