//! The record format of `TensorBoard`'s event files, written by hand.
//!
//! A record is the payload's length (8 bytes), the masked CRC-32C of those 8 bytes, the payload,
//! and its masked CRC-32C; little-endian throughout. The payload is a protobuf `Event` of which
//! these fields are used: 1 wall time (double), 2 step (varint), 3 file version (text) or
//! 5 summary, whose field 1 is repeated: 1 tag (text), 2 simple value (float).
//! Source: TensorFlow's `record_writer.cc`, `crc32c.h`, `event.proto`, `summary.proto`.
//!
//! No clock reaches the file: the wall time of an event is its step, in seconds.

/// A number with a name.
pub(crate) type Scalar = (String, f64);

/// One record, as it stands in the file.
pub(crate) fn event(step: u64, scalars: &[Scalar]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, tag.as_bytes());
        entry.push(2 << 3 | FIXED_32);
        #[expect(clippy::cast_possible_truncation, reason = "a simple value is a float")]
        entry.extend((*value as f32).to_le_bytes());
        bytes(&mut summary, 1, &entry);
    }
    let mut payload = head(step);
    bytes(&mut payload, 5, &summary);
    frame(&payload)
}

/// The record that every file begins with.
pub(crate) fn version() -> Vec<u8> {
    let mut payload = Vec::new();
    bytes(&mut payload, 3, b"brain.Event:2");
    frame(&payload)
}

const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED_32: u8 = 5;
/// Before the step stand a key, eight bytes of wall time and another key.
const STEP_AT: usize = 10;

fn head(step: u64) -> Vec<u8> {
    let mut payload = vec![1 << 3 | FIXED_64];
    payload.extend((step as f64).to_le_bytes());
    payload.push(2 << 3 | VARINT);
    varint(&mut payload, step);
    payload
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | LENGTH_DELIMITED);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(payload);
    record.extend(masked(payload).to_le_bytes());
    record
}

/// The whole records at the beginning of a file of ours: step, payload and the record itself.
pub(crate) fn records(mut file: &[u8]) -> Vec<(u64, &[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some((step, payload, record)) = first(file) {
        records.push((step, payload, record));
        file = &file[record.len()..];
    }
    records
}

fn first(file: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let length = file.first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let sum = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let end = 12_usize.checked_add(count)?;
    let payload = file.get(12..end)?;
    let whole = sum(8)? == masked(length) && sum(end)? == masked(payload);
    // The version's record has no step: it is before the first.
    let has_step = payload.first() == Some(&(1 << 3 | FIXED_64));
    let step = if has_step { unvarint(payload.get(STEP_AT..)?)? } else { 0 };
    whole.then_some((step, payload, &file[..end + 4]))
}

fn unvarint(bytes: &[u8]) -> Option<u64> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// TensorFlow's mask, since a CRC of data that holds CRCs is weak.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's polynomial, reflected; RFC 3720, appendix B.4.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let entry = (crc ^ u32::from(*byte)) & 0xff;
        crc >> 8 ^ TABLE[entry as usize]
    })
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut entry = 0;
    while entry < 256 {
        let (mut crc, mut bit) = (entry, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[entry as usize] = crc;
        entry += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn what_was_written_is_found_again_up_to_the_first_damage() {
        let mut file = version();
        file.extend(event(300, &[("loss".to_owned(), 0.5)]));
        let whole = file.len();
        file.extend(event(301, &[("loss".to_owned(), 0.25)]));
        let steps = |file: &[u8]| records(file).iter().map(|record| record.0).collect::<Vec<_>>();
        assert_eq!(steps(&file), [0, 300, 301]);
        assert_eq!(steps(&file[..file.len() - 1]), [0, 300]);
        file[whole + 20] ^= 1;
        assert_eq!(steps(&file), [0, 300]);
        assert!(records(b"").is_empty() && records(&[0xff; 40]).is_empty());
    }

    /// Bytes that tensorboard 2.x reads as these numbers: `tests/golden/events.py`.
    #[test]
    fn the_bytes_are_those_that_tensorboard_reads() {
        let mut file = version();
        file.extend(event(3, &[("train/loss".to_owned(), 1.5), ("ü".to_owned(), -0.25)]));
        file.extend(event(70_000, &[("train/loss".to_owned(), f64::from(0.1_f32))]));
        assert_eq!(file, include_bytes!("../tests/golden/events.tfevents"));
    }
}
