//! Bytes of a picture file to a grey plane, by content, never by name.
//!
//! The first bytes say what a file is. Its header is checked against [`Rules`] before
//! anything is allocated for its pixels, so that a header that promises 50,000² pixels
//! costs nothing.

use hpa_core::Channel;

use crate::{Plane, PngError, RasterError, Scratch, png_plane, raster};

/// What pictures may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The longest side that is decoded.
    pub max_side_px: usize,
    /// When given, a picture may be in colour, and the plane is the component that shows
    /// this channel's colour: red, green or blue itself, and green for yellow, which is red
    /// and green light in equal parts. Pictures of version 18 of the atlas are such.
    pub one_colour: Option<Channel>,
}

impl Default for Rules {
    fn default() -> Self {
        // The atlas's largest originals have 3072 px.
        Self { max_side_px: 4096, one_colour: None }
    }
}

/// A kind of picture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// Tagged Image File Format.
    Tiff,
}

impl Format {
    /// What the first bytes of a file say.
    #[must_use]
    pub fn of_content(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG") {
            Some(Self::Png)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
            Some(Self::Tiff)
        } else {
            None
        }
    }

    /// What an extension such as `png` says, in either case.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "tif" | "tiff" => Some(Self::Tiff),
            _ => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Tiff => "TIFF",
        })
    }
}

/// Why bytes are no grey plane.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// No known signature.
    #[error("neither PNG nor JPEG nor TIFF by its first bytes")]
    Unknown,
    /// A side of 0.
    #[error("a picture of {width}x{height} pixels has nothing to show")]
    NoPixels {
        /// Samples in a row.
        width: u64,
        /// Number of rows.
        height: u64,
    },
    /// A side beyond the limit.
    #[error("{width}x{height} pixels: at most {limit} a side are decoded (max_side_px)")]
    TooLarge {
        /// Samples in a row.
        width: u64,
        /// Number of rows.
        height: u64,
        /// The longest side that is decoded.
        limit: usize,
    },
    /// Colour where grey was expected.
    #[error("{what}: expected grey; `one_colour = true` takes the channel's own colour")]
    Colour {
        /// What it holds, such as `red, green and blue`.
        what: &'static str,
    },
    /// Transparency or a palette, which no setting accepts.
    #[error("{what}: expected grey without it")]
    Kind {
        /// What it holds.
        what: &'static str,
    },
    /// A one-colour picture whose light is elsewhere.
    #[error("a picture of the {0} channel whose light is mostly of another colour")]
    OtherColour(Channel),
    /// Not a sound PNG.
    #[error(transparent)]
    Png(#[from] PngError),
    /// Not a sound JPEG or TIFF.
    #[error(transparent)]
    Raster(#[from] RasterError),
}

/// The grey plane in the bytes of a PNG, JPEG or TIFF file.
///
/// # Errors
/// When the file is anything but one whole, sound picture that `rules` allow.
pub fn decode(bytes: &[u8], rules: &Rules) -> Result<Plane, DecodeError> {
    decode_with(bytes, rules, &mut Scratch::default())
}

/// As [`decode`], in memory that is used again and again.
///
/// # Errors
/// As [`decode`].
pub fn decode_with(
    bytes: &[u8],
    rules: &Rules,
    scratch: &mut Scratch,
) -> Result<Plane, DecodeError> {
    match Format::of_content(bytes) {
        Some(Format::Png) => png_plane::decode(bytes, rules, scratch),
        Some(format) => raster::decode(bytes, format, rules),
        None if bytes.is_empty() => Err(DecodeError::Empty),
        None => Err(DecodeError::Unknown),
    }
}

/// About how many bytes decoding takes beside the file's own; 0 where it will be refused.
#[must_use]
pub fn memory_needed(bytes: &[u8], rules: &Rules) -> u64 {
    let sides = match Format::of_content(bytes) {
        Some(Format::Png) => png_plane::sides_and_bytes(bytes),
        Some(format) => raster::sides_and_bytes(bytes, format),
        None => None,
    };
    match sides {
        Some((width, height, pixel_bytes)) if rules.check_sides(width, height).is_ok() => {
            // The file joined, the stream, its rows, the samples, and those of one colour.
            bytes.len() as u64 + 4 * width * height * pixel_bytes
        }
        _ => 0,
    }
}

impl Rules {
    /// Refuses sides of 0 and beyond the limit.
    pub(crate) fn check_sides(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::NoPixels { width, height });
        }
        if width.max(height) > self.max_side_px as u64 {
            return Err(DecodeError::TooLarge { width, height, limit: self.max_side_px });
        }
        Ok(())
    }
}

/// A sample of one or two bytes.
pub(crate) trait Level: Copy + Default + Into<u64> {}
impl Level for u8 {}
impl Level for u16 {}

/// The component of an RGB picture that shows the channel's colour.
///
/// A component that the channel's colour lacks may not hold twice its light: such a file
/// belongs to another channel.
pub(crate) fn one_component<T: Level>(rgb: &[T], channel: Channel) -> Result<Vec<T>, DecodeError> {
    let (wanted, foreign): (usize, &[usize]) = match channel {
        Channel::Red => (0, &[1, 2]),
        Channel::Green => (1, &[0, 2]),
        Channel::Blue => (2, &[0, 1]),
        Channel::Yellow => (1, &[2]),
    };
    let light = |part: usize| rgb.iter().skip(part).step_by(3).map(|&v| v.into()).sum::<u64>();
    let own = light(wanted);
    // JPEG spreads a little light over the other components of a nearly black picture.
    let noise = rgb.len() as u64 / 3;
    if foreign.iter().any(|&part| light(part) > 2 * own + noise) {
        return Err(DecodeError::OtherColour(channel));
    }
    Ok(rgb.iter().skip(wanted).step_by(3).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yellow_is_read_from_green_and_red_from_red() {
        let yellow = [9u8, 8, 0, 7, 6, 0];
        assert_eq!(one_component(&yellow, Channel::Yellow).unwrap(), [8, 6]);
        assert_eq!(one_component(&yellow, Channel::Red).unwrap(), [9, 7]);
    }

    #[test]
    fn a_blue_picture_under_a_red_name_is_refused() {
        let blue = [0u8, 1, 90, 0, 1, 80];
        let error = one_component(&blue, Channel::Red).unwrap_err();
        assert!(error.to_string().contains("red channel"), "{error}");
        assert!(one_component(&blue, Channel::Blue).is_ok());
    }

    #[test]
    fn nothing_and_noise_are_told_apart() {
        let rules = Rules::default();
        assert!(matches!(decode(b"", &rules), Err(DecodeError::Empty)));
        assert!(matches!(decode(b"hello world", &rules), Err(DecodeError::Unknown)));
    }
}
