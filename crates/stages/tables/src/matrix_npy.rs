//! A NumPy array of numbers: `.npy`, or one array of an `.npz`.
//!
//! Whoever wrote the file is not trusted: an entry is read up to the size that its rows can
//! need, its header is looked at before it is parsed, its shape must match what is expected before
//! a value is read, and the bytes must be those of that shape, no fewer and no more. Floats of 16,
//! 32 and 64 bits, C and Fortran order, either byte order.

use crate::{TableError, regular};
use half::f16;
use hpa_core::MAX_LABELS;
use npyz::{NpyFile, Order};
use std::cmp::Ordering;
use std::io::{Cursor, Read};
use std::path::Path;

/// Longest header that is parsed; NumPy's own are 128 bytes.
const MAX_HEADER: usize = 4096;
/// Deepest nesting of brackets in a header; an array of floats needs 2.
const MAX_BRACKETS: usize = 16;

/// An array of two dimensions.
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
pub fn read_matrix_npy(path: &Path, key: Option<&str>, rows: usize) -> Result<Matrix, TableError> {
    let io = |source| TableError::Io { path: path.to_owned(), source };
    let format = |reason: String| TableError::Format {
        path: path.to_owned(),
        expected: "an array of probabilities",
        reason,
    };
    // No array that fits the rows is larger.
    let most = MAX_HEADER + rows * MAX_LABELS * size_of::<f64>();
    let mut start = Vec::new();
    regular::open(path).and_then(|file| file.take(4).read_to_end(&mut start)).map_err(io)?;
    let bytes = if start.starts_with(b"PK") {
        let bytes = regular::read(path).map_err(io)?;
        entry(bytes, key, most).map_err(format)?
    } else if key.is_some() {
        return Err(format("it is no .npz, so it has no array with a key".to_owned()));
    } else {
        let file = regular::open(path).map_err(io)?;
        read_at_most(file, most).map_err(format)?
    };
    matrix(&bytes, rows).map_err(format)
}

/// The bytes of one array of an archive.
fn entry(archive: Vec<u8>, key: Option<&str>, most: usize) -> Result<Vec<u8>, String> {
    let mut archive = npyz::npz::NpzArchive::new(Cursor::new(archive))
        .map_err(|error| format!("no .npz: {error}"))?;
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort_unstable();
    let name = match (key, names.as_slice()) {
        (Some(key), _) if names.iter().any(|name| name == key) => key.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => return Err("it holds no array".to_owned()),
        (Some(key), _) => return Err(format!("it has no array {key:?}, but {}", names.join(", "))),
        (None, _) => {
            return Err(format!("it has arrays {}; choose one with --key", names.join(", ")));
        }
    };
    let file = npyz::npz::file_name_from_array_name(&name);
    let entry = archive.zip_archive().by_name(&file).map_err(|error| error.to_string())?;
    read_at_most(entry, most)
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
    let data = data_of(bytes)?;
    let file = NpyFile::new(bytes).map_err(|error| error.to_string())?;
    let width = match file.shape() {
        &[found, width @ 1..=256] if found == rows as u64 => width,
        &[found, 1..=256] => return Err(format!("it has {found} rows, --ids has {rows}")),
        shape => {
            return Err(format!("its shape is {shape:?}, expected rows × labels (1 to 256)"));
        }
    };
    let width = usize::try_from(width).expect("at most 256");
    let values = decode(data, &file.dtype().descr(), rows * width)?;
    let in_order = file.order() == Order::C;
    Ok(Matrix { width, values: if in_order { values } else { transposed(&values, rows) } })
}

/// As many values of a type as there must be.
fn decode(data: &[u8], descr: &str, count: usize) -> Result<Vec<f64>, String> {
    let descr = descr.trim_matches('\'');
    match descr {
        "<f2" => numbers(data, count, |bytes| f16::from_le_bytes(bytes).to_f64()),
        ">f2" => numbers(data, count, |bytes| f16::from_be_bytes(bytes).to_f64()),
        "<f4" => numbers(data, count, |bytes| f64::from(f32::from_le_bytes(bytes))),
        ">f4" => numbers(data, count, |bytes| f64::from(f32::from_be_bytes(bytes))),
        "<f8" => numbers(data, count, f64::from_le_bytes),
        ">f8" => numbers(data, count, f64::from_be_bytes),
        _ => Err(format!("its type is {descr}, expected float32, float64 or float16")),
    }
}

fn numbers<const SIZE: usize>(
    data: &[u8],
    count: usize,
    number: impl Fn([u8; SIZE]) -> f64,
) -> Result<Vec<f64>, String> {
    let (found, expected) = (data.len(), count * SIZE);
    match found.cmp(&expected) {
        Ordering::Less => Err(format!("it is cut short: {found} bytes of numbers, not {expected}")),
        Ordering::Greater => Err(format!(
            "{} bytes follow the {expected} of its numbers: it is damaged, or holds several arrays",
            found - expected
        )),
        Ordering::Equal => Ok(data.as_chunks().0.iter().map(|&bytes| number(bytes)).collect()),
    }
}

/// What follows the header. That is parsed by recursion: one that is long or deeply nested is no
/// array's.
fn data_of(bytes: &[u8]) -> Result<&[u8], String> {
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
    let brackets = header.iter().filter(|byte| b"([{".contains(byte)).count();
    if brackets > MAX_BRACKETS {
        return Err("its header is no array's".to_owned());
    }
    Ok(&bytes[start + length..])
}

fn transposed(values: &[f64], rows: usize) -> Vec<f64> {
    (0..rows).flat_map(|row| values.iter().skip(row).step_by(rows).copied()).collect()
}

#[cfg(test)]
#[path = "matrix_npy_tests.rs"]
mod tests;
