//! Whole shards: rows, order, hashes, what is refused and what is left out.

use std::fs;
use std::path::{Path, PathBuf};

use hpa_artifacts::{ImageStore, atomic};
use hpa_core::{Channel, SampleId};
use hpa_preprocess::{Config, Outcome, Resampling, Shard, ShardJob, write_shard};

/// A folder of small pictures, four per sample.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with_samples(count: usize, side: u32) -> (Self, Vec<SampleId>) {
        let folder = Self(tempfile::tempdir().expect("a temporary folder works"));
        let ids: Vec<SampleId> = (0..count)
            .map(|n| format!("s{n:03}").parse().expect("a temporary folder works"))
            .collect();
        for (number, id) in ids.iter().enumerate() {
            for channel in Channel::ALL {
                folder.draw(&format!("{id}_{channel}.png"), side, number * 4 + channel.index());
            }
        }
        (folder, ids)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        atomic::write_bytes(&self.path(name), bytes).expect("a temporary folder works");
    }

    fn draw(&self, name: &str, side: u32, seed: usize) {
        self.put(name, &png(side, side, seed));
    }

    fn write(&self, ids: &[SampleId], config: &Config, skip: bool) -> anyhow::Result<Outcome> {
        let job = ShardJob { ids, folders: &[self.0.path().to_owned()], config, skip };
        write_shard(job, &self.path("out.parquet"), |_| {})
    }

    fn refusal(&self, ids: &[SampleId]) -> String {
        let message =
            format!("{:#}", self.write(ids, &config(16), false).expect_err("should be refused"));
        assert!(!self.path("out.parquet").exists(), "something was written: {message}");
        let left = fs::read_dir(self.0.path()).expect("a temporary folder works");
        assert!(
            left.map(|e| e.expect("a temporary folder works").file_name())
                .all(|n| !n.to_string_lossy().contains("partial"))
        );
        message
    }
}

fn level(seed: usize, place: usize) -> u8 {
    u8::try_from((place * (seed + 3) / 5 + place * place / 11 * (seed % 4)) % 256)
        .expect("a temporary folder works")
}

/// A grey PNG whose levels depend on `seed`.
fn png(width: u32, height: u32, seed: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let levels: Vec<u8> = (0..(width * height) as usize).map(|place| level(seed, place)).collect();
    encoder
        .write_header()
        .expect("a temporary folder works")
        .write_image_data(&levels)
        .expect("a temporary folder works");
    bytes
}

fn config(size_px: usize) -> Config {
    Config {
        size_px,
        shard: "0/1".parse().expect("a temporary folder works"),
        filter: Resampling::Area,
        files: "{id}_{channel}".parse().expect("a temporary folder works"),
        rgb_channel: false,
        by_content: false,
        max_side_px: 4096,
    }
}

#[test]
fn a_shard_holds_the_pixels_in_the_order_of_the_table() {
    let (folder, mut ids) = Folder::with_samples(5, 16);
    ids.reverse();
    let outcome = folder.write(&ids, &config(16), false).unwrap();
    assert_eq!((outcome.written, outcome.upscaled), (5, 0));
    let store = ImageStore::open(&[folder.path("out.parquet")]).unwrap();
    assert_eq!((store.ids(), store.size_px()), (&ids[..], 16));
    let pixels = store.read_pixels(&[1]).unwrap();
    let expected: Vec<u8> = (0..4)
        .flat_map(|channel| (0..256).map(move |place| level(3 * 4 + channel, place)))
        .collect();
    assert_eq!(pixels, expected);
    let summary = &store.summaries().unwrap()[1];
    assert_eq!((summary.height, summary.width), (16, 16));
    assert_eq!(summary.digest, *blake3::hash(&expected).as_bytes());
    assert!(summary.phash.iter().all(|&hash| hash != 0));
}

#[test]
fn threads_leave_no_trace() {
    // More than two chunks; links, because files that are synced one by one take seconds.
    let (folder, drawn) = Folder::with_samples(3, 8);
    let ids: Vec<SampleId> = (0..300).map(|n| format!("link{n}").parse().unwrap()).collect();
    for (number, id) in ids.iter().enumerate() {
        for channel in Channel::ALL {
            let target = folder.path(&format!("{}_{channel}.png", drawn[number % 3]));
            let link = folder.path(&format!("{id}_{channel}.png"));
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| folder.write(&ids, &config(8), false)).unwrap();
        fs::read(folder.path("out.parquet")).unwrap()
    };
    let one = bytes(1);
    assert!(one == bytes(2) && one == bytes(5));
}

