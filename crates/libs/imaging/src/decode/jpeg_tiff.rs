//! JPEG and TIFF decoder, on the `image` crate.
//!
//! JPEG has no checksums: of damage, only a missing end can be detected. A TIFF may hold
//! several images; one with more than one is refused, because nothing says which is meant.

use std::io::Cursor;

use hpa_core::Channel;
use image::codecs::{jpeg::JpegDecoder, tiff::TiffDecoder};
use image::{ColorType, ImageDecoder, Limits};

use super::Dimensions;
use super::error::{DecodeError, JpegTiffError};
use super::format::ImageFormat;
use super::options::DecodeOptions;
use super::rgb_channel::{Primitive, extract_rgb_channel};
use crate::{Plane, Samples};

/// Decodes a JPEG or TIFF file to a grey plane.
pub(super) fn decode(
    bytes: &[u8],
    format: ImageFormat,
    options: &DecodeOptions,
) -> Result<Plane, DecodeError> {
    let decoder_error = |source| JpegTiffError::Decoder { format, source };
    let reader = Cursor::new(bytes);
    if format == ImageFormat::Jpeg {
        if !bytes.ends_with(&[0xff, 0xd9]) {
            return Err(JpegTiffError::NoEndMarker.into());
        }
        read_plane(JpegDecoder::new(reader).map_err(decoder_error)?, format, options)
    } else {
        check_single_image(bytes)?;
        read_plane(TiffDecoder::new(reader).map_err(decoder_error)?, format, options)
    }
}

/// Reads the dimensions from the headers alone.
pub(super) fn dimensions(bytes: &[u8], format: ImageFormat) -> Option<Dimensions> {
    fn of(decoder: &impl ImageDecoder) -> Dimensions {
        let (width, height) = decoder.dimensions();
        let bytes_per_pixel = decoder.color_type().bytes_per_pixel().into();
        Dimensions { width: width.into(), height: height.into(), bytes_per_pixel }
    }
    let reader = Cursor::new(bytes);
    match format {
        ImageFormat::Jpeg => JpegDecoder::new(reader).ok().as_ref().map(of),
        _ => TiffDecoder::new(reader).ok().as_ref().map(of),
    }
}

fn read_plane(
    mut decoder: impl ImageDecoder,
    format: ImageFormat,
    options: &DecodeOptions,
) -> Result<Plane, DecodeError> {
    let decoder_error = |source| JpegTiffError::Decoder { format, source };
    let (width, height) = decoder.dimensions();
    options.check_dimensions(width.into(), height.into())?;
    let color_type = decoder.color_type();
    let channel = check_color_type(color_type, options)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * decoder.total_bytes() + (1 << 20));
    decoder.set_limits(limits).map_err(decoder_error)?;
    let length = usize::try_from(decoder.total_bytes()).expect("sides are limited");
    let mut bytes = vec![0; length];
    decoder.read_image(&mut bytes).map_err(decoder_error)?;
    let samples = match color_type {
        ColorType::L16 | ColorType::Rgb16 => {
            let samples = bytes.as_chunks().0.iter().map(|&pair| u16::from_ne_bytes(pair));
            Samples::U16(select_channel(samples.collect(), channel)?)
        }
        _ => Samples::U8(select_channel(bytes, channel)?),
    };
    Ok(Plane::new(width as usize, height as usize, samples).expect("the decoder filled it"))
}

/// The samples of a grey image, or one component of an RGB image.
fn select_channel<T: Primitive>(
    samples: Vec<T>,
    channel: Option<Channel>,
) -> Result<Vec<T>, DecodeError> {
    match channel {
        None => Ok(samples),
        Some(channel) => extract_rgb_channel(&samples, channel),
    }
}

/// The channel to extract from an RGB image; none if the image is grey.
fn check_color_type(
    color_type: ColorType,
    options: &DecodeOptions,
) -> Result<Option<Channel>, DecodeError> {
    match color_type {
        ColorType::L8 | ColorType::L16 => Ok(None),
        ColorType::Rgb8 | ColorType::Rgb16 => options.check_rgb().map(Some),
        _ if color_type.has_alpha() => {
            Err(DecodeError::PixelFormat("an alpha component (transparency)"))
        }
        _ => Err(DecodeError::PixelFormat("samples of neither 8 nor 16 bits")),
    }
}

