//! Image decoding: PNG, JPEG and TIFF bytes to a grey [`Plane`].
//!
//! The format is detected from the first bytes, never from the file name. The header is
//! checked against [`DecodeOptions`] before any pixel buffer is allocated, so a header that
//! claims 50,000 × 50,000 pixels costs nothing.

mod buffers;
mod error;
mod format;
mod jpeg_tiff;
mod options;
mod png;
mod rgb_channel;

pub use buffers::DecodeBuffers;
pub use error::{DecodeError, JpegTiffError, PngError};
pub use format::ImageFormat;
pub use options::DecodeOptions;

use crate::Plane;

/// Decodes a PNG, JPEG or TIFF file to a grey plane.
///
/// # Errors
/// When the file is not exactly one intact image that `options` allow.
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Plane, DecodeError> {
    decode_with_buffers(bytes, options, &mut DecodeBuffers::default())
}

/// Same as [`decode`], reusing the buffers of earlier calls.
///
/// # Errors
/// Same as [`decode`].
pub fn decode_with_buffers(
    bytes: &[u8],
    options: &DecodeOptions,
    buffers: &mut DecodeBuffers,
) -> Result<Plane, DecodeError> {
    match ImageFormat::from_content(bytes) {
        Some(ImageFormat::Png) => png::decode(bytes, options, buffers),
        Some(format) => jpeg_tiff::decode(bytes, format, options),
        None if bytes.is_empty() => Err(DecodeError::Empty),
        None => Err(DecodeError::UnknownFormat),
    }
}

/// Upper estimate of the memory that decoding needs beside the file itself, in bytes; 0 if the
/// header will be refused.
#[must_use]
pub fn decode_memory_bytes(bytes: &[u8], options: &DecodeOptions) -> u64 {
    let header = match ImageFormat::from_content(bytes) {
        Some(ImageFormat::Png) => png::dimensions(bytes),
        Some(format) => jpeg_tiff::dimensions(bytes, format),
        None => None,
    };
    match header {
        Some(size) if options.check_dimensions(size.width, size.height).is_ok() => {
            // Joined IDAT chunks, inflated stream, unfiltered rows, samples, one RGB channel.
            bytes.len() as u64 + 4 * size.width * size.height * size.bytes_per_pixel
        }
        _ => 0,
    }
}

/// Image dimensions, read from the header alone.
struct Dimensions {
    width: u64,
    height: u64,
    bytes_per_pixel: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_and_an_unknown_format_are_different_errors() {
        let options = DecodeOptions::default();
        assert!(matches!(decode(b"", &options), Err(DecodeError::Empty)));
        assert!(matches!(decode(b"hello world", &options), Err(DecodeError::UnknownFormat)));
    }
}
