//! What the PNG reader reads, against the `png` crate, and what it refuses.

use hpa_core::Channel;
use hpa_imaging::{DecodeError, DecodeOptions, Plane, Samples, decode};

/// A PNG of these header fields around rows that carry their filter's number.
struct Png {
    width: u32,
    height: u32,
    depth: u8,
    colour: u8,
    interlace: u8,
    rows: Vec<u8>,
}

impl Png {
    fn grey(side: u32, depth: u8, rows: Vec<u8>) -> Self {
        Self { width: side, height: side, depth, colour: 0, interlace: 0, rows }
    }

    fn header(&self) -> Vec<u8> {
        let sides = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        [&sides[..], &[self.depth, self.colour, 0, 0, self.interlace]].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        self.with_stream(&fdeflate::compress_to_vec(&self.rows))
    }

    fn with_stream(&self, stream: &[u8]) -> Vec<u8> {
        file(&[(b"IHDR", &self.header()), (b"IDAT", stream), (b"IEND", &[])])
    }
}

fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in chunks {
        let covered = [&kind[..], body].concat();
        bytes.extend(u32::try_from(body.len()).expect("a small chunk").to_be_bytes());
        bytes.extend(&covered);
        bytes.extend(crc32fast::hash(&covered).to_be_bytes());
    }
    bytes
}

/// 4×4, 8 bits, levels 0 to 150.
fn small() -> Png {
    let rows = (0..4u8).flat_map(|y| [0, y * 40, y * 40 + 10, y * 40 + 20, y * 40 + 30]).collect();
    Png::grey(4, 8, rows)
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes, &DecodeOptions::default()).expect_err("should be refused").to_string()
}

fn eight(plane: &Plane) -> &[u8] {
    match plane.samples() {
        Samples::U8(levels) => levels,
        Samples::U16(_) => panic!("expected 8 bits"),
    }
}

#[test]
fn every_filter_and_depth_agrees_with_the_png_crate() {
    let noise: Vec<u8> = (0..66u32 * 66).map(|v| u8::try_from(v * v / 5 % 251).unwrap()).collect();
    for depth in [png::BitDepth::Eight, png::BitDepth::Sixteen] {
        for filter in [png::Filter::Sub, png::Filter::Up, png::Filter::Avg, png::Filter::Paeth] {
            let width = if depth == png::BitDepth::Sixteen { 33 } else { 66 };
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, width, 66);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(depth);
            encoder.set_filter(filter);
            encoder.write_header().unwrap().write_image_data(&noise).unwrap();
            let plane = decode(&bytes, &DecodeOptions::default()).unwrap();
            assert_eq!((plane.width(), plane.height()), (width as usize, 66));
            let mut back = Vec::new();
            match plane.samples() {
                Samples::U8(levels) => back.extend(levels),
                Samples::U16(levels) => {
                    back.extend(levels.iter().flat_map(|v| v.to_be_bytes()));
                }
            }
            assert!(back == noise, "{depth:?} {filter:?}");
        }
    }
}

#[test]
fn few_bits_are_stretched_to_the_whole_range() {
    let levels = |depth, rows: &[u8]| {
        eight(
            &decode(&Png::grey(4, depth, rows.to_vec()).bytes(), &DecodeOptions::default())
                .unwrap(),
        )[..4]
            .to_vec()
    };
    assert_eq!(levels(1, &[0, 0b1010_0000, 0, 0, 0, 0, 0, 0]), [255, 0, 255, 0]);
    assert_eq!(levels(2, &[0, 0b0001_1011, 0, 0, 0, 0, 0, 0]), [0, 85, 170, 255]);
    assert_eq!(levels(4, &[0, 0x0f, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0]), [0, 255, 17, 136]);
}

/// The rows of the seven passes of Adam7: first column, first row, steps in x and y.
fn interlaced(side: usize, depth: u8, level: impl Fn(usize, usize) -> u16) -> Vec<u8> {
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
            match depth {
                16 => rows.extend(line.iter().flat_map(|v| v.to_be_bytes())),
                8 => rows.extend(line.iter().map(|&v| byte(v))),
                _ => rows
                    .extend(line.chunks(2).map(|two| byte(two[0] * 16 + two.get(1).unwrap_or(&0)))),
            }
        }
    }
    rows
}

#[test]
fn interlaced_pictures_are_put_together() {
    for (depth, side) in [(8u8, 1usize), (8, 3), (8, 13), (4, 5), (16, 9)] {
        let largest = if depth == 4 { 16 } else { 1 << 15 };
        let level = |x: usize, y: usize| u16::try_from((x * 7 + y * 11) % largest).unwrap();
        let rows = interlaced(side, depth, level);
        let picture = Png { interlace: 1, ..Png::grey(u32::try_from(side).unwrap(), depth, rows) };
        let plane = decode(&picture.bytes(), &DecodeOptions::default()).unwrap();
        let scale = if depth == 4 { 17 } else { 1 };
        let expected: Vec<u16> =
            (0..side * side).map(|place| level(place % side, place / side) * scale).collect();
        let got = match plane.samples() {
            Samples::U8(levels) => levels.iter().map(|&v| v.into()).collect(),
            Samples::U16(levels) => levels.clone(),
        };
        assert_eq!(got, expected, "{depth} bits, {side} px");
    }
}

