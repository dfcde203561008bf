//! The way to a graphics card without one: its kernels are compiled as C and run by the processor,
//! and a carrier of our own copies late, as a card does.

use super::prefetch::{Buffer, Carrier, ship};
use super::{DeviceLoaderConfig, for_each_device_batch};
use crate::data::dataset::ordered_batches;
use crate::{
    Augmentation, ChannelStatistics, Dataset, LoaderConfig, NnError, Sample, TestTimeAugmentation,
};
use candle_core::{Device, Result as TensorResult};
use hpa_artifacts::{ImageRow, ImageStore, ImageWriter, Provenance};
use hpa_core::{LabelSet, Seed};
use hpa_ops::upload::Packet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SIDE: usize = 32;
const SAMPLES: usize = 37;

pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    pub(crate) store: ImageStore,
    pub(crate) samples: Vec<Sample>,
}

/// Pictures of noise.
pub(crate) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("images.parquet");
    let mut writer = ImageWriter::create(&path, SIDE, &Provenance::new(&())).unwrap();
    let mut rng = Seed::new(5).rng();
    let mut samples = Vec::new();
    for row in 0..SAMPLES {
        let id: hpa_core::SampleId = format!("sample-{row}").parse().unwrap();
        let level = |_| u8::try_from(rng.below(256)).unwrap();
        let image = (0..4 * SIDE * SIDE).map(level).collect();
        let (height, width, digest) = (32, 32, [0; 32]);
        let row_of = ImageRow { id: id.clone(), height, width, image, phash: [0; 4], digest };
        writer.push(&row_of).unwrap();
        samples.push(Sample { id, row: SAMPLES - 1 - row, labels: LabelSet::default() });
    }
    writer.finish().unwrap();
    let store = ImageStore::open(&[path]).unwrap();
    Fixture { folder, store, samples }
}

pub(crate) const STATISTICS: ChannelStatistics =
    ChannelStatistics { mean: [0.1, 0.2, 0.3, 0.4], std: [0.5, 0.25, 0.125, 0.3] };

/// Memory that a copy holds for a while: who wants to write has to wait, as with a card.
struct Late(Arc<Mutex<Vec<u8>>>, Vec<u8>);

impl Buffer for Late {
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]> {
        // The copy that is under way holds the lock.
        drop(self.0.lock().unwrap());
        Ok(&mut self.1)
    }
}

/// What arrived: the packet's bytes, and how it is laid out.
type Cargo = (Vec<u8>, Packet, bool);

struct Fake;

impl Carrier for Fake {
    type Buffer = Late;
    type Parcel = std::thread::JoinHandle<Cargo>;
    type Cargo = Cargo;

    fn buffer(&self, bytes: usize) -> TensorResult<Late> {
        Ok(Late(Arc::default(), vec![0xaa; bytes]))
    }

    fn send(&mut self, buffer: &Late, packet: &Packet, mixed: bool) -> TensorResult<Self::Parcel> {
        let (lock, bytes, packet) = (buffer.0.clone(), buffer.1.clone(), *packet);
        let (started, begun) = std::sync::mpsc::channel();
        let copy = std::thread::spawn(move || {
            let _reading = lock.lock().unwrap();
            started.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(2));
            (bytes[..packet.bytes()].to_vec(), packet, mixed)
        });
        begun.recv().unwrap();
        Ok(copy)
    }

    fn unpack(&mut self, copy: Self::Parcel) -> TensorResult<Cargo> {
        Ok(copy.join().unwrap())
    }
}

/// The kernels as a program of the processor; nothing where there is no C compiler.
fn kernels(folder: &Path) -> Option<PathBuf> {
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
            assert!(status.success(), "the kernels are no C");
            Some(program)
        }
    }
}

