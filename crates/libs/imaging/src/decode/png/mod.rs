//! PNG decoder: inflate, unfilter, deinterlace, unpack.
//!
//! Stricter than libpng and the `png` crate: the inflated stream must have exactly the bytes
//! that the header announces and end with a correct checksum. Inflating in one call into a
//! buffer of the final size is also the fastest way.

mod chunks;
mod unfilter;

use fdeflate::{DecompressionError, Decompressor};
use hpa_core::Channel;

use self::chunks::Header;
use self::unfilter::unfilter;
use super::Dimensions;
use super::buffers::DecodeBuffers;
use super::error::{DecodeError, PngError};
use super::options::DecodeOptions;
use super::rgb_channel::{Primitive, extract_rgb_channel};
use crate::{Plane, Samples};

/// Decodes a PNG file to a grey plane.
pub(super) fn decode(
    bytes: &[u8],
    options: &DecodeOptions,
    buffers: &mut DecodeBuffers,
) -> Result<Plane, DecodeError> {
    let header = chunks::read_header(bytes)?;
    options.check_dimensions(header.width.into(), header.height.into())?;
    let channel = check_color_type(&header, options)?;
    let image = chunks::read_image_data(bytes)?;
    if image.has_transparency {
        return Err(DecodeError::PixelFormat("transparency (tRNS)"));
    }
    let passes = passes(&header);
    let expected = passes.iter().map(|pass| pass.height * (stride(&header, pass.width) + 1)).sum();
    inflate(&image.compressed, expected, &mut buffers.inflated)?;
    drop(image);
    let samples = match (channel, read_samples(&header, &passes, buffers)?) {
        (None, samples) => samples,
        (Some(channel), Samples::U8(rgb)) => Samples::U8(extract_rgb_channel(&rgb, channel)?),
        (Some(channel), Samples::U16(rgb)) => Samples::U16(extract_rgb_channel(&rgb, channel)?),
    };
    let (width, height) = (header.width as usize, header.height as usize);
    Ok(Plane::new(width, height, samples).expect("as many samples as the header announces"))
}

/// Reads the dimensions from the header alone.
pub(super) fn dimensions(bytes: &[u8]) -> Option<Dimensions> {
    let header = chunks::read_header(bytes).ok()?;
    Some(Dimensions {
        width: header.width.into(),
        height: header.height.into(),
        bytes_per_pixel: components(&header) as u64 * u64::from(header.bit_depth.div_ceil(8)),
    })
}

/// The channel to extract from an RGB image; none if the image is grey.
fn check_color_type(
    header: &Header,
    options: &DecodeOptions,
) -> Result<Option<Channel>, DecodeError> {
    match header.color_type {
        0 => Ok(None),
        2 => options.check_rgb().map(Some),
        3 => Err(DecodeError::PixelFormat("a colour palette")),
        _ => Err(DecodeError::PixelFormat("an alpha component (transparency)")),
    }
}

const fn components(header: &Header) -> usize {
    if header.color_type == 2 { 3 } else { 1 }
}

/// Bytes in a row of `width` pixels.
const fn stride(header: &Header, width: usize) -> usize {
    (width * components(header) * header.bit_depth as usize).div_ceil(8)
}

/// One of the seven passes of Adam7, or the whole image.
#[derive(Clone, Copy)]
struct Pass {
    x0: usize,
    y0: usize,
    dx: usize,
    dy: usize,
    width: usize,
    height: usize,
}