#[test]
fn a_png_cut_at_any_byte_is_refused() {
    let whole = small().bytes();
    decode(&whole, &DecodeOptions::default()).unwrap();
    for length in 0..whole.len() {
        assert!(
            decode(&whole[..length], &DecodeOptions::default()).is_err(),
            "cut after {length} bytes"
        );
    }
}

#[test]
fn a_png_with_any_one_byte_changed_is_refused() {
    let whole = small().bytes();
    for place in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= flip;
            assert!(decode(&bytes, &DecodeOptions::default()).is_err(), "byte {place} ^ {flip}");
        }
    }
}

#[test]
fn a_wrong_checksum_says_which() {
    let mut bytes = small().bytes();
    let crc = 8 + 8 + 13;
    bytes[crc] ^= 1;
    assert!(
        refusal(&bytes).contains("PNG chunk IHDR has a wrong checksum (CRC)"),
        "{}",
        refusal(&bytes)
    );
    let mut stream = fdeflate::compress_to_vec(&small().rows);
    *stream.last_mut().unwrap() ^= 1;
    let message = refusal(&small().with_stream(&stream));
    assert!(message.contains("Adler-32"), "{message}");
}

#[test]
fn surplus_and_missing_rows_and_trailing_bytes_are_refused() {
    let mut picture = small();
    picture.rows.extend([0; 5]);
    assert!(refusal(&picture.bytes()).contains("more pixel data"));
    picture.rows.truncate(15);
    assert!(refusal(&picture.bytes()).contains("15 bytes of pixel data, its header announces 20"));
    let mut bytes = small().bytes();
    bytes.extend(b"PK");
    assert_eq!(refusal(&bytes), "2 bytes follow the end of the PNG");
    for surplus in 1..12 {
        let mut stream = fdeflate::compress_to_vec(&small().rows);
        stream.extend(vec![0; surplus]);
        assert!(refusal(&small().with_stream(&stream)).contains("more pixel data"), "{surplus}");
    }
}

#[test]
fn a_header_that_promises_too_much_costs_nothing() {
    for side in [4097, 50_000, u32::MAX] {
        let message = refusal(&Png::grey(side, 8, vec![0; 64]).bytes());
        assert!(message.contains("max_side_px"), "{message}");
    }
    assert!(refusal(&Png::grey(0, 8, vec![0; 64]).bytes()).contains("0x0 pixels"));
}

#[test]
fn colour_palette_and_transparency_are_refused() {
    for (colour, word) in [(2, "rgb_channel"), (3, "palette"), (4, "alpha"), (6, "alpha")] {
        let picture = Png { colour, rows: vec![0; 4 * 17], ..small() };
        assert!(refusal(&picture.bytes()).contains(word), "{colour}");
    }
    let (header, stream) = (small().header(), fdeflate::compress_to_vec(&small().rows));
    let clear = file(&[(b"IHDR", &header), (b"tRNS", &[0, 0]), (b"IDAT", &stream), (b"IEND", &[])]);
    assert!(refusal(&clear).contains("transparency"));
    for (depth, colour) in [(3, 0), (1, 2), (8, 1), (0, 0)] {
        assert!(refusal(&Png { depth, colour, ..small() }.bytes()).contains("header is invalid"));
    }
}

#[test]
fn chunks_out_of_place_are_refused() {
    let (header, stream) = (small().header(), fdeflate::compress_to_vec(&small().rows));
    let (head, tail) = stream.split_at(5);
    let end: (&[u8; 4], &[u8]) = (b"IEND", &[]);
    let split = file(&[(b"IHDR", &header), (b"IDAT", head), (b"tEXt", b"a"), (b"IDAT", tail), end]);
    assert!(refusal(&split).contains("IDAT is not beside"));
    let joined =
        file(&[(b"IHDR", &header), (b"IDAT", head), (b"IDAT", tail), (b"tEXt", b"a"), end]);
    decode(&joined, &DecodeOptions::default()).unwrap();
    assert!(refusal(&file(&[(b"IHDR", &header), end])).contains("IDAT is missing"));
    assert!(refusal(&file(&[(b"IDAT", &stream), end])).contains("IHDR is not the first"));
    let twice = file(&[(b"IHDR", &header), (b"IHDR", &header), (b"IDAT", &stream), end]);
    assert!(refusal(&twice).contains("IHDR is duplicated"));
    let unknown = file(&[(b"IHDR", &header), (b"ABCD", &[]), (b"IDAT", &stream), end]);
    assert!(refusal(&unknown).contains("critical and unknown"));
}

#[test]
fn rgb_channel_takes_the_channels_own_component() {
    let rows = (0..4u8).flat_map(|y| [&[0][..], &[200, 150, y].repeat(4)].concat()).collect();
    let picture = Png { colour: 2, rows, ..small() };
    let read = |channel| {
        decode(
            &picture.bytes(),
            &DecodeOptions { rgb_channel: Some(channel), ..DecodeOptions::default() },
        )
    };
    assert_eq!(eight(&read(Channel::Red).unwrap()), [200; 16]);
    assert_eq!(eight(&read(Channel::Yellow).unwrap()), [150; 16]);
    assert!(matches!(read(Channel::Blue), Err(DecodeError::WrongColour(Channel::Blue))));
}