/// The images that the kernels make of a packet.
fn run(program: &Path, (bytes, packet, is_mixed): &Cargo, side: usize) -> Vec<f32> {
    let starts = [packet.tables_at(), packet.shown_at(), packet.places_at(), packet.shares_at()];
    let sizes = [packet.pictures, packet.views, packet.side, packet.channels];
    let words = [bytes.len()].into_iter().chain(starts).chain(sizes);
    let words = words.chain([usize::from(*is_mixed), side]).map(|word| word.to_string());
    let pipes = (Stdio::piped(), Stdio::piped());
    let mut child =
        Command::new(program).args(words).stdin(pipes.0).stdout(pipes.1).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(bytes).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Every image and target of both ways, compared to the bit.
fn compare(fixture: &Fixture, preparation: &LoaderConfig<'_>, views: usize, side: usize) {
    let Some(program) = kernels(fixture.folder.path()) else { return };
    let dataset = Dataset { store: &fixture.store, samples: &fixture.samples };
    let batches = ordered_batches(SAMPLES, 7);
    let targets = |indices: &[usize], partners: &[crate::MixupPair]| {
        let share = |at: usize| partners.get(at).map_or(1.0, |partner| partner.lambda);
        indices.iter().enumerate().flat_map(|(at, index)| [*index as f32, share(at)]).collect()
    };
    let targets = Some((&targets as super::Targets<'_>, 2));
    let order = DeviceLoaderConfig { preparation, targets, views, side, device: &Device::Cpu };
    let mut near = Vec::new();
    for_each_device_batch::<NnError>(dataset, &batches, &order, |ready| {
        near.push((ready.indices, ready.images, ready.targets.unwrap()));
        Ok(())
    })
    .unwrap();
    let mut far = Vec::new();
    ship::<_, NnError>(dataset, &batches, &order, &mut Fake, |indices, cargo| {
        far.push((indices, cargo));
        Ok(())
    })
    .unwrap();
    assert_eq!((near.len(), far.len()), (batches.len(), batches.len()));
    for ((indices, images, targets), (others, cargo)) in near.iter().zip(&far) {
        assert_eq!(indices, others, "the order is kept");
        let images: Vec<f32> = images.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(images, run(&program, cargo, side));
        let targets: Vec<f32> = targets.flatten_all().unwrap().to_vec1().unwrap();
        let bytes = &cargo.0[cargo.1.targets_at()..][..targets.len() * 4];
        assert_eq!(targets.map_bytes(), bytes);
    }
}

trait MapBytes {
    fn map_bytes(&self) -> Vec<u8>;
}

impl MapBytes for Vec<f32> {
    fn map_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

const EVERYTHING: Augmentation = Augmentation {
    d4: true,
    rotate_degrees: 20.0,
    zoom: 1.4,
    lighting: 0.3,
    probability: 0.75,
    crop_area: 0.5,
    crop_aspect: 4.0 / 3.0,
    gain: 0.2,
    cutout_holes: 2,
    cutout_side: 0.25,
    mixup: 0.4,
};

#[test]
fn a_card_shows_the_training_samples_that_the_processor_shows() {
    let fixture = fixture();
    for (augmentation, side) in [
        (Augmentation::NONE, SIDE),
        (Augmentation { d4: true, ..Augmentation::NONE }, SIDE),
        (EVERYTHING, SIDE),
        (EVERYTHING, 17),
    ] {
        let seed = Seed::new(3);
        let view = |index: usize| vec![augmentation.draw(seed, 2, &fixture.samples[index].id, 0)];
        let mixup = augmentation.mixing(seed, 2);
        let (views, statistics) = (&view as &(dyn Fn(usize) -> _ + Sync), STATISTICS);
        compare(&fixture, &LoaderConfig { views, statistics, workers: 2, mixup }, 1, side);
    }
}

#[test]
fn a_card_looks_at_test_samples_in_the_same_ways() {
    let fixture = fixture();
    for mode in ["none", "d4", "crops:5"] {
        let views = mode.parse::<TestTimeAugmentation>().unwrap().views();
        let all = |_| views.clone();
        let preparation =
            LoaderConfig { views: &all, statistics: STATISTICS, workers: 2, mixup: None };
        compare(&fixture, &preparation, views.len(), SIDE);
    }
}

#[test]
fn an_error_ends_the_way_at_once() {
    let fixture = fixture();
    let dataset = Dataset { store: &fixture.store, samples: &fixture.samples };
    let view = |_| TestTimeAugmentation::None.views();
    let preparation =
        LoaderConfig { views: &view, statistics: STATISTICS, workers: 2, mixup: None };
    let order = DeviceLoaderConfig {
        preparation: &preparation,
        targets: None,
        views: 1,
        side: SIDE,
        device: &Device::Cpu,
    };
    let (batches, mut seen) = (ordered_batches(SAMPLES, 2), 0);
    let outcome = ship(dataset, &batches, &order, &mut Fake, |_, _| {
        seen += 1;
        if seen == 3 { Err(NnError::TooFewSamples(3)) } else { Ok(()) }
    });
    assert!(matches!(outcome, Err(NnError::TooFewSamples(3))));
    assert_eq!(seen, 3);
    ship::<_, NnError>(dataset, &[], &order, &mut Fake, |_, _| panic!("there is no batch"))
        .unwrap();
}
