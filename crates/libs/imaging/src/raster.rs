//! A grey plane out of a JPEG or TIFF file, decoded by the `image` crate.
//!
//! JPEG has no checksums: what can be seen is an end that is missing. TIFF may hold many
//! pictures; a file with a second one is refused, since nobody said which to take.

use std::io::Cursor;

use hpa_core::Channel;
use image::codecs::{jpeg::JpegDecoder, tiff::TiffDecoder};
use image::{ColorType, ImageDecoder, ImageError, Limits};

use crate::decode::{DecodeError, Format, Level, Rules, one_component};
use crate::{Plane, Samples};

/// Why a file is not a sound JPEG or TIFF.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    /// The decoder refused it.
    #[error("the {format} is damaged or of a kind that is not read: {source}")]
    Decoder {
        /// What the file is.
        format: Format,
        /// What the decoder says.
        source: ImageError,
    },
    /// No end-of-image marker.
    #[error(
        "the JPEG is cut short or followed by other bytes: it does not end with its end marker"
    )]
    NoEnd,
    /// Several pictures in one TIFF.
    #[error("the TIFF holds more than one picture")]
    SeveralPictures,
    /// The first directory lies outside the file.
    #[error("the TIFF is cut short: its directory lies beyond its end")]
    NoDirectory,
}

/// The grey plane of a JPEG or TIFF file.
pub(crate) fn decode(bytes: &[u8], format: Format, rules: &Rules) -> Result<Plane, DecodeError> {
    let failed = |source| DecodeError::from(RasterError::Decoder { format, source });
    let reader = Cursor::new(bytes);
    if format == Format::Jpeg {
        if !bytes.ends_with(&[0xff, 0xd9]) {
            return Err(RasterError::NoEnd.into());
        }
        pixels(JpegDecoder::new(reader).map_err(failed)?, format, rules)
    } else {
        check_single(bytes)?;
        pixels(TiffDecoder::new(reader).map_err(failed)?, format, rules)
    }
}

/// Width, height and bytes a pixel, by the headers alone.
pub(crate) fn sides_and_bytes(bytes: &[u8], format: Format) -> Option<(u64, u64, u64)> {
    fn of(decoder: &impl ImageDecoder) -> (u64, u64, u64) {
        let (width, height) = decoder.dimensions();
        (width.into(), height.into(), decoder.color_type().bytes_per_pixel().into())
    }
    let reader = Cursor::new(bytes);
    match format {
        Format::Jpeg => JpegDecoder::new(reader).ok().as_ref().map(of),
        _ => TiffDecoder::new(reader).ok().as_ref().map(of),
    }
}

fn pixels(
    mut decoder: impl ImageDecoder,
    format: Format,
    rules: &Rules,
) -> Result<Plane, DecodeError> {
    let failed = |source| RasterError::Decoder { format, source };
    let (width, height) = decoder.dimensions();
    rules.check_sides(width.into(), height.into())?;
    let kind = decoder.color_type();
    let channel = check_colour(kind, rules)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * decoder.total_bytes() + (1 << 20));
    decoder.set_limits(limits).map_err(failed)?;
    let length = usize::try_from(decoder.total_bytes()).expect("sides are limited");
    let mut bytes = vec![0; length];
    decoder.read_image(&mut bytes).map_err(failed)?;
    let samples = match kind {
        ColorType::L16 | ColorType::Rgb16 => {
            let pairs = bytes.chunks_exact(2);
            let levels = pairs.map(|two| u16::from_ne_bytes([two[0], two[1]])).collect();
            Samples::Sixteen(take(levels, channel)?)
        }
        _ => Samples::Eight(take(bytes, channel)?),
    };
    Ok(Plane::new(width as usize, height as usize, samples).expect("the decoder filled it"))
}

/// The samples of a grey picture, or those of one colour.
fn take<T: Level>(samples: Vec<T>, channel: Option<Channel>) -> Result<Vec<T>, DecodeError> {
    match channel {
        None => Ok(samples),
        Some(channel) => one_component(&samples, channel),
    }
}

fn check_colour(kind: ColorType, rules: &Rules) -> Result<Option<Channel>, DecodeError> {
    match (kind, rules.one_colour) {
        (ColorType::L8 | ColorType::L16, _) => Ok(None),
        (ColorType::Rgb8 | ColorType::Rgb16, Some(channel)) => Ok(Some(channel)),
        (ColorType::Rgb8 | ColorType::Rgb16, None) => {
            Err(DecodeError::Colour { what: "red, green and blue in one picture" })
        }
        (kind, _) if kind.has_alpha() => {
            Err(DecodeError::Kind { what: "an alpha component (transparency)" })
        }
        _ => Err(DecodeError::Kind { what: "samples that are neither 8 nor 16 bits of light" }),
    }
}

