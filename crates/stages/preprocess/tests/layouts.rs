//! Layouts that people have: plates, pictures of one colour, names that lie.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::{Command, Output};

use hpa_artifacts::{ImageStore, atomic};
use hpa_core::Channel;

struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        atomic::write_bytes(&self.path(name), bytes).unwrap();
    }

    /// Runs with these settings in the TOML.
    fn run(&self, toml: &str) -> Output {
        self.run_with(toml, "--csv table.csv --images .")
    }

    fn run_with(&self, toml: &str, flags: &str) -> Output {
        self.put("preprocess.toml", toml.as_bytes());
        Command::new(env!("CARGO_BIN_EXE_hpa-preprocess"))
            .args("--config preprocess.toml --out out.parquet".split(' '))
            .args(flags.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn pixels(&self, toml: &str) -> Vec<u8> {
        let output = self.run(toml);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ImageStore::open(&[self.path("out.parquet")]).unwrap().read_pixels(&[0]).unwrap()
    }

    fn refusal(&self, toml: &str) -> String {
        let output = self.run(toml);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

fn png(colour: png::ColorType, pixel: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(&pixel.repeat(16)).unwrap();
    bytes
}

/// A sample of version 18 of the Atlas, in its plate's folder.
fn plate() -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.put("table.csv", b"Id,Target\n10580_1610_C1_1,13 25\n");
    for (channel, pixel) in
        Channel::ALL.into_iter().zip([[90, 0, 0], [0, 80, 0], [0, 0, 70], [60, 61, 0]])
    {
        let name = format!("10580/10580_1610_C1_1_{channel}.png");
        folder.put(&name, &png(png::ColorType::Rgb, &pixel));
    }
    folder
}

#[test]
fn plates_of_pictures_of_rgb_channel_are_read_when_the_settings_say_so() {
    let folder = plate();
    let files = "size_px = 4\nfiles = \"{part1}/{id}_{channel}\"\n";
    let pixels = folder.pixels(&format!("{files}rgb_channel = true\n"));
    let expected: Vec<u8> = [90, 80, 70, 61].iter().flat_map(|&level| [level; 16]).collect();
    assert_eq!(pixels, expected);
    std::fs::remove_file(folder.path("out.parquet")).unwrap();
    assert!(
        folder.refusal(files).contains("`rgb_channel = true` extracts the channel's own colour")
    );
    assert!(folder.refusal("size_px = 4\nrgb_channel = true\n").contains("there is no 10580_1610"));
    // The blue picture under the red channel's name.
    let blue = std::fs::read(folder.path("10580/10580_1610_C1_1_blue.png")).unwrap();
    folder.put("10580/10580_1610_C1_1_red.png", &blue);
    let message = folder.refusal(&format!("{files}rgb_channel = true\n"));
    assert!(message.contains("red channel that is brighter in another colour"), "{message}");
}

#[test]
fn a_name_that_lies_is_refused_or_read_by_content_when_the_settings_say_so() {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.put("table.csv", b"Id,Predicted\na,\n");
    for (channel, level) in Channel::ALL.into_iter().zip([9, 8, 7, 6]) {
        folder.put(&format!("a_{channel}.jpg"), &png(png::ColorType::Grayscale, &[level]));
    }
    let message = folder.refusal("size_px = 2\n");
    let words = "a_red.jpg is a PNG by its content and a JPEG by its name";
    assert!(message.contains(words) && message.contains("by_content = true"), "{message}");
    let pixels = folder.pixels("size_px = 2\nby_content = true\n");
    assert_eq!(pixels, [9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6]);
}

/// A sample of one level in a folder of its own, with a table that names it.
fn grey(folder: &Folder, part: &str, id: &str, level: u8) {
    folder.put(&format!("{part}/table.csv"), format!("Id,Target\n{id},0\n").as_bytes());
    for channel in Channel::ALL {
        let name = format!("{part}/{id}_{channel}.png");
        folder.put(&name, &png(png::ColorType::Grayscale, &[level]));
    }
}

#[test]
fn external_pictures_lie_in_folders_of_their_own() {
    let folder = Folder(tempfile::tempdir().unwrap());
    grey(&folder, "own", "a", 5);
    grey(&folder, "other", "b", 6);
    let flags = "--csv own/table.csv --csv other/table.csv --images own --images other";
    let output = folder.run_with("size_px = 2\n", flags);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let store = ImageStore::open(&[folder.path("out.parquet")]).unwrap();
    assert_eq!(store.read_pixels(&[0, 1]).unwrap(), [[5; 16], [6; 16]].concat());
    // The order of the folders decides nothing.
    let before = std::fs::read(folder.path("out.parquet")).unwrap();
    std::fs::remove_file(folder.path("out.parquet")).unwrap();
    let turned = "--csv own/table.csv other/table.csv --images other own";
    assert!(folder.run_with("size_px = 2\n", turned).status.success());
    assert_eq!(std::fs::read(folder.path("out.parquet")).unwrap(), before);
}

#[test]
fn a_sample_in_two_folders_is_refused_and_both_are_named() {
    let folder = Folder(tempfile::tempdir().unwrap());
    grey(&folder, "own", "a", 5);
    grey(&folder, "other", "a", 5);
    let refusal = |flags: &str| {
        let output = folder.run_with("size_px = 2\n", &format!("--csv own/table.csv {flags}"));
        assert_eq!(output.status.code(), Some(1));
        assert!(!folder.path("out.parquet").exists());
        String::from_utf8(output.stderr).unwrap()
    };
    let message = refusal("--images own other");
    assert!(message.contains("in the folders 1 own, 2 other: sample a:"), "{message}");
    let both = "a_red.png is in folder 1 of `--images` and a_red.png in folder 2";
    assert!(message.contains(both), "{message}");
    std::fs::rename(folder.path("own/a_blue.png"), folder.path("blue.png")).unwrap();
    std::fs::rename(folder.path("other/a_red.png"), folder.path("red.png")).unwrap();
    for channel in ["green", "yellow"] {
        std::fs::remove_file(folder.path(&format!("other/a_{channel}.png"))).unwrap();
    }
    folder.put("other/a_blue.png", b"no picture");
    let message = refusal("--images own other");
    assert!(message.contains("sample a: a_blue.png of folder 2: neither PNG"), "{message}");
    grey(&folder, "other", "a", 5);
    std::fs::rename(folder.path("blue.png"), folder.path("own/a_blue.png")).unwrap();
    // Another extension is no other sample.
    std::fs::rename(folder.path("other/a_red.png"), folder.path("other/a_red.tif")).unwrap();
    let message = refusal("--images other own");
    let both = "a_red.tif is in folder 1 of `--images` and a_red.png in folder 2";
    assert!(message.contains(both), "{message}");
    let message = refusal("--images own own/../own");
    assert!(message.contains("lists the folder own/../own twice"), "{message}");
    assert!(refusal("--images own none").contains("cannot open the image folder none"));
}
