//! PNG file structure: signature, chunks, CRC checks, header.
//!
//! Stricter than libpng, because a truncated or patched image must not become a sample:
//! every chunk's CRC is verified, nothing may follow `IEND`, unknown critical chunks are
//! refused. Source: Portable Network Graphics, third edition, W3C 2025.

use std::borrow::Cow;

use crate::decode::error::PngError;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// The `IHDR` chunk.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits per component: 1, 2, 4, 8 or 16.
    pub(super) bit_depth: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
    pub(super) color_type: u8,
    /// Whether the rows come in the seven passes of Adam7.
    pub(super) interlaced: bool,
}

/// Reads the header and nothing behind it.
pub(super) fn read_header(bytes: &[u8]) -> Result<Header, PngError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(PngError::Signature)?;
    let (chunk, _) = next_chunk(rest)?;
    if &chunk.kind != b"IHDR" {
        return Err(PngError::Chunk("IHDR".to_owned(), "not the first"));
    }
    let &[w0, w1, w2, w3, h0, h1, h2, h3, bit_depth, color_type, compression, filter, interlace] =
        chunk.data
    else {
        let value = u32::try_from(chunk.data.len()).unwrap_or(u32::MAX);
        return Err(PngError::Header("its length", value));
    };
    let invalid = |field, value: u8| PngError::Header(field, value.into());
    let bit_depths: &[u8] = match color_type {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return Err(invalid("the colour type", color_type)),
    };
    match (bit_depths.contains(&bit_depth), compression, filter, interlace) {
        (true, 0, 0, 0 | 1) => Ok(Header {
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
            bit_depth,
            color_type,
            interlaced: interlace == 1,
        }),
        (false, ..) => Err(invalid("the bit depth", bit_depth)),
        (_, 1.., ..) => Err(invalid("the compression method", compression)),
        (_, _, 1.., _) => Err(invalid("the filter method", filter)),
        _ => Err(invalid("the interlace method", interlace)),
    }
}

/// What the chunks behind the header hold.
pub(super) struct ImageData<'a> {
    /// The `IDAT` chunks joined: one zlib stream. Borrowed in the usual case of one chunk.
    pub(super) compressed: Cow<'a, [u8]>,
    /// Whether there is a `tRNS` chunk.
    pub(super) has_transparency: bool,
}

/// Reads and checks all chunks behind the header.
pub(super) fn read_image_data(bytes: &[u8]) -> Result<ImageData<'_>, PngError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(PngError::Signature)?;
    let (_, mut rest) = next_chunk(rest)?;
    let mut image = ImageData { compressed: Cow::Borrowed(&[]), has_transparency: false };
    let mut previous = *b"IHDR";
    loop {
        let (chunk, after) = next_chunk(rest)?;
        let misplaced = |reason| Err(PngError::Chunk(chunk.name(), reason));
        match &chunk.kind {
            b"IDAT" if previous != *b"IDAT" && !image.compressed.is_empty() => {
                return misplaced("not beside the others of its kind");
            }
            b"IDAT" if image.compressed.is_empty() => image.compressed = Cow::Borrowed(chunk.data),
            b"IDAT" => image.compressed.to_mut().extend_from_slice(chunk.data),
            b"IEND" if image.compressed.is_empty() => {
                return Err(PngError::Chunk("IDAT".to_owned(), "missing"));
            }
            b"IEND" if !chunk.data.is_empty() => return misplaced("not empty"),
            b"IEND" if !after.is_empty() => return Err(PngError::TrailingBytes(after.len())),
            b"IEND" => return Ok(image),
            b"IHDR" => return misplaced("duplicated"),
            b"tRNS" => image.has_transparency = true,
            b"PLTE" => {}
            _ if chunk.is_critical() => return misplaced("critical and unknown"),
            _ => {}
        }
        previous = chunk.kind;
        rest = after;
    }
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
}

impl Chunk<'_> {
    fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }

    const fn is_critical(&self) -> bool {
        self.kind[0].is_ascii_uppercase()
    }
}

/// Splits off the first chunk after verifying its CRC; returns it and the bytes behind it.
fn next_chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), PngError> {
    let truncated = |part: &str| PngError::Truncated(part.to_owned());
    let (length, rest) =
        bytes.split_first_chunk::<4>().ok_or_else(|| truncated("a chunk's length"))?;
    let length = u32::from_be_bytes(*length) as usize;
    let kind = *rest.first_chunk::<4>().ok_or_else(|| truncated("a chunk's name"))?;
    let truncated = || PngError::Truncated(format!("chunk {}", kind.escape_ascii()));
    let covered = rest.get(..4 + length).ok_or_else(truncated)?;
    let (crc, after) = rest[4 + length..].split_first_chunk::<4>().ok_or_else(truncated)?;
    let chunk = Chunk { kind, data: &covered[4..] };
    if crc32fast::hash(covered) != u32::from_be_bytes(*crc) {
        return Err(PngError::Crc(chunk.name()));
    }
    Ok((chunk, after))
}
