//! The order in which copies and transforms are enqueued, on which their overlap on a GPU depends.

use super::DeviceLoaderConfig;
use super::prefetch::{BUFFERS, HostBuffer, Uploader, WORKERS, prefetch};
use crate::data::dataset::ordered_batches;
use crate::data::testing::{STATISTICS, fixture};
use crate::{Dataset, LoaderConfig, NnError, TestTimeAugmentation};
use candle_core::{Device, Result as TensorResult};
use hpa_ops::upload::BatchRequest;
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const BATCHES: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// This worker starts to pack its next batch: those before it are in its queue.
    Pack(usize),
    Start(usize),
    Finish(usize),
    Consume(usize),
}

/// The events so far.
#[derive(Clone, Default)]
struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn count(&self, event: Event) -> usize {
        self.0.lock().unwrap().iter().filter(|other| **other == event).count()
    }

    fn wait_for(&self, event: Event, count: usize) {
        let start = Instant::now();
        while self.count(event) < count {
            let waited = start.elapsed();
            assert!(waited < Duration::from_mins(1), "no {event:?} for the {count}th time");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn position(&self, event: Event) -> usize {
        let events = self.0.lock().unwrap();
        events.iter().position(|other| *other == event).unwrap_or_else(|| panic!("no {event:?}"))
    }
}

/// A buffer that logs when its worker starts to pack, after this event.
struct LoggedBuffer {
    worker: usize,
    after: Option<Event>,
    log: EventLog,
    bytes: Vec<u8>,
}

impl HostBuffer for LoggedBuffer {
    fn bytes_mut(&mut self) -> TensorResult<&mut [u8]> {
        self.log.push(Event::Pack(self.worker));
        if let Some(event) = self.after {
            self.log.wait_for(event, 1);
        }
        Ok(&mut self.bytes)
    }
}

/// Copies nothing; a batch is represented by its number.
#[derive(Default)]
struct LoggedUploader {
    log: EventLog,
    /// The second worker packs after this event.
    after: Option<Event>,
    buffers: Cell<usize>,
    started: usize,
}

impl Uploader for LoggedUploader {
    type Buffer = LoggedBuffer;
    type Transfer = usize;
    type Output = usize;

    fn buffer(&self, bytes: usize) -> TensorResult<LoggedBuffer> {
        let worker = self.buffers.replace(self.buffers.get() + 1) / BUFFERS;
        let after = self.after.filter(|_| worker == 1);
        Ok(LoggedBuffer { worker, after, log: self.log.clone(), bytes: vec![0; bytes] })
    }

    fn start(&mut self, _: &LoggedBuffer, _: &BatchRequest) -> TensorResult<usize> {
        let number = self.started;
        self.started += 1;
        self.log.push(Event::Start(number));
        Ok(number)
    }

    fn finish(&mut self, indices: Vec<usize>, number: usize) -> TensorResult<usize> {
        assert_eq!(indices, [number]);
        self.log.push(Event::Finish(number));
        Ok(number)
    }
}

/// Prefetches batches of one sample.
fn run(
    uploader: &mut LoggedUploader,
    batches: usize,
    consume: impl FnMut(usize) -> Result<(), NnError>,
) -> Result<(), NnError> {
    let fixture = fixture();
    let dataset = Dataset { store: &fixture.store, samples: &fixture.samples[..BATCHES] };
    let views = |_| TestTimeAugmentation::None.views();
    let loader =
        LoaderConfig { transforms: &views, statistics: STATISTICS, workers: 2, mixup: None };
    let config = DeviceLoaderConfig {
        loader: &loader,
        targets: None,
        views: 1,
        side_px: fixture.store.size_px(),
        device: &Device::Cpu,
    };
    prefetch(dataset, &ordered_batches(batches, 1), &config, uploader, consume)
}

#[test]
fn a_packed_batch_is_copied_before_the_previous_one_is_transformed() {
    let mut uploader = LoggedUploader::default();
    let log = uploader.log.clone();
    run(&mut uploader, BATCHES, |number| {
        log.push(Event::Consume(number));
        // The worker of the batch after the next has queued it when it starts another.
        if number + 2 * WORKERS < BATCHES {
            log.wait_for(Event::Pack(number % WORKERS), number / WORKERS + 3);
        }
        Ok(())
    })
    .unwrap();
    for number in 0..BATCHES {
        let [started, finished, consumed] =
            [Event::Start, Event::Finish, Event::Consume].map(|event| log.position(event(number)));
        assert!(started < finished && finished < consumed, "batch {number}");
        if number + 1 < BATCHES {
            let next = log.position(Event::Finish(number + 1));
            assert!(consumed < next, "batch {number} waits for the copy of the next one");
        }
        if number + 2 < BATCHES {
            let ahead = log.position(Event::Start(number + 2));
            assert!(consumed < ahead, "two batches are ahead of {number}");
            if number + 2 * WORKERS < BATCHES {
                let next = log.position(Event::Finish(number + 1));
                assert!(ahead < next, "batch {} is copied late", number + 2);
            }
        }
    }
}

#[test]
fn a_batch_that_is_not_packed_yet_does_not_delay_the_previous_one() {
    let after = Some(Event::Consume(0));
    let mut uploader = LoggedUploader { after, ..LoggedUploader::default() };
    let log = uploader.log.clone();
    run(&mut uploader, BATCHES, |number| {
        log.push(Event::Consume(number));
        Ok(())
    })
    .unwrap();
    assert!(log.position(Event::Consume(0)) < log.position(Event::Start(1)));
    assert_eq!(log.count(Event::Pack(0)) + log.count(Event::Pack(1)), BATCHES);
}

#[test]
fn an_error_of_the_consumer_stops_the_workers() {
    let mut consumed = 0;
    let outcome = run(&mut LoggedUploader::default(), BATCHES, |_| {
        consumed += 1;
        if consumed == 3 { Err(NnError::TooFewSamples(3)) } else { Ok(()) }
    });
    assert!(matches!(outcome, Err(NnError::TooFewSamples(3))));
    assert_eq!(consumed, 3);
    run(&mut LoggedUploader::default(), 0, |_| panic!("there is no batch")).unwrap();
}
