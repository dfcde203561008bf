//! NumPy arrays of probabilities: `.npy`, or one array of an `.npz`.
//!
//! The file is untrusted: an entry is read up to the size that its rows can need, the header
//! is bounded, its shape must match what is expected before a value is read, and the data must
//! have exactly the bytes of that shape. Floats of 16, 32 and 64 bits, C and Fortran order,
//! either byte order.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use anyhow::{Context, anyhow};
use half::f16;
use hpa_artifacts::open_regular;
use hpa_core::MAX_LABELS;
use rawzip::{CompressionMethod, ZipArchive};
use std::cmp::Ordering;
use std::io::Read;
use std::path::Path;

/// Longest header that is parsed; NumPy's own are 128 bytes.
const MAX_HEADER: usize = 4096;

/// A two-dimensional array.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// How many columns.
    pub width: usize,
    /// Row-major `[rows][width]`.
    pub values: Vec<f64>,
}

/// Reads the array of an `.npy`, or the array `key` of an `.npz`; without `key` the only
/// one. It must have `rows` rows.
///
/// # Errors
/// When the file holds no such array.
pub fn read_npy(path: &Path, key: Option<&str>, rows: usize) -> anyhow::Result<Matrix> {
    let wrong =
        |reason: String| anyhow!("{} is not an array of probabilities: {reason}", path.display());
    let cannot_read = || format!("cannot read {}", path.display());
    // No array that fits the rows is larger.
    let most = MAX_HEADER + rows * MAX_LABELS * size_of::<f64>();
    let mut file = open_regular(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(4).read_to_end(&mut bytes).with_context(cannot_read)?;
    if bytes.starts_with(b"PK") {
        file.read_to_end(&mut bytes).with_context(cannot_read)?;
        bytes = npz_entry(&bytes, key, most).map_err(wrong)?;
    } else if key.is_some() {
        return Err(wrong("it is not an .npz, so it has no array with a key".to_owned()));
    } else {
        bytes = read_at_most(bytes.chain(file), most).map_err(wrong)?;
    }
    matrix(&bytes, rows).map_err(wrong)
}

/// The bytes of one array of an archive.
fn npz_entry(archive: &[u8], key: Option<&str>, most: usize) -> Result<Vec<u8>, String> {
    let unreadable = |error: rawzip::Error| format!("it is not an .npz: {error}");
    let archive = ZipArchive::from_slice(archive).map_err(unreadable)?;
    let mut arrays = Vec::new();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(unreadable)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        if let Some(name) = name.strip_suffix(".npy") {
            arrays.push((name.to_owned(), entry.compression_method(), entry.wayfinder()));
        }
    }
    arrays.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let names = || arrays.iter().map(|array| array.0.as_str()).collect::<Vec<_>>().join(", ");
    let (_, method, wayfinder) = match (key, arrays.as_slice()) {
        (_, []) => return Err("it holds no array".to_owned()),
        (None, [only]) => only,
        (None, _) => {
            return Err(format!("it has arrays {}\n  help: choose one with --key", names()));
        }
        (Some(key), _) => match arrays.iter().find(|array| array.0 == key) {
            Some(array) => array,
            None => return Err(format!("it has no array {key:?}, but {}", names())),
        },
    };
    let entry = archive.get_entry(*wayfinder).map_err(unreadable)?;
    match *method {
        CompressionMethod::STORE => read_at_most(entry.verifying_reader(entry.data()), most),
        CompressionMethod::DEFLATE => {
            let inflated = flate2::bufread::DeflateDecoder::new(entry.data());
            read_at_most(entry.verifying_reader(inflated), most)
        }
        other => Err(format!("its array is compressed by {other:?}, which NumPy does not write")),
    }
}

fn read_at_most(reader: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(format!("it holds more than {MAX_LABELS} numbers a row of --ids"));
    }
    Ok(bytes)
}