/// Refuses a TIFF whose first image directory links to a second.
///
/// Layout (TIFF 6.0, section 2): byte order, 42, offset of the first directory; there the
/// number of entries, entries of 12 bytes, offset of the next directory or 0.
fn check_single_image(bytes: &[u8]) -> Result<(), JpegTiffError> {
    let little_endian = bytes.starts_with(b"II");
    let integer = |offset: usize, length: usize| {
        let bytes = bytes.get(offset..)?.get(..length)?;
        let push = |value: usize, &byte: &u8| value << 8 | usize::from(byte);
        Some(if little_endian {
            bytes.iter().rev().fold(0, push)
        } else {
            bytes.iter().fold(0, push)
        })
    };
    let next = integer(4, 4)
        .and_then(|first| integer(first, 2).map(|entries| first + 2 + 12 * entries))
        .and_then(|end| integer(end, 4));
    match next {
        Some(0) => Ok(()),
        Some(_) => Err(JpegTiffError::SeveralImages),
        None => Err(JpegTiffError::TruncatedDirectory),
    }
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;

    fn encoded(image: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn grey() -> DynamicImage {
        image::GrayImage::from_fn(40, 30, |x, y| [u8::try_from(x * 5 + y).unwrap()].into()).into()
    }

    #[test]
    fn a_tiff_of_8_or_16_bits_decodes_to_the_encoded_samples() {
        let options = DecodeOptions::default();
        let bytes = encoded(&grey(), image::ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &options).unwrap();
        assert_eq!(plane.samples(), &Samples::U8(grey().into_bytes()));
        let deep = grey().to_luma16();
        let bytes = encoded(&DynamicImage::ImageLuma16(deep.clone()), image::ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &options).unwrap();
        assert_eq!((plane.width(), plane.height()), (40, 30));
        assert_eq!(plane.samples(), &Samples::U16(deep.into_raw()));
    }

    #[test]
    fn a_tiff_or_jpeg_truncated_at_any_byte_is_refused() {
        for format in [image::ImageFormat::Tiff, image::ImageFormat::Jpeg] {
            let bytes = encoded(&grey(), format);
            crate::decode(&bytes, &DecodeOptions::default()).unwrap();
            for length in 0..bytes.len() {
                assert!(
                    crate::decode(&bytes[..length], &DecodeOptions::default()).is_err(),
                    "{length}"
                );
            }
        }
    }

    #[test]
    fn an_rgb_jpeg_is_decoded_only_with_rgb_channel() {
        let red =
            image::RgbImage::from_fn(32, 32, |x, _| [if x < 16 { 200 } else { 0 }, 0, 0].into());
        let bytes = encoded(&red.into(), image::ImageFormat::Jpeg);
        let error = crate::decode(&bytes, &DecodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("rgb_channel"), "{error}");
        let options = DecodeOptions { rgb_channel: Some(Channel::Red), ..DecodeOptions::default() };
        let plane = crate::decode(&bytes, &options).unwrap();
        let Samples::U8(levels) = plane.samples() else { panic!("8 bits") };
        assert!(levels[0] > 190 && levels[31] < 10);
        let options =
            DecodeOptions { rgb_channel: Some(Channel::Blue), ..DecodeOptions::default() };
        assert!(crate::decode(&bytes, &options).is_err());
    }

    #[test]
    fn a_16_bit_tiff_of_3072_px_is_decoded() {
        let level = |x: u32, y: u32| u16::try_from((x * 7 + y * 13) % 65_521).unwrap();
        let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(3072, 3072, |x, y| {
            [level(x, y)].into()
        });
        let bytes = encoded(&DynamicImage::ImageLuma16(deep.clone()), image::ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &DecodeOptions::default()).unwrap();
        assert!(plane.samples() == &Samples::U16(deep.into_raw()));
        let size = dimensions(&bytes, ImageFormat::Tiff).unwrap();
        assert_eq!((size.width, size.height, size.bytes_per_pixel), (3072, 3072, 2));
        let small = DecodeOptions { max_side_px: 3071, ..DecodeOptions::default() };
        assert!(crate::decode(&bytes, &small).unwrap_err().to_string().contains("max_side_px"));
    }

    #[test]
    fn a_tiff_with_two_images_is_refused() {
        let mut bytes = encoded(&grey(), image::ImageFormat::Tiff);
        let at = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let entries = usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
        bytes[at + 2 + 12 * entries] = 8;
        let error = crate::decode(&bytes, &DecodeOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "the TIFF holds more than one image");
    }
}
