//! The digest that a file holds of itself.
//!
//! It is the BLAKE3 of the whole file computed with its own 64 hexadecimal digits as zeros. A
//! checksum of each Parquet page would miss what this finds: half of all flipped bytes inside a
//! Zstandard page decompress without an error.

use crate::Digest;
use std::io::{Read, Result, Seek, SeekFrom};

/// Digits before the digest is known.
pub(crate) const ZEROS: [u8; Digest::HEX_DIGITS] = [b'0'; Digest::HEX_DIGITS];
/// Thrift's compact form of a `KeyValue` whose key is `digest`, up to its 64 digits: field 1,
/// length 6, the key, field 2, length 64.
const PARQUET_MARK: &[u8] = b"\x18\x06digest\x18\x40";
/// In a safetensors header quotes are escaped, because the metadata is JSON inside a JSON string.
const SAFETENSORS_MARK: &[u8] = br#"\"digest\":\""#;

/// What a file's bytes hash to, and what it says they hash to.
pub(crate) struct EmbeddedDigest {
    pub(crate) actual: Digest,
    pub(crate) recorded: Option<Digest>,
}

/// Hashes a file whose 64 digits begin at `offset`; without an offset, the plain bytes.
pub(crate) fn read(file: &mut (impl Read + Seek), offset: Option<u64>) -> Result<EmbeddedDigest> {
    let mut hasher = blake3::Hasher::new();
    let mut recorded = None;
    file.seek(SeekFrom::Start(0))?;
    if let Some(offset) = offset {
        hasher.update_reader(file.by_ref().take(offset))?;
        let mut digits = ZEROS;
        file.read_exact(&mut digits)?;
        hasher.update(&ZEROS);
        recorded = Digest::try_from(String::from_utf8_lossy(&digits).into_owned()).ok();
    }
    hasher.update_reader(file)?;
    Ok(EmbeddedDigest { actual: Digest::finish(&hasher), recorded })
}

/// Where in a Parquet file the 64 digits begin; `None` when the footer has none or several.
pub(crate) fn offset_in_parquet(file: &mut (impl Read + Seek)) -> Result<Option<u64>> {
    let length = file.seek(SeekFrom::End(0))?;
    if length < 12 {
        return Ok(None);
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = length.checked_sub(8 + footer) else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(footer).read_to_end(&mut bytes)?;
    let mut places = marks(&bytes, PARQUET_MARK);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(Some(start + place as u64)),
        _ => Ok(None),
    }
}

/// Where in a safetensors file the 64 digits begin. The first mark counts: keys are in byte order,
/// and none before `digest` holds text of other programs.
pub(crate) fn offset_in_safetensors(bytes: &[u8]) -> Option<u64> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(8)?;
    marks(bytes.get(..end)?, SAFETENSORS_MARK).next().map(|place| place as u64)
}

/// The places behind the marks that 64 digits follow.
fn marks(bytes: &[u8], mark: &'static [u8]) -> impl Iterator<Item = usize> {
    let windows = bytes.windows(mark.len() + Digest::HEX_DIGITS).enumerate();
    windows
        .filter(move |(_, window)| window.starts_with(mark))
        .map(move |(place, _)| place + mark.len())
}
