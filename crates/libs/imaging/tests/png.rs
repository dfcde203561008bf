//! The PNG decoder against the `png` crate, and the files it refuses.

use hpa_core::Channel;
use hpa_imaging::{DecodeError, DecodeOptions, Plane, Samples, decode};
use raw_png::{RawPng, png_file};

// Included by path: depending on hpa-tests would make these tests depend on Parquet.
#[expect(unreachable_pub, reason = "public in hpa-tests")]
#[path = "../../../../tests/common/raw_png.rs"]
mod raw_png;

fn decode_default(bytes: &[u8]) -> Result<Plane, DecodeError> {
    decode(bytes, &DecodeOptions::default())
}

/// 4×4, 8 bits, levels 0 to 150.
fn small() -> RawPng {
    let row = |y: u8| [0, y * 40, y * 40 + 10, y * 40 + 20, y * 40 + 30];
    RawPng::grey(4, 8, &[0, 1, 2, 3].map(row).concat())
}

fn refusal(bytes: &[u8]) -> String {
    decode_default(bytes).expect_err("should be refused").to_string()
}

fn samples_u8(plane: &Plane) -> &[u8] {
    match plane.samples() {
        Samples::U8(samples) => samples,
        Samples::U16(_) => panic!("expected 8 bits"),
    }
}

#[test]
fn every_filter_and_bit_depth_agrees_with_the_png_crate() {
    let noise: Vec<u8> = (0..66u32 * 66).map(|v| u8::try_from(v * v / 5 % 251).unwrap()).collect();
    for bit_depth in [png::BitDepth::Eight, png::BitDepth::Sixteen] {
        for filter in [png::Filter::Sub, png::Filter::Up, png::Filter::Avg, png::Filter::Paeth] {
            let width = if bit_depth == png::BitDepth::Sixteen { 33 } else { 66 };
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, width, 66);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(bit_depth);
            encoder.set_filter(filter);
            encoder.write_header().unwrap().write_image_data(&noise).unwrap();
            let plane = decode_default(&bytes).unwrap();
            assert_eq!((plane.width(), plane.height()), (width as usize, 66));
            let decoded: Vec<u8> = match plane.samples() {
                Samples::U8(samples) => samples.clone(),
                Samples::U16(samples) => samples.iter().flat_map(|v| v.to_be_bytes()).collect(),
            };
            assert!(decoded == noise, "{bit_depth:?} {filter:?}");
        }
    }
}

