//! Decode errors.

use hpa_core::Channel;
use image::ImageError;

use super::format::ImageFormat;

/// Why a file cannot be decoded to a grey plane.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// No known signature.
    #[error("neither PNG nor JPEG nor TIFF by its first bytes")]
    UnknownFormat,
    /// A width or height of 0.
    #[error("the image is empty: {0}x{1} pixels")]
    NoPixels(u64, u64),
    /// A width or height beyond the limit.
    #[error("the image has {width}x{height} pixels, the limit is {limit} a side (max_side_px)")]
    #[expect(missing_docs, reason = "the message says what the fields are")]
    TooLarge { width: u64, height: u64, limit: usize },
    /// An RGB image where grey was expected.
    #[error("an RGB image, expected grey: `rgb_channel = true` extracts the channel's own colour")]
    Colour,
    /// A pixel format that no setting accepts, such as a palette.
    #[error("unsupported pixel format: {0}, expected grey")]
    PixelFormat(&'static str),
    /// An RGB image that is brighter in a component that the channel's colour lacks.
    #[error("an image of the {0} channel that is brighter in another colour")]
    WrongColour(Channel),
    /// Not a valid PNG.
    #[error(transparent)]
    Png(#[from] PngError),
    /// Not a valid JPEG or TIFF.
    #[error(transparent)]
    JpegTiff(#[from] JpegTiffError),
}

/// Why a file is not a valid PNG.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PngError {
    /// The signature is cut or was rewritten by a text-mode transfer.
    #[error("the PNG signature is damaged")]
    Signature,
    /// The file ends too early.
    #[error("the PNG is truncated in {0}")]
    Truncated(String),
    /// A chunk's checksum is wrong.
    #[error("PNG chunk {0} has a wrong checksum (CRC): the file is damaged")]
    Crc(String),
    /// A chunk that is missing, duplicated or out of place.
    #[error("PNG chunk {0} is {1}")]
    Chunk(String, &'static str),
    /// Bytes after the end.
    #[error("{0} bytes follow the end of the PNG")]
    TrailingBytes(usize),
    /// A header field outside the format.
    #[error("the PNG header is invalid: {0} is {1}")]
    Header(&'static str, u32),
    /// The zlib stream is damaged.
    #[error("the PNG's compressed data is damaged: {0}")]
    Zlib(&'static str),
    /// Fewer rows than the header announces.
    #[error("the PNG has {got} bytes of pixel data, its header announces {expected}")]
    #[expect(missing_docs, reason = "the message says what the fields are")]
    MissingPixels { got: usize, expected: usize },
    /// More rows than the header announces, or bytes after the zlib stream.
    #[error("the PNG has more pixel data than its header announces ({0} bytes too many)")]
    ExtraPixels(usize),
    /// A row filter above 4.
    #[error("a PNG row has filter type {0}: only 0 to 4 are defined")]
    FilterType(u8),
}

/// Why a file is not a valid JPEG or TIFF.
#[derive(Debug, thiserror::Error)]
pub enum JpegTiffError {
    /// The decoder of the `image` crate failed.
    #[error("the {format} is damaged or of an unsupported kind: {source}")]
    #[expect(missing_docs, reason = "the message says what the fields are")]
    Decoder { format: ImageFormat, source: ImageError },
    /// No end-of-image marker.
    #[error(
        "the JPEG is truncated or followed by other bytes: it does not end with its end-of-image marker"
    )]
    NoEndMarker,
    /// Several images in one TIFF.
    #[error("the TIFF holds more than one image")]
    SeveralImages,
    /// The first directory lies outside the file.
    #[error("the TIFF is truncated: its directory lies beyond the end of the file")]
    TruncatedDirectory,
}
