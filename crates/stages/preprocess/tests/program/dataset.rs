//! A temporary data set and runs of the program on it.

use std::ops::Deref;

use hpa_artifacts::ImageStore;
use hpa_core::Channel;
use hpa_tests::{TestCommand, TestDir};

/// Ends a program that hangs or takes more than 1 GiB of address space.
const LIMITS: &str = "ulimit -v 1048576; exec timeout 20 \"$@\"";

/// A folder with image files and `table.csv`; shards go to `out.parquet`.
pub(crate) struct Dataset(TestDir);

impl Deref for Dataset {
    type Target = TestDir;
    fn deref(&self) -> &TestDir {
        &self.0
    }
}

impl Dataset {
    pub(crate) fn empty() -> Self {
        Self(TestDir::new())
    }

    /// Samples with images of `side × side` pixels and the table that lists them.
    pub(crate) fn new(ids: &[&str], side: u32) -> Self {
        let dataset = Self::empty();
        dataset.write_table("Target", ids);
        for (seed, id) in ids.iter().enumerate() {
            dataset.write_sample(id, side, seed);
        }
        dataset
    }

    pub(crate) fn write_table(&self, column: &str, ids: &[&str]) {
        self.write("table.csv", format!("Id,{column}\n{},1\n", ids.join(",1\n")));
    }

    pub(crate) fn write_sample(&self, id: &str, side: u32, seed: usize) {
        for channel in Channel::ALL {
            let image = grey_png(side, seed * Channel::COUNT + channel.index());
            self.write(&format!("{id}_{channel}.png"), image);
        }
    }

    /// The program with these flags, on the table and the folder.
    pub(crate) fn preprocess(&self, flags: &str) -> TestCommand {
        self.preprocess_only(&format!("--csv table.csv --images . {flags}"))
    }

    /// The program with these flags.
    pub(crate) fn preprocess_only(&self, flags: &str) -> TestCommand {
        self.program("bash")
            .args(["-c", LIMITS, "-", env!("CARGO_BIN_EXE_hpa-preprocess")])
            .words("--out out.parquet --threads 2")
            .words(flags)
    }

    /// The message of a run that must fail with status 1 and leave no output.
    #[track_caller]
    pub(crate) fn refusal(&self, flags: &str) -> String {
        let message = self.preprocess(flags).fails(1);
        assert!(message.starts_with("error: ") && !message.contains("panicked"), "{message}");
        assert!(message.len() < 10_000, "a message of {} bytes", message.len());
        self.assert_no_output();
        message
    }

    #[track_caller]
    pub(crate) fn assert_no_output(&self) {
        for entry in std::fs::read_dir(self.root()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name != "out.parquet" && !name.contains("partial"), "{name} was left");
        }
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn store(&self) -> ImageStore {
        ImageStore::open(&[self.path("out.parquet")]).unwrap()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.store().ids().iter().map(ToString::to_string).collect()
    }
}

/// The grey level of a pixel in the image of this seed.
pub(crate) fn level(seed: usize, pixel: usize) -> u8 {
    u8::try_from((pixel * (seed + 3) / 5 + pixel * pixel / 11 * (seed % 4)) % 256).unwrap()
}

/// A grey PNG whose levels depend on `seed`.
pub(crate) fn grey_png(side: u32, seed: usize) -> Vec<u8> {
    let levels: Vec<u8> = (0..(side * side) as usize).map(|pixel| level(seed, pixel)).collect();
    encode_png(png::ColorType::Grayscale, side, side, &levels)
}

pub(crate) fn encode_png(
    color: png::ColorType,
    width: u32,
    height: u32,
    samples: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(samples).unwrap();
    bytes
}
