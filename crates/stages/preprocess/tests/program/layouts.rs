//! File layouts: plate folders, RGB images, wrong extensions, several folders.

use hpa_core::Channel;

use crate::dataset::{Dataset, encode_png};

fn constant_png(color: png::ColorType, pixel: &[u8]) -> Vec<u8> {
    encode_png(color, 4, 4, &pixel.repeat(16))
}

impl Dataset {
    fn write_config(&self, toml: &str) {
        self.write("preprocess.toml", toml);
    }

    fn pixels(&self, toml: &str) -> Vec<u8> {
        self.write_config(toml);
        self.preprocess("--config preprocess.toml").succeeds();
        self.store().read_pixels(&[0]).unwrap()
    }

    fn refusal_with(&self, toml: &str) -> String {
        self.write_config(toml);
        self.refusal("--config preprocess.toml")
    }

    /// A sample of one grey level in a folder of its own, with a table.
    fn write_constant_sample(&self, folder: &str, id: &str, level: u8) {
        self.write(&format!("{folder}/table.csv"), format!("Id,Target\n{id},0\n"));
        for channel in Channel::ALL {
            let image = constant_png(png::ColorType::Grayscale, &[level]);
            self.write(&format!("{folder}/{id}_{channel}.png"), image);
        }
    }
}

#[test]
fn rgb_images_in_plate_folders_are_read_with_rgb_channel() {
    let dataset = Dataset::empty();
    dataset.write("table.csv", "Id,Target\n10580_1610_C1_1,13 25\n");
    let pixels = [[90, 0, 0], [0, 80, 0], [0, 0, 70], [60, 61, 0]];
    for (channel, pixel) in Channel::ALL.into_iter().zip(pixels) {
        let name = format!("10580/10580_1610_C1_1_{channel}.png");
        dataset.write(&name, constant_png(png::ColorType::Rgb, &pixel));
    }
    let files = "size_px = 4\nfiles = \"{part1}/{id}_{channel}\"\n";
    let pixels = dataset.pixels(&format!("{files}rgb_channel = true\n"));
    let expected: Vec<u8> = [90, 80, 70, 61].iter().flat_map(|&level| [level; 16]).collect();
    assert_eq!(pixels, expected);
    dataset.remove("out.parquet");
    assert!(dataset.refusal_with(files).contains("`rgb_channel = true` extracts"));
    let message = dataset.refusal_with("size_px = 4\nrgb_channel = true\n");
    assert!(message.contains("there is no 10580_1610"), "{message}");
    // The blue image under the red channel's name.
    let blue = dataset.bytes("10580/10580_1610_C1_1_blue.png");
    dataset.write("10580/10580_1610_C1_1_red.png", blue);
    let message = dataset.refusal_with(&format!("{files}rgb_channel = true\n"));
    assert!(message.contains("red channel that is brighter in another colour"), "{message}");
}

#[test]
fn a_wrong_extension_is_refused_without_by_content() {
    let dataset = Dataset::empty();
    dataset.write("table.csv", "Id,Predicted\na,\n");
    for (channel, level) in Channel::ALL.into_iter().zip([9, 8, 7, 6]) {
        let image = constant_png(png::ColorType::Grayscale, &[level]);
        dataset.write(&format!("a_{channel}.jpg"), image);
    }
    let message = dataset.refusal_with("size_px = 2\n");
    assert!(message.contains("a_red.jpg is a PNG by its content and a JPEG"), "{message}");
    assert!(message.contains("by_content = true"), "{message}");
    let pixels = dataset.pixels("size_px = 2\nby_content = true\n");
    assert_eq!(pixels, [9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6]);
}

#[test]
fn the_order_of_several_folders_does_not_matter() {
    let dataset = Dataset::empty();
    dataset.write_constant_sample("own", "a", 5);
    dataset.write_constant_sample("other", "b", 6);
    let flags = "--size-px 2 --csv own/table.csv --csv other/table.csv";
    dataset.preprocess_only(&format!("{flags} --images own --images other")).succeeds();
    let pixels = dataset.store().read_pixels(&[0, 1]).unwrap();
    assert_eq!(pixels, [[5; 16], [6; 16]].concat());
    let before = dataset.bytes("out.parquet");
    dataset.remove("out.parquet");
    dataset.preprocess_only(&format!("{flags} --images other own")).succeeds();
    assert_eq!(dataset.bytes("out.parquet"), before);
}

#[test]
fn a_file_in_two_folders_is_refused_with_both() {
    let dataset = Dataset::empty();
    dataset.write_constant_sample("own", "a", 5);
    dataset.write_constant_sample("other", "a", 5);
    let refusal = |folders: &str| {
        let flags = format!("--size-px 2 --csv own/table.csv --images {folders}");
        let message = dataset.preprocess_only(&flags).fails(1);
        dataset.assert_no_output();
        message
    };
    let message = refusal("own other");
    assert!(message.contains("in the folders 1 own, 2 other: sample a:"), "{message}");
    let both = "a_red.png is in folder 1 of `--images` and a_red.png in folder 2";
    assert!(message.contains(both), "{message}");
    // Another extension is still the same channel of the same sample.
    std::fs::rename(dataset.path("other/a_red.png"), dataset.path("other/a_red.tif")).unwrap();
    let both = "a_red.tif is in folder 1 of `--images` and a_red.png in folder 2";
    assert!(refusal("other own").contains(both));
    dataset.remove("other/a_red.tif");
    for channel in ["green", "yellow"] {
        dataset.remove(&format!("other/a_{channel}.png"));
    }
    dataset.remove("own/a_blue.png");
    dataset.write("other/a_blue.png", b"no image");
    let message = refusal("own other");
    assert!(message.contains("sample a: a_blue.png of folder 2: neither PNG"), "{message}");
    assert!(refusal("own own/../own").contains("lists the folder own/../own twice"));
    assert!(refusal("own none").contains("cannot open the image folder none"));
}