#[test]
fn the_shards_together_are_the_whole() {
    let (folder, ids) = Folder::with_samples(40, 8);
    let mut seen = Vec::new();
    for index in 0..3 {
        let shard: Shard = format!("{index}/3").parse().unwrap();
        let own: Vec<SampleId> = ids.iter().filter(|id| shard.contains(id)).cloned().collect();
        folder.write(&own, &Config { shard, ..config(8) }, false).unwrap();
        seen.extend(ImageStore::open(&[folder.path("out.parquet")]).unwrap().ids().to_vec());
    }
    seen.sort();
    assert_eq!(seen, ids);
}

#[test]
fn samples_of_differing_size_become_one_size() {
    let (folder, ids) = Folder::with_samples(2, 32);
    for channel in Channel::ALL {
        folder.draw(&format!("s001_{channel}.png"), 8, 1);
    }
    let outcome = folder.write(&ids, &config(16), false).unwrap();
    assert_eq!((outcome.written, outcome.upscaled), (2, 1));
    let summaries = ImageStore::open(&[folder.path("out.parquet")]).unwrap().summaries().unwrap();
    assert_eq!((summaries[0].width, summaries[1].width), (32, 8));
}

#[test]
fn missing_files_are_listed_up_to_twenty_samples() {
    let (folder, ids) = Folder::with_samples(25, 8);
    for id in &ids {
        fs::remove_file(folder.path(&format!("{id}_blue.png"))).unwrap();
    }
    let message = folder.refusal(&ids);
    assert!(message.contains("25 samples cannot be read"), "{message}");
    assert!(message.contains("sample s000: there is no s000_blue.png"), "{message}");
    assert_eq!(message.matches("there is no").count(), 20);
    assert!(message.contains("--out-skipped"), "{message}");
}

#[test]
fn broken_pictures_name_sample_and_file() {
    let (folder, ids) = Folder::with_samples(3, 16);
    let whole = png(16, 16, 7);
    let truncated = &whole[..whole.len() - 20];
    let jpeg = [0xff, 0xd8, 0xff, 0xe0];
    for (bytes, words) in [
        (truncated, "s001_green.png: the PNG is truncated"),
        (&[][..], "s001_green.png: the file is empty"),
        (b"GIF89a", "neither PNG nor JPEG nor TIFF"),
        (&jpeg, "s001_green.png is a JPEG by its content and a PNG by its name"),
        (&png(16, 15, 1), "s001_green.png has 16x15 pixels: expected a square"),
        (&png(8, 8, 1), "s001_green.png has 8 px a side, the sample's red channel has 16"),
    ] {
        folder.put("s001_green.png", bytes);
        let message = folder.refusal(&ids);
        assert!(message.contains("sample s001: ") && message.contains(words), "{message}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let (folder, ids) = Folder::with_samples(1, 16);
    let path = folder.path("s000_red.png");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(folder.refusal(&ids).contains("s000_red.png is not a regular file"));
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    assert!(folder.refusal(&ids).contains("s000_red.png cannot be read"));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert!(folder.refusal(&ids).contains("s000_red.png is not a regular file"));
}

#[test]
fn samples_that_cannot_be_read_are_left_out_when_asked() {
    let (folder, ids) = Folder::with_samples(4, 16);
    folder.put("s001_red.png", b"\x89PNG");
    fs::remove_file(folder.path("s003_yellow.png")).unwrap();
    let outcome = folder.write(&ids, &config(16), true).unwrap();
    let store = ImageStore::open(&[folder.path("out.parquet")]).unwrap();
    assert_eq!(store.ids(), [ids[0].clone(), ids[2].clone()]);
    let table = String::from_utf8(outcome.skipped.to_csv()).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "Id,Reason");
    assert!(lines[1].starts_with("s001,s001_red.png: the PNG signature is damaged"), "{table}");
    assert!(lines[2].starts_with("s003,there is no s003_yellow.png"), "{table}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let config = config(16);
    let folders = ["no/such".into()];
    let job = ShardJob { ids: &[], folders: &folders, config: &config, skip: true };
    let error = write_shard(job, Path::new("never.parquet"), |_| {}).unwrap_err();
    assert!(format!("{error:#}").contains("no/such"), "{error:#}");
}

#[test]
fn another_shards_new_samples_do_not_change_this_one() {
    let (folder, ids) = Folder::with_samples(12, 8);
    assert!(!folder.write(&ids[..6], &config(8), false).unwrap().up_to_date);
    let first = fs::read(folder.path("out.parquet")).unwrap();
    fs::remove_file(folder.path("out.parquet")).unwrap();
    folder.write(&ids[..6], &config(8), false).unwrap();
    assert!(first == fs::read(folder.path("out.parquet")).unwrap());
    assert!(!folder.write(&ids[..7], &config(8), false).unwrap().up_to_date);
    assert!(first != fs::read(folder.path("out.parquet")).unwrap());
}
