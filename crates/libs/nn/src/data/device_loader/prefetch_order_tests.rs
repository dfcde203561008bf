//! In which order a carrier is asked to copy and to unpack: what overlaps on a card hangs on it.

use super::DeviceLoaderConfig;
use super::kernel_tests::{STATISTICS, fixture};
use super::prefetch::{Buffer, Carrier, ship};
use crate::data::dataset::ordered_batches;
use crate::{Dataset, LoaderConfig, NnError, TestTimeAugmentation};
use candle_core::{Device, Result as TensorResult};
use hpa_ops::upload::Packet;
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const BATCHES: usize = 12;
/// As `prefetch.rs` has them.
const PACKERS: usize = 2;
const BUFFERS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    /// A packer begins its next batch: those before it have been handed over.
    Packs(usize),
    Sends(usize),
    Unpacks(usize),
    Consumes(usize),
}

/// What has been called so far.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<Call>>>);

impl Diary {
    fn enter(&self, call: Call) {
        self.0.lock().unwrap().push(call);
    }

    fn count(&self, call: Call) -> usize {
        self.0.lock().unwrap().iter().filter(|other| **other == call).count()
    }

    fn wait(&self, call: Call, count: usize) {
        let begin = Instant::now();
        while self.count(call) < count {
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "{call:?} does not come {count} times"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn place(&self, call: Call) -> usize {
        let calls = self.0.lock().unwrap();
        calls.iter().position(|other| *other == call).unwrap_or_else(|| panic!("no {call:?}"))
    }
}

/// Memory of a packer that writes into the diary; it may not begin before this call.
struct Page {
    packer: usize,
    after: Option<Call>,
    diary: Diary,
    bytes: Vec<u8>,
}

impl Buffer for Page {
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]> {
        self.diary.enter(Call::Packs(self.packer));
        if let Some(call) = self.after {
            self.diary.wait(call, 1);
        }
        Ok(&mut self.bytes)
    }
}

/// Carries nothing: a batch's number stands for it.
#[derive(Default)]
struct Clerk {
    diary: Diary,
    /// What the second packer waits for.
    after: Option<Call>,
    buffers: Cell<usize>,
    sent: usize,
}

impl Carrier for Clerk {
    type Buffer = Page;
    type Parcel = usize;
    type Cargo = usize;

    fn buffer(&self, bytes: usize) -> TensorResult<Page> {
        let packer = self.buffers.replace(self.buffers.get() + 1) / BUFFERS;
        let after = self.after.filter(|_| packer == 1);
        Ok(Page { packer, after, diary: self.diary.clone(), bytes: vec![0; bytes] })
    }

    fn send(&mut self, _: &Page, _: &Packet, _: bool) -> TensorResult<usize> {
        let number = self.sent;
        self.sent += 1;
        self.diary.enter(Call::Sends(number));
        Ok(number)
    }

    fn unpack(&mut self, number: usize) -> TensorResult<usize> {
        self.diary.enter(Call::Unpacks(number));
        Ok(number)
    }
}

/// Ships all batches; `consume` hears each one's number.
fn shipped(clerk: &mut Clerk, consume: impl Fn(usize)) {
    let fixture = fixture();
    let dataset = Dataset { store: &fixture.store, samples: &fixture.samples[..BATCHES] };
    let view = |_| TestTimeAugmentation::None.views();
    let preparation =
        LoaderConfig { views: &view, statistics: STATISTICS, workers: 2, mixup: None };
    let side = fixture.store.size_px();
    let (targets, views, device) = (None, 1, &Device::Cpu);
    let order = DeviceLoaderConfig { preparation: &preparation, targets, views, side, device };
    let batches = ordered_batches(BATCHES, 1);
    ship::<_, NnError>(dataset, &batches, &order, clerk, |indices, number| {
        assert_eq!(indices, [number]);
        consume(number);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_packed_batch_is_sent_before_the_one_before_it_is_unpacked() {
    let mut clerk = Clerk::default();
    let diary = clerk.diary.clone();
    shipped(&mut clerk, |number| {
        diary.enter(Call::Consumes(number));
        // The packer of the batch after the next has handed that over when it begins another.
        if number + 2 * PACKERS < BATCHES {
            diary.wait(Call::Packs(number % PACKERS), number / PACKERS + 3);
        }
    });
    for number in 0..BATCHES {
        let [sent, unpacked, consumed] =
            [Call::Sends, Call::Unpacks, Call::Consumes].map(|call| diary.place(call(number)));
        assert!(sent < unpacked && unpacked < consumed, "batch {number}");
        if number + 1 < BATCHES {
            let next = diary.place(Call::Unpacks(number + 1));
            assert!(consumed < next, "batch {number} waits for the copy of the next one");
        }
        if number + 2 < BATCHES {
            let ahead = diary.place(Call::Sends(number + 2));
            assert!(consumed < ahead, "two batches are ahead of {number}");
            if number + 2 * PACKERS < BATCHES {
                let next = diary.place(Call::Unpacks(number + 1));
                assert!(ahead < next, "batch {} is copied late", number + 2);
            }
        }
    }
}

#[test]
fn a_batch_that_is_not_packed_yet_holds_up_nobody() {
    let mut clerk = Clerk { after: Some(Call::Consumes(0)), ..Clerk::default() };
    let diary = clerk.diary.clone();
    shipped(&mut clerk, |number| diary.enter(Call::Consumes(number)));
    assert!(diary.place(Call::Consumes(0)) < diary.place(Call::Sends(1)));
    assert_eq!(diary.count(Call::Packs(0)) + diary.count(Call::Packs(1)), BATCHES);
}