fn matrix(bytes: &[u8], rows: usize) -> Result<Matrix, String> {
    let (header, data) = split_header(bytes)?;
    let header = Header::parse(header).ok_or("its header does not describe an array")?;
    let width = match header.shape[..] {
        [found, width @ 1..=MAX_LABELS] if found == rows => width,
        [found, 1..=MAX_LABELS] => return Err(format!("it has {found} rows, --ids has {rows}")),
        _ => {
            let shape = header.shape;
            return Err(format!("its shape is {shape:?}, expected rows × labels (1 to 256)"));
        }
    };
    let values = decode(data, header.descr, rows * width)?;
    Ok(Matrix {
        width,
        values: if header.fortran_order { transposed(&values, rows) } else { values },
    })
}

/// The header's text and the bytes after it.
fn split_header(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("it is neither .npy nor .npz".to_owned());
    }
    let (start, length) = match bytes.get(6..12) {
        Some(&[1, _, a, b, ..]) => (10, usize::from(u16::from_le_bytes([a, b]))),
        Some(&[2 | 3, _, a, b, c, d]) => {
            (12, usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX))
        }
        Some(&[version, ..]) => return Err(format!("version {version} of .npy is not known")),
        _ => return Err("it is cut short".to_owned()),
    };
    if length > MAX_HEADER {
        return Err(format!("its header has {length} bytes, more than {MAX_HEADER}"));
    }
    let header = bytes.get(start..start + length).ok_or("its header is cut short")?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is not text")?;
    Ok((header, &bytes[start + length..]))
}

/// The dict literal of a header: `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let value = |key: &str| {
            let (_, value) = text.split_once(key)?;
            Some(value.trim_start().strip_prefix(':')?.trim_start())
        };
        let order = value("'fortran_order'")?;
        let (shape, _) = value("'shape'")?.strip_prefix('(')?.split_once(')')?;
        let lengths = shape.trim().trim_end_matches(',').split(',');
        Some(Self {
            descr: value("'descr'")?.strip_prefix('\'')?.split_once('\'')?.0,
            fortran_order: order
                .starts_with("True")
                .then_some(true)
                .or_else(|| order.starts_with("False").then_some(false))?,
            shape: lengths.map(|length| length.trim().parse().ok()).collect::<Option<_>>()?,
        })
    }
}

/// Decodes exactly `count` values of the type `descr`.
fn decode(data: &[u8], descr: &str, count: usize) -> Result<Vec<f64>, String> {
    match descr {
        "<f2" => decode_as(data, count, |bytes| f16::from_le_bytes(bytes).to_f64()),
        ">f2" => decode_as(data, count, |bytes| f16::from_be_bytes(bytes).to_f64()),
        "<f4" => decode_as(data, count, |bytes| f64::from(f32::from_le_bytes(bytes))),
        ">f4" => decode_as(data, count, |bytes| f64::from(f32::from_be_bytes(bytes))),
        "<f8" => decode_as(data, count, f64::from_le_bytes),
        ">f8" => decode_as(data, count, f64::from_be_bytes),
        _ => Err(format!("its type is {descr}, expected float32, float64 or float16")),
    }
}

fn decode_as<const SIZE: usize>(
    data: &[u8],
    count: usize,
    value: impl Fn([u8; SIZE]) -> f64,
) -> Result<Vec<f64>, String> {
    let (found, expected) = (data.len(), count * SIZE);
    match found.cmp(&expected) {
        Ordering::Less => Err(format!("it is cut short: {found} bytes of numbers, not {expected}")),
        Ordering::Greater => Err(format!(
            "{} bytes follow the {expected} of its numbers: it is damaged, or holds several arrays",
            found - expected
        )),
        Ordering::Equal => Ok(data.as_chunks().0.iter().map(|&bytes| value(bytes)).collect()),
    }
}

fn transposed(values: &[f64], rows: usize) -> Vec<f64> {
    (0..rows).flat_map(|row| values.iter().skip(row).step_by(rows).copied()).collect()
}

#[cfg(test)]
#[path = "npy_tests.rs"]
mod tests;
