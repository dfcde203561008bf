//! A grey plane out of a PNG file: inflate, undo the filters, unpack the bits.
//!
//! The inflated stream must have exactly the bytes that the header calls for and end with
//! the right checksum; libpng and the `png` crate forgive both. A picture is inflated in
//! one call into a buffer of the right size, which also makes this the fast way.

use fdeflate::{DecompressionError, Decompressor};
use hpa_core::Channel;

use crate::chunks::{self, ChunkError, PngHeader};
use crate::decode::{DecodeError, Level, Rules, one_component};
use crate::scratch::Scratch;
use crate::unfilter::{UnknownFilter, unfilter};
use crate::{Plane, Samples};

/// Why a file is not a sound PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The frame is damaged.
    #[error(transparent)]
    Frame(#[from] ChunkError),
    /// The compressed stream is damaged.
    #[error("the compressed pixels of the PNG are damaged: {0}")]
    Damaged(&'static str),
    /// Fewer rows than the header calls for.
    #[error("the PNG holds {got} bytes of pixels where its header calls for {expected}")]
    Missing {
        /// How many there are.
        got: usize,
        /// How many there should be.
        expected: usize,
    },
    /// More rows than the header calls for, or bytes behind the stream.
    #[error("the PNG holds more pixels than its header calls for ({0} bytes)")]
    Surplus(usize),
    /// A row filter above 4.
    #[error("a PNG row has filter {0}: there are only 0 to 4")]
    Filter(u8),
}

impl From<UnknownFilter> for PngError {
    fn from(filter: UnknownFilter) -> Self {
        Self::Filter(filter.0)
    }
}

/// Part of a picture: the whole, or one of the seven passes of Adam7.
#[derive(Clone, Copy)]
struct Pass {
    x0: usize,
    y0: usize,
    dx: usize,
    dy: usize,
    width: usize,
    height: usize,
}

/// Where the pixels of each Adam7 pass lie: first column, first row, steps in x and y.
const ADAM7: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// The grey plane of a PNG file.
pub(crate) fn decode(
    bytes: &[u8],
    rules: &Rules,
    scratch: &mut Scratch,
) -> Result<Plane, DecodeError> {
    let header = chunks::header(bytes).map_err(PngError::from)?;
    rules.check_sides(header.width.into(), header.height.into())?;
    let channel = check_colour(&header, rules)?;
    let body = chunks::body(bytes).map_err(PngError::from)?;
    if body.transparent {
        return Err(DecodeError::Kind { what: "transparency (tRNS)" });
    }
    let passes = passes(&header);
    let expected = passes.iter().map(|pass| pass.height * (stride(&header, pass.width) + 1)).sum();
    inflate(&body.compressed, expected, &mut scratch.stream)?;
    drop(body);
    let samples = samples(&header, &passes, scratch)?;
    let samples = match (channel, samples) {
        (None, samples) => samples,
        (Some(channel), Samples::Eight(rgb)) => Samples::Eight(one_component(&rgb, channel)?),
        (Some(channel), Samples::Sixteen(rgb)) => Samples::Sixteen(one_component(&rgb, channel)?),
    };
    let (width, height) = (header.width as usize, header.height as usize);
    Ok(Plane::new(width, height, samples).expect("as many samples as the header says"))
}

/// Width, height and bytes a pixel, by the header alone.
pub(crate) fn sides_and_bytes(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let header = chunks::header(bytes).ok()?;
    let pixel_bytes = components(&header) as u64 * u64::from(header.depth.div_ceil(8));
    Some((header.width.into(), header.height.into(), pixel_bytes))
}

/// Which channel's colour to take: none when the picture is grey.
fn check_colour(header: &PngHeader, rules: &Rules) -> Result<Option<Channel>, DecodeError> {
    match (header.colour, rules.one_colour) {
        (0, _) => Ok(None),
        (2, Some(channel)) => Ok(Some(channel)),
        (2, None) => Err(DecodeError::Colour { what: "red, green and blue in one picture" }),
        (3, _) => Err(DecodeError::Kind { what: "a colour palette" }),
        _ => Err(DecodeError::Kind { what: "an alpha component (transparency)" }),
    }
}

const fn components(header: &PngHeader) -> usize {
    if header.colour == 2 { 3 } else { 1 }
}

/// Bytes in a row of `width` pixels.
const fn stride(header: &PngHeader, width: usize) -> usize {
    (width * components(header) * header.depth as usize).div_ceil(8)
}

/// The parts in the order of the stream; empty ones are not there.
fn passes(header: &PngHeader) -> Vec<Pass> {
    let (width, height) = (header.width as usize, header.height as usize);
    if !header.interlaced {
        return vec![Pass { x0: 0, y0: 0, dx: 1, dy: 1, width, height }];
    }
    let part = |[x0, y0, dx, dy]: [usize; 4]| Pass {
        x0,
        y0,
        dx,
        dy,
        width: width.saturating_sub(x0).div_ceil(dx),
        height: height.saturating_sub(y0).div_ceil(dy),
    };
    ADAM7.into_iter().map(part).filter(|pass| pass.width > 0 && pass.height > 0).collect()
}

/// Inflates the zlib stream into `output`, which must give exactly `expected` bytes.
fn inflate(compressed: &[u8], expected: usize, output: &mut Vec<u8>) -> Result<(), PngError> {
    let damaged = |error| match error {
        DecompressionError::InsufficientInput => PngError::Damaged("the stream ends too early"),
        DecompressionError::WrongChecksum => PngError::Damaged("the Adler-32 checksum is wrong"),
        DecompressionError::BadZlibHeader => PngError::Damaged("no zlib stream"),
        _ => PngError::Damaged("no deflate stream"),
    };
    // One byte more than expected, so that surplus shows.
    output.resize(expected + 1, 0);
    let mut stream = Decompressor::new();
    // The last byte belongs to the checksum: who is done without it has bytes left over.
    let head = &compressed[..compressed.len() - 1];
    let (used, mut got) = stream.read(head, output, 0, false).map_err(damaged)?;
    if stream.is_done() && got == expected {
        return Err(PngError::Surplus(1));
    }
    if got <= expected && !stream.is_done() {
        let (_, more) = stream.read(&compressed[used..], output, got, true).map_err(damaged)?;
        got += more;
    }
    if got > expected {
        return Err(PngError::Surplus(got - expected));
    }
    if got < expected {
        return Err(PngError::Missing { got, expected });
    }
    output.truncate(expected);
    Ok(())
}

/// The samples in the inflated stream.
fn samples(
    header: &PngHeader,
    passes: &[Pass],
    scratch: &mut Scratch,
) -> Result<Samples, PngError> {
    if header.depth == 8 && !header.interlaced {
        let mut rows = std::mem::take(&mut scratch.samples);
        let width = stride(header, header.width as usize);
        unfilter(&scratch.stream, width, components(header), &mut rows)?;
        return Ok(Samples::Eight(rows));
    }
    Ok(match header.depth {
        16 => Samples::Sixteen(join(header, passes, scratch, |row, _, pixels| {
            let pairs = row.chunks_exact(2);
            pixels.extend(pairs.map(|two| u16::from_be_bytes([two[0], two[1]])));
        })?),
        8 => Samples::Eight(join(header, passes, scratch, |row, _, pixels| {
            pixels.extend_from_slice(row);
        })?),
        depth => Samples::Eight(join(header, passes, scratch, |row, width, pixels| {
            unpack(row, width, depth, pixels);
        })?),
    })
}

/// Undoes the filters of every pass and puts its pixels in their places.
fn join<T: Level>(
    header: &PngHeader,
    passes: &[Pass],
    scratch: &mut Scratch,
    unpack: impl Fn(&[u8], usize, &mut Vec<T>),
) -> Result<Vec<T>, PngError> {
    let parts = components(header);
    let step = (parts * usize::from(header.depth) / 8).max(1);
    let (width, height) = (header.width as usize, header.height as usize);
    let mut joined = vec![T::default(); width * height * parts];
    let (mut stream, rows) = (&scratch.stream[..], &mut scratch.rows);
    let mut pixels = Vec::new();
    for pass in passes {
        let stride = stride(header, pass.width);
        let (own, rest) = stream.split_at(pass.height * (stride + 1));
        stream = rest;
        unfilter(own, stride, step, rows)?;
        for (y, row) in rows.chunks_exact(stride).enumerate() {
            let line = (pass.y0 + y * pass.dy) * width;
            pixels.clear();
            unpack(row, pass.width * parts, &mut pixels);
            if pass.dx == 1 && pass.x0 == 0 {
                joined[line * parts..][..pixels.len()].copy_from_slice(&pixels);
                continue;
            }
            for (x, pixel) in pixels.chunks_exact(parts).enumerate() {
                let place = (line + pass.x0 + x * pass.dx) * parts;
                joined[place..place + parts].copy_from_slice(pixel);
            }
        }
    }
    Ok(joined)
}

/// `width` samples of 1, 2 or 4 bits, the highest first in each byte, stretched to 0–255.
fn unpack(row: &[u8], width: usize, depth: u8, pixels: &mut Vec<u8>) {
    let per_byte = usize::from(8 / depth);
    let largest = (1u8 << depth) - 1;
    let level = |index: usize| {
        let place = u8::try_from(index % per_byte).expect("below 8");
        let shift = 8 - depth * (place + 1);
        (row[index / per_byte] >> shift & largest) * (255 / largest)
    };
    pixels.extend((0..width).map(level));
}