/// Refuses a TIFF whose first directory names a second.
///
/// Layout (TIFF 6.0, section 2): byte order, 42, offset of the first directory; there the
/// number of entries, entries of 12 bytes, offset of the next directory or 0.
fn check_single(bytes: &[u8]) -> Result<(), RasterError> {
    let little = bytes.starts_with(b"II");
    let byte = |at: usize| bytes.get(at).copied().map(usize::from);
    let number = |at: usize, length: usize| {
        (0..length).try_fold(0, |sum, place| {
            let part = byte(at.checked_add(place)?)?;
            Some(sum | part << (8 * if little { place } else { length - 1 - place }))
        })
    };
    let next = number(4, 4)
        .and_then(|first| number(first, 2).map(|entries| first + 2 + 12 * entries))
        .and_then(|end| number(end, 4));
    match next {
        Some(0) => Ok(()),
        Some(_) => Err(RasterError::SeveralPictures),
        None => Err(RasterError::NoDirectory),
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, ImageFormat};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn grey() -> DynamicImage {
        image::GrayImage::from_fn(40, 30, |x, y| [u8::try_from(x * 5 + y).unwrap()].into()).into()
    }

    #[test]
    fn tiff_of_8_and_16_bits_comes_back_as_it_was() {
        let rules = Rules::default();
        let bytes = encoded(&grey(), ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &rules).unwrap();
        assert_eq!(plane.samples(), &Samples::Eight(grey().into_bytes()));
        let deep = grey().to_luma16();
        let bytes = encoded(&DynamicImage::ImageLuma16(deep.clone()), ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &rules).unwrap();
        assert_eq!((plane.width(), plane.height()), (40, 30));
        assert_eq!(plane.samples(), &Samples::Sixteen(deep.into_raw()));
    }

    #[test]
    fn a_cut_tiff_or_jpeg_is_refused_at_every_length() {
        for format in [ImageFormat::Tiff, ImageFormat::Jpeg] {
            let bytes = encoded(&grey(), format);
            crate::decode(&bytes, &Rules::default()).unwrap();
            for length in 0..bytes.len() {
                assert!(crate::decode(&bytes[..length], &Rules::default()).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn a_jpeg_of_one_colour_gives_that_colour_and_only_when_asked() {
        let red =
            image::RgbImage::from_fn(32, 32, |x, _| [if x < 16 { 200 } else { 0 }, 0, 0].into());
        let bytes = encoded(&red.into(), ImageFormat::Jpeg);
        let error = crate::decode(&bytes, &Rules::default()).unwrap_err();
        assert!(error.to_string().contains("one_colour"), "{error}");
        let rules = Rules { one_colour: Some(Channel::Red), ..Rules::default() };
        let plane = crate::decode(&bytes, &rules).unwrap();
        let Samples::Eight(levels) = plane.samples() else { panic!("8 bits") };
        assert!(levels[0] > 190 && levels[31] < 10);
        let rules = Rules { one_colour: Some(Channel::Blue), ..Rules::default() };
        assert!(crate::decode(&bytes, &rules).is_err());
    }

    #[test]
    fn a_tiff_of_the_atlas_full_size_is_read() {
        let level = |x: u32, y: u32| u16::try_from((x * 7 + y * 13) % 65_521).unwrap();
        let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(3072, 3072, |x, y| {
            [level(x, y)].into()
        });
        let bytes = encoded(&DynamicImage::ImageLuma16(deep.clone()), ImageFormat::Tiff);
        let plane = crate::decode(&bytes, &Rules::default()).unwrap();
        assert!(plane.samples() == &Samples::Sixteen(deep.into_raw()));
        assert_eq!(sides_and_bytes(&bytes, Format::Tiff), Some((3072, 3072, 2)));
        let small = Rules { max_side_px: 3071, ..Rules::default() };
        assert!(crate::decode(&bytes, &small).unwrap_err().to_string().contains("max_side_px"));
    }

    #[test]
    fn a_second_picture_in_a_tiff_is_refused() {
        let mut bytes = encoded(&grey(), ImageFormat::Tiff);
        let at = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let entries = usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
        bytes[at + 2 + 12 * entries] = 8;
        let error = crate::decode(&bytes, &Rules::default()).unwrap_err();
        assert_eq!(error.to_string(), "the TIFF holds more than one picture");
    }
}