#[test]
fn bit_depths_below_8_are_scaled_to_the_full_range() {
    let first_row = |bit_depth, rows: &[u8]| {
        let plane = decode_default(&RawPng::grey(4, bit_depth, rows).encode()).unwrap();
        samples_u8(&plane)[..4].to_vec()
    };
    assert_eq!(first_row(1, &[0, 0b1010_0000, 0, 0, 0, 0, 0, 0]), [255, 0, 255, 0]);
    assert_eq!(first_row(2, &[0, 0b0001_1011, 0, 0, 0, 0, 0, 0]), [0, 85, 170, 255]);
    assert_eq!(first_row(4, &[0, 0x0f, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [0, 255, 17, 136]);
}

/// The rows of the seven Adam7 passes.
fn interlaced_rows(side: usize, bit_depth: u8, level: impl Fn(usize, usize) -> u16) -> Vec<u8> {
    let byte = |level: u16| u8::try_from(level).expect("a small level");
    let mut rows = Vec::new();
    for (x0, y0, dx, dy) in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ] {
        for y in (y0..side).step_by(dy).filter(|_| x0 < side) {
            rows.push(0);
            let line: Vec<u16> = (x0..side).step_by(dx).map(|x| level(x, y)).collect();
            match bit_depth {
                16 => rows.extend(line.iter().flat_map(|v| v.to_be_bytes())),
                8 => rows.extend(line.iter().map(|&v| byte(v))),
                _ => rows.extend(
                    line.chunks(2).map(|pair| byte(pair[0] * 16 + pair.get(1).unwrap_or(&0))),
                ),
            }
        }
    }
    rows
}

#[test]
fn interlaced_images_are_deinterlaced() {
    for (bit_depth, side) in [(8u8, 1usize), (8, 3), (8, 13), (4, 5), (16, 9)] {
        let levels = if bit_depth == 4 { 16 } else { 1 << 15 };
        let level = |x: usize, y: usize| u16::try_from((x * 7 + y * 11) % levels).unwrap();
        let rows = interlaced_rows(side, bit_depth, level);
        let image = RawPng::grey(u32::try_from(side).unwrap(), bit_depth, &rows);
        let plane = decode_default(&RawPng { interlace: 1, ..image }.encode()).unwrap();
        let scale = if bit_depth == 4 { 17 } else { 1 };
        let expected: Vec<u16> =
            (0..side * side).map(|pixel| level(pixel % side, pixel / side) * scale).collect();
        let decoded = match plane.samples() {
            Samples::U8(samples) => samples.iter().map(|&v| v.into()).collect(),
            Samples::U16(samples) => samples.clone(),
        };
        assert_eq!(decoded, expected, "{bit_depth} bits, {side} px");
    }
}

#[test]
fn a_png_truncated_or_changed_at_any_byte_is_refused() {
    let valid = small().encode();
    decode_default(&valid).unwrap();
    for position in 0..valid.len() {
        assert!(decode_default(&valid[..position]).is_err(), "truncated after {position} bytes");
        for flip in [1, 0x80, 0xff] {
            let mut bytes = valid.clone();
            bytes[position] ^= flip;
            assert!(decode_default(&bytes).is_err(), "byte {position} ^ {flip}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_named() {
    let mut bytes = small().encode();
    let crc = 8 + 8 + 13;
    bytes[crc] ^= 1;
    assert_eq!(refusal(&bytes), "PNG chunk IHDR has a wrong checksum (CRC): the file is damaged");
    let mut stream = small().stream();
    *stream.last_mut().unwrap() ^= 1;
    let message = refusal(&small().encode_with_stream(&stream));
    assert!(message.contains("Adler-32"), "{message}");
}

#[test]
fn extra_and_missing_rows_and_trailing_bytes_are_refused() {
    let mut image = small();
    image.rows.extend([0; 5]);
    assert!(refusal(&image.encode()).contains("more pixel data"));
    image.rows.truncate(15);
    assert!(refusal(&image.encode()).contains("15 bytes of pixel data, its header announces 20"));
    let mut bytes = small().encode();
    bytes.extend(b"PK");
    assert_eq!(refusal(&bytes), "2 bytes follow the end of the PNG");
    for extra in 1..12 {
        let stream = [small().stream(), vec![0; extra]].concat();
        assert!(refusal(&small().encode_with_stream(&stream)).contains("more pixel data"));
    }
}

#[test]
fn a_header_with_huge_or_empty_dimensions_is_refused() {
    for side in [4097, 50_000, u32::MAX] {
        let message = refusal(&RawPng::grey(side, 8, &[0; 64]).encode());
        assert!(message.contains("max_side_px"), "{message}");
    }
    assert!(refusal(&RawPng::grey(0, 8, &[0; 64]).encode()).contains("0x0 pixels"));
}

#[test]
fn colour_palette_and_transparency_are_refused() {
    for (color_type, words) in [(2, "rgb_channel"), (3, "palette"), (4, "alpha"), (6, "alpha")] {
        let image = RawPng { color_type, rows: vec![0; 4 * 17], ..small() };
        assert!(refusal(&image.encode()).contains(words), "{color_type}");
    }
    let (header, stream) = (small().header(), small().stream());
    let transparent =
        [(b"IHDR", &header[..]), (b"tRNS", &[0, 0]), (b"IDAT", &stream), (b"IEND", &[])];
    assert!(refusal(&png_file(&transparent)).contains("transparency"));
    for (bit_depth, color_type) in [(3, 0), (1, 2), (8, 1), (0, 0)] {
        let message = refusal(&RawPng { bit_depth, color_type, ..small() }.encode());
        assert!(message.contains("header is invalid"), "{message}");
    }
}

#[test]
fn misplaced_and_unknown_chunks_are_refused() {
    let (header, stream) = (small().header(), small().stream());
    let (head, tail) = stream.split_at(5);
    let start: (&[u8; 4], &[u8]) = (b"IHDR", &header);
    let end: (&[u8; 4], &[u8]) = (b"IEND", &[]);
    let refused = |chunks: &[(&[u8; 4], &[u8])]| refusal(&png_file(chunks));
    let text: (&[u8; 4], &[u8]) = (b"tEXt", b"a");
    let split = refused(&[start, (b"IDAT", head), text, (b"IDAT", tail), end]);
    assert!(split.contains("IDAT is not beside"), "{split}");
    decode_default(&png_file(&[start, (b"IDAT", head), (b"IDAT", tail), text, end])).unwrap();
    assert!(refused(&[start, end]).contains("IDAT is missing"));
    assert!(refused(&[(b"IDAT", &stream), end]).contains("IHDR is not the first"));
    assert!(refused(&[start, start, (b"IDAT", &stream), end]).contains("IHDR is duplicated"));
    let unknown = refused(&[start, (b"IDAT", &stream), (b"ABCD", &[]), end]);
    assert!(unknown.contains("critical and unknown"), "{unknown}");
}

#[test]
fn rgb_channel_extracts_the_channels_own_component() {
    let row = |y: u8| [&[0][..], &[200, 150, y].repeat(4)].concat();
    let image = RawPng { color_type: 2, rows: [0, 1, 2, 3].map(row).concat(), ..small() };
    let decode_channel = |channel| {
        let options = DecodeOptions { rgb_channel: Some(channel), ..DecodeOptions::default() };
        decode(&image.encode(), &options)
    };
    assert_eq!(samples_u8(&decode_channel(Channel::Red).unwrap()), [200; 16]);
    assert_eq!(samples_u8(&decode_channel(Channel::Yellow).unwrap()), [150; 16]);
    let wrong = decode_channel(Channel::Blue);
    assert!(matches!(wrong, Err(DecodeError::WrongColour(Channel::Blue))));
}
