//! The frame of a PNG file: signature, chunks, checksums, header.
//!
//! Stricter than libpng, because a picture that was cut or patched must not become a
//! sample: every chunk's checksum counts, nothing may follow the end, unknown critical
//! chunks are refused. Source: Portable Network Graphics, third edition, W3C 2025.

use std::borrow::Cow;

/// The eight bytes in front.
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Why bytes are not framed as a PNG.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The signature is cut or was rewritten by a text-mode transfer.
    #[error("the PNG signature is damaged")]
    Signature,
    /// The file ends too early.
    #[error("the PNG is cut short: it ends inside {0}")]
    CutShort(String),
    /// A checksum differs.
    #[error("the checksum (CRC) of PNG chunk {0} is wrong: the file is damaged")]
    Crc(String),
    /// A chunk that is missing, doubled or out of place.
    #[error("PNG chunk {0} is {1}")]
    Place(String, &'static str),
    /// Bytes after the end.
    #[error("{0} bytes follow the end of the PNG")]
    Trailing(usize),
    /// A header field beyond the format.
    #[error("the PNG header is wrong: {field} is {value}")]
    Header {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: u32,
    },
}

/// What the first chunk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PngHeader {
    /// Samples in a row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// Bits a component.
    pub depth: u8,
    /// 0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha.
    pub colour: u8,
    /// Whether the rows come in the seven passes of Adam7.
    pub interlaced: bool,
}

/// One chunk of a file.
struct Chunk<'a> {
    kind: [u8; 4],
    body: &'a [u8],
}

impl Chunk<'_> {
    fn name(&self) -> String {
        self.kind.escape_ascii().to_string()
    }

    const fn is_critical(&self) -> bool {
        self.kind[0].is_ascii_uppercase()
    }
}

/// The header of a PNG file, which is all that is read.
pub(crate) fn header(bytes: &[u8]) -> Result<PngHeader, ChunkError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(ChunkError::Signature)?;
    let (chunk, _) = next_chunk(rest)?;
    if &chunk.kind != b"IHDR" {
        return Err(ChunkError::Place("IHDR".to_owned(), "not the first"));
    }
    let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace] =
        chunk.body
    else {
        let value = u32::try_from(chunk.body.len()).unwrap_or(u32::MAX);
        return Err(ChunkError::Header { field: "its length", value });
    };
    let wrong = |field, value: u8| ChunkError::Header { field, value: value.into() };
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => return Err(wrong("the colour type", colour)),
    };
    match (depths.contains(&depth), compression, filter, interlace) {
        (true, 0, 0, 0 | 1) => Ok(PngHeader {
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
            depth,
            colour,
            interlaced: interlace == 1,
        }),
        (false, ..) => Err(wrong("the bit depth", depth)),
        (_, 1.., ..) => Err(wrong("the compression method", compression)),
        (_, _, 1.., _) => Err(wrong("the filter method", filter)),
        _ => Err(wrong("the interlace method", interlace)),
    }
}

/// The compressed pixels of a PNG file, and whether it declares transparency.
pub(crate) struct Body<'a> {
    /// The joined `IDAT` chunks: one zlib stream. Most pictures have one chunk, which is
    /// not copied.
    pub(crate) compressed: Cow<'a, [u8]>,
    /// Whether there is a `tRNS` chunk.
    pub(crate) transparent: bool,
}

/// Walks all chunks after the header and checks each.
pub(crate) fn body(bytes: &[u8]) -> Result<Body<'_>, ChunkError> {
    let rest = bytes.strip_prefix(SIGNATURE).ok_or(ChunkError::Signature)?;
    let (_, mut rest) = next_chunk(rest)?;
    let mut body = Body { compressed: Cow::Borrowed(&[]), transparent: false };
    let mut previous = *b"IHDR";
    loop {
        let (chunk, after) = next_chunk(rest)?;
        let place = |what| Err(ChunkError::Place(chunk.name(), what));
        match &chunk.kind {
            b"IDAT" if previous != *b"IDAT" && !body.compressed.is_empty() => {
                return place("not beside the others of its kind");
            }
            b"IDAT" if body.compressed.is_empty() => body.compressed = Cow::Borrowed(chunk.body),
            b"IDAT" => body.compressed.to_mut().extend_from_slice(chunk.body),
            b"IEND" if body.compressed.is_empty() => {
                return Err(ChunkError::Place("IDAT".to_owned(), "missing"));
            }
            b"IEND" if !chunk.body.is_empty() => return place("not empty"),
            b"IEND" if !after.is_empty() => return Err(ChunkError::Trailing(after.len())),
            b"IEND" => return Ok(body),
            b"IHDR" => return place("there twice"),
            b"tRNS" => body.transparent = true,
            b"PLTE" => {}
            _ if chunk.is_critical() => return place("critical and unknown"),
            _ => {}
        }
        previous = chunk.kind;
        rest = after;
    }
}

/// The chunk at the start of `bytes`, its checksum verified, and what follows it.
fn next_chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), ChunkError> {
    let cut = |name: &str| ChunkError::CutShort(name.to_owned());
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| cut("a chunk's length"))?;
    let length = u32::from_be_bytes(*length) as usize;
    let kind = *rest.first_chunk::<4>().ok_or_else(|| cut("a chunk's name"))?;
    let name = || format!("chunk {}", kind.escape_ascii());
    let covered = rest.get(..4 + length).ok_or_else(|| ChunkError::CutShort(name()))?;
    let (crc, after) =
        rest[4 + length..].split_first_chunk::<4>().ok_or_else(|| ChunkError::CutShort(name()))?;
    let chunk = Chunk { kind, body: &covered[4..] };
    if crc32fast::hash(covered) != u32::from_be_bytes(*crc) {
        return Err(ChunkError::Crc(chunk.name()));
    }
    Ok((chunk, after))
}
