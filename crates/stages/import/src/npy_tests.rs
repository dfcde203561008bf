//! Valid and hostile arrays.

use super::*;
use std::io::Write;

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{header}\n");
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(shape: &str, order: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': {shape}, }}");
    npy(&header, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

fn read(bytes: &[u8], key: Option<&str>, rows: usize) -> Result<Matrix, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    read_npy(file.path(), key, rows).map_err(|error| error.to_string())
}

fn npz(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, data) in entries {
        let (mut entry, config) =
            archive.new_file(name).compression_method(method).start().unwrap();
        let level = flate2::Compression::default();
        let descriptor = if method == CompressionMethod::STORE {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(data).unwrap();
            writer.finish().unwrap().1
        } else {
            let mut writer = config.wrap(flate2::write::DeflateEncoder::new(&mut entry, level));
            writer.write_all(data).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn stored(entries: &[(&str, &[u8])]) -> Vec<u8> {
    npz(entries, CompressionMethod::STORE)
}

#[test]
fn both_orders_and_all_widths_are_read() {
    let matrix = Matrix { width: 3, values: vec![0.0, 0.125, 0.25, 0.5, 0.75, 1.0] };
    let c = floats("(2, 3)", "False", &[0.0, 0.125, 0.25, 0.5, 0.75, 1.0]);
    assert_eq!(read(&c, None, 2).unwrap(), matrix);
    let fortran = floats("(2, 3)", "True", &[0.0, 0.5, 0.125, 0.75, 0.25, 1.0]);
    assert_eq!(read(&fortran, None, 2).unwrap(), matrix);
    let data: Vec<u8> = matrix.values.iter().flat_map(|value| value.to_be_bytes()).collect();
    let wide = npy("{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3)}", &data);
    assert_eq!(read(&wide, None, 2).unwrap(), matrix);
    let halves = matrix.values.iter().map(|&value| f16::from_f64(value));
    let data: Vec<u8> = halves.clone().flat_map(f16::to_le_bytes).collect();
    let narrow = npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)}", &data);
    assert_eq!(read(&narrow, None, 2).unwrap(), matrix);
    let data: Vec<u8> = halves.flat_map(f16::to_be_bytes).collect();
    let narrow = npy("{'descr': '>f2', 'fortran_order': False, 'shape': (2, 3)}", &data);
    assert_eq!(read(&narrow, None, 2).unwrap(), matrix);
}

#[test]
fn trailing_bytes_are_refused() {
    let whole = floats("(2, 3)", "False", &[0.5; 6]);
    for more in [&b"\n"[..], &whole] {
        let error = read(&[&whole, more].concat(), None, 2).unwrap_err();
        assert!(error.contains(&format!("{} bytes follow the 24", more.len())), "{error}");
        let archive = stored(&[("pred.npy", &[&whole, more].concat())]);
        assert!(read(&archive, None, 2).unwrap_err().contains("bytes follow"));
    }
    let error = read(&whole[..whole.len() - 1], None, 2).unwrap_err();
    assert!(error.contains("cut short: 23 bytes of numbers, not 24"), "{error}");
}

#[test]
fn key_chooses_the_array_of_an_archive() {
    let (one, two) = (floats("(1, 1)", "False", &[0.25]), floats("(1, 1)", "False", &[0.5]));
    let alone = stored(&[("pred.npy", &one)]);
    assert_eq!(read(&alone, None, 1).unwrap().values, [0.25]);
    let deflated = npz(&[("pred.npy", &one)], CompressionMethod::DEFLATE);
    assert_eq!(read(&deflated, Some("pred"), 1).unwrap().values, [0.25]);
    let both = stored(&[("b.npy", &two), ("a.npy", &one)]);
    assert_eq!(read(&both, Some("b"), 1).unwrap().values, [0.5]);
    assert!(
        read(&both, None, 1).unwrap_err().contains("arrays a, b\n  help: choose one with --key")
    );
    assert!(read(&both, Some("c"), 1).unwrap_err().contains("no array \"c\", but a, b"));
    assert!(read(&one, Some("a"), 1).unwrap_err().contains("it is not an .npz"));
    assert!(read(&stored(&[]), None, 1).unwrap_err().contains("holds no array"));
}

#[test]
fn wrong_shapes_and_types_are_refused() {
    let array = |shape: &str| read(&floats(shape, "False", &[0.0; 6]), None, 2).unwrap_err();
    assert!(array("(3, 2)").contains("3 rows, --ids has 2"));
    assert!(array("(6,)").contains("its shape is [6]"));
    assert!(array("(2, 0)").contains("its shape"));
    assert!(array("(2, 18446744073709551615)").contains("its shape"));
    assert!(array("(2, 4)").contains("cut short"));
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}";
    assert!(read(&npy(header, &[0; 24]), None, 2).unwrap_err().contains("expected float32"));
    let header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}";
    assert!(read(&npy(header, &[0; 24]), None, 2).unwrap_err().contains("<i4"));
}

#[test]
fn hostile_headers_end_in_a_message() {
    let nested = format!("{{'descr': {}", "(".repeat(3000));
    assert!(read(&npy(&nested, &[]), None, 2).unwrap_err().contains("does not describe an array"));
    assert!(read(&npy(&"x".repeat(5000), &[]), None, 2).unwrap_err().contains("5001 bytes"));
    for bytes in
        [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x09\0\0\0\0\0", b"PK\x03\x04", b"PK", b"hello"]
    {
        assert!(read(bytes, None, 2).is_err(), "{bytes:?}");
    }
    let big = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", &[0; 9000]);
    assert!(read(&big, None, 2).unwrap_err().contains("more than 256 numbers a row"));
}

#[test]
fn no_flipped_byte_ends_in_a_panic() {
    let archive = stored(&[("pred.npy", &floats("(2, 3)", "False", &[0.5; 6]))]);
    for place in 0..archive.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = archive.clone();
            bytes[place] ^= flip;
            // Some flips hit a date or a value: what counts is that the program goes on.
            let _ = read(&bytes, Some("pred"), 2);
            let _ = read(&bytes[..place], None, 2);
        }
    }
}
