//! Invalid and huge images: refused with sample, file and reason, within 1 GiB of memory.
//! What else the decoder refuses is tested in hpa-imaging.

use std::os::unix::fs::symlink;

use hpa_core::Channel;
use hpa_tests::RawPng;

use crate::dataset::{Dataset, grey_png};
use crate::invalid_tables::make_in_place_of;

/// Runs the program on either part, which must refuse a file of sample b with these words.
#[track_caller]
fn assert_refused(dataset: &Dataset, words: &str) {
    for column in ["Target", "Predicted"] {
        dataset.write_table(column, &["a", "b", "c"]);
        let message = dataset.refusal("--size-px 8");
        assert!(message.contains("sample b: "), "{message}");
        assert!(message.contains(words), "{words:?} is not in: {message}");
    }
}

#[test]
fn invalid_images_are_refused_in_either_part() {
    let dataset = Dataset::new(&["a", "b", "c"], 16);
    let valid = grey_png(16, 7);
    let mut wrong_crc = valid.clone();
    wrong_crc[8 + 8 + 14] ^= 0x40;
    let zeros = vec![0; 32 << 20];
    for (image, words) in [
        (Vec::new(), "the file is empty"),
        (b"GIF89a".to_vec(), "neither PNG nor JPEG nor TIFF"),
        (valid[..valid.len() / 2].to_vec(), "the PNG is truncated"),
        (wrong_crc, "PNG chunk IHDR has a wrong checksum (CRC)"),
        ([&valid[..], b"more"].concat(), "4 bytes follow the end"),
        (vec![0xff, 0xd8, 0xff, 0xe0], "is a JPEG by its content and a PNG by its name"),
        (b"II*\0\x08\0\0\0".to_vec(), "is a TIFF by its content and a PNG by its name"),
        (RawPng { color_type: 2, ..RawPng::grey(16, 8, &[0; 16 * 49]) }.encode(), "rgb_channel"),
        (RawPng { height: 15, ..RawPng::grey(16, 8, &[0; 17 * 15]) }.encode(), "expected a square"),
        (grey_png(8, 1), "has 8 px a side, the sample's red channel has 16"),
        (RawPng::grey(0, 8, &[]).encode(), "0x0 pixels"),
        // Decompression bombs: in the header, in the stream, in both.
        (RawPng::grey(50_000, 8, &[0; 64]).encode(), "max_side_px"),
        (RawPng::grey(16, 8, &zeros).encode(), "more pixel data"),
        (RawPng::grey(20_000, 8, &zeros).encode(), "max_side_px"),
    ] {
        dataset.write("b_green.png", image);
        assert_refused(&dataset, "b_green.png");
        assert_refused(&dataset, words);
    }
}

#[test]
fn an_image_that_is_not_a_regular_file_is_refused_without_opening_it() {
    let dataset = Dataset::new(&["a", "b", "c"], 16);
    for (make, words) in [
        ("true", "there is no b_green.png"),
        ("mkdir $1", "b_green.png is not a regular file"),
        ("mkfifo $1", "b_green.png is not a regular file"),
        ("ln -s /dev/zero $1", "b_green.png is not a regular file"),
        ("ln -s b_green.png $1", "b_green.png cannot be read"),
        ("ln -s nowhere $1", "there is no b_green.png"),
        // Can be opened, but its first byte cannot be read, even by root.
        ("ln -s /proc/self/mem $1", "b_green.png cannot be read"),
    ] {
        make_in_place_of(&dataset, "b_green.png", make);
        assert_refused(&dataset, words);
    }
}

#[test]
fn missing_files_of_up_to_twenty_samples_are_listed() {
    let ids: Vec<String> = (0..25).map(|n| format!("s{n:03}")).collect();
    let dataset = Dataset::empty();
    dataset.write_table("Target", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let message = dataset.refusal("--size-px 8");
    assert!(message.contains("25 samples cannot be read"), "{message}");
    assert!(message.contains("sample s000: there is no s000_red.png"), "{message}");
    assert_eq!(message.matches("there is no").count(), 20);
    assert!(message.contains("--out-skipped"), "{message}");
}

#[test]
fn the_largest_images_fit_into_a_gibibyte() {
    let dataset = Dataset::empty();
    dataset.write_table("Target", &["a", "b", "c"]);
    let row = [&[0][..], &[7; 2 * 4096]].concat();
    dataset.write("large.png", RawPng::grey(4096, 16, &row.repeat(4096)).encode());
    for id in ["a", "b", "c"] {
        for channel in Channel::ALL {
            symlink("large.png", dataset.path(&format!("{id}_{channel}.png"))).unwrap();
        }
    }
    dataset.preprocess("--size-px 8").succeeds();
}