/// `[x0, y0, dx, dy]` of each Adam7 pass.
const ADAM7: [[usize; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// The passes in stream order, without those that have no pixels.
fn passes(header: &Header) -> Vec<Pass> {
    let (width, height) = (header.width as usize, header.height as usize);
    if !header.interlaced {
        return vec![Pass { x0: 0, y0: 0, dx: 1, dy: 1, width, height }];
    }
    let pass = |[x0, y0, dx, dy]: [usize; 4]| Pass {
        x0,
        y0,
        dx,
        dy,
        width: width.saturating_sub(x0).div_ceil(dx),
        height: height.saturating_sub(y0).div_ceil(dy),
    };
    ADAM7.into_iter().map(pass).filter(|pass| pass.width > 0 && pass.height > 0).collect()
}

/// Inflates a zlib stream, which must give exactly `expected` bytes.
fn inflate(compressed: &[u8], expected: usize, output: &mut Vec<u8>) -> Result<(), PngError> {
    let zlib = |error| {
        PngError::Zlib(match error {
            DecompressionError::InsufficientInput => "the stream ends too early",
            DecompressionError::WrongChecksum => "the Adler-32 checksum is wrong",
            DecompressionError::BadZlibHeader => "not a zlib stream",
            _ => "not a deflate stream",
        })
    };
    // One byte more than expected, to detect extra pixels.
    output.resize(expected + 1, 0);
    let mut decompressor = Decompressor::new();
    // The last byte belongs to the checksum: if the stream ends without it, bytes follow it.
    let head = &compressed[..compressed.len() - 1];
    let (consumed, mut got) = decompressor.read(head, output, 0, false).map_err(zlib)?;
    if decompressor.is_done() && got == expected {
        return Err(PngError::ExtraPixels(1));
    }
    if got <= expected && !decompressor.is_done() {
        let rest = &compressed[consumed..];
        got += decompressor.read(rest, output, got, true).map_err(zlib)?.1;
    }
    if got > expected {
        return Err(PngError::ExtraPixels(got - expected));
    }
    if got < expected {
        return Err(PngError::MissingPixels { got, expected });
    }
    output.truncate(expected);
    Ok(())
}

/// Reads the samples out of the inflated stream.
fn read_samples(
    header: &Header,
    passes: &[Pass],
    buffers: &mut DecodeBuffers,
) -> Result<Samples, PngError> {
    if header.bit_depth == 8 && !header.interlaced {
        let mut rows = std::mem::take(&mut buffers.samples);
        let stride = stride(header, header.width as usize);
        unfilter(&buffers.inflated, stride, components(header), &mut rows)?;
        return Ok(Samples::U8(rows));
    }
    Ok(match header.bit_depth {
        16 => Samples::U16(deinterlace(header, passes, buffers, |row, _, pixels| {
            pixels.extend(row.as_chunks().0.iter().map(|&bytes| u16::from_be_bytes(bytes)));
        })?),
        8 => Samples::U8(deinterlace(header, passes, buffers, |row, _, pixels| {
            pixels.extend_from_slice(row);
        })?),
        bit_depth => Samples::U8(deinterlace(header, passes, buffers, |row, width, pixels| {
            unpack_bits(row, width, bit_depth, pixels);
        })?),
    })
}

/// Unfilters every pass and scatters its pixels into the image.
///
/// `unpack` appends the samples of a row, given its bytes and the number of samples.
fn deinterlace<T: Primitive>(
    header: &Header,
    passes: &[Pass],
    buffers: &mut DecodeBuffers,
    unpack: impl Fn(&[u8], usize, &mut Vec<T>),
) -> Result<Vec<T>, PngError> {
    let components = components(header);
    let bytes_per_pixel = (components * usize::from(header.bit_depth) / 8).max(1);
    let (width, height) = (header.width as usize, header.height as usize);
    let mut image = vec![T::default(); width * height * components];
    let mut stream = &buffers.inflated[..];
    let mut pixels = Vec::new();
    for pass in passes {
        let stride = stride(header, pass.width);
        let (filtered, rest) = stream.split_at(pass.height * (stride + 1));
        stream = rest;
        unfilter(filtered, stride, bytes_per_pixel, &mut buffers.rows)?;
        for (y, row) in buffers.rows.chunks_exact(stride).enumerate() {
            let row_start = (pass.y0 + y * pass.dy) * width;
            pixels.clear();
            unpack(row, pass.width * components, &mut pixels);
            if pass.dx == 1 && pass.x0 == 0 {
                image[row_start * components..][..pixels.len()].copy_from_slice(&pixels);
                continue;
            }
            for (x, pixel) in pixels.chunks_exact(components).enumerate() {
                let start = (row_start + pass.x0 + x * pass.dx) * components;
                image[start..start + components].copy_from_slice(pixel);
            }
        }
    }
    Ok(image)
}

/// Unpacks `width` samples of 1, 2 or 4 bits, most significant first, scaled to 0–255.
fn unpack_bits(row: &[u8], width: usize, bit_depth: u8, pixels: &mut Vec<u8>) {
    let per_byte = usize::from(8 / bit_depth);
    let max = (1u8 << bit_depth) - 1;
    let sample = |index: usize| {
        let position = u8::try_from(index % per_byte).expect("below 8");
        let shift = 8 - bit_depth * (position + 1);
        (row[index / per_byte] >> shift & max) * (255 / max)
    };
    pixels.extend((0..width).map(sample));
}
