//! Rendering of channel images as PNG data URIs.
//!
//! False colour as in the Atlas: microtubules red, protein green, nucleus blue, and
//! the reticulum yellow, which is red and green. Stains are dim, so every channel of every
//! sample is scaled so that its 99.7th percentile is white, at most eightfold: brightness
//! is not comparable between images. Large images are reduced by averaging.

use base64::prelude::{BASE64_STANDARD, Engine};
use hpa_core::Channel;

/// Longest side of a rendered image.
const MAX_SIDE: usize = 256;
/// A larger gain shows noise.
const MAX_GAIN: u32 = 8;

/// The images of one sample as data URIs.
#[derive(Clone, Debug)]
pub(crate) struct RenderedImages {
    /// All four channels.
    pub(crate) composite: String,
    /// The protein alone.
    pub(crate) protein: String,
    /// Side of both in pixels.
    pub(crate) side: usize,
}

/// Renders `4 × width × width` bytes, channel × height × width.
pub(crate) fn render(pixels: &[u8], width: usize) -> RenderedImages {
    let factor = width.div_ceil(MAX_SIDE).max(1);
    let side = width / factor;
    let planes: Vec<Vec<u8>> = pixels
        .chunks_exact(width * width)
        .map(|plane| brighten(&area_resize(plane, width, factor)))
        .collect();
    let plane = |channel: Channel| &planes[channel.index()];
    let [red, green, blue, yellow] =
        [Channel::Red, Channel::Green, Channel::Blue, Channel::Yellow].map(plane);
    let mut composite = Vec::with_capacity(3 * side * side);
    for index in 0..side * side {
        // Half of the reticulum channel, which fills the cell and would hide the others.
        let reticulum = yellow[index] / 2;
        composite.push(red[index].saturating_add(reticulum));
        composite.push(green[index].saturating_add(reticulum));
        composite.push(blue[index]);
    }
    RenderedImages {
        composite: data_uri(&composite, side, png::ColorType::Rgb),
        protein: data_uri(green, side, png::ColorType::Indexed),
        side,
    }
}

/// Means of squares of `factor`; a remainder at the right and bottom is cut off.
fn area_resize(plane: &[u8], width: usize, factor: usize) -> Vec<u8> {
    let side = width / factor;
    let area = u32::try_from(factor * factor).expect("an image's side is below 2^16");
    let mean = |index: usize| {
        let (top, left) = (index / side * factor, index % side * factor);
        let rows = (top..top + factor).map(|y| &plane[y * width + left..][..factor]);
        let sum: u32 = rows.flatten().map(|&value| u32::from(value)).sum();
        u8::try_from((sum + area / 2) / area).expect("a mean of bytes is a byte")
    };
    (0..side * side).map(mean).collect()
}

fn brighten(plane: &[u8]) -> Vec<u8> {
    let mut counts = [0_usize; 256];
    for &value in plane {
        counts[usize::from(value)] += 1;
    }
    let mut above = 0;
    let bright = (0..=255_u8).rev().find(|&value| {
        above += counts[usize::from(value)];
        above * 1000 > plane.len() * 3
    });
    let white = u32::from(bright.unwrap_or(255)).max(255 / MAX_GAIN);
    let scaled = |&value: &u8| u8::try_from(u32::from(value) * 255 / white).unwrap_or(255);
    plane.iter().map(scaled).collect()
}

fn data_uri(pixels: &[u8], side: usize, color: png::ColorType) -> String {
    let encoded = BASE64_STANDARD.encode(png(pixels, side, color));
    format!("data:image/png;base64,{encoded}")
}

/// Three bytes a pixel, or one that indexes 256 greens.
fn png(pixels: &[u8], side: usize, color: png::ColorType) -> Vec<u8> {
    let side = u32::try_from(side).expect("at most 256");
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(color);
    if color == png::ColorType::Indexed {
        encoder.set_palette((0..=255).flat_map(|green| [0, green, 0]).collect::<Vec<u8>>());
    }
    encoder.set_compression(png::Compression::High);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels))
        .expect("into memory, with as many bytes as the header says");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dim_planes_are_brightened_and_black_ones_stay_black() {
        let mut plane = vec![10; 1000];
        plane[..100].fill(100);
        assert_eq!(brighten(&plane)[0], 255);
        assert_eq!(brighten(&plane)[999], 25);
        assert_eq!(brighten(&[0; 9]), [0; 9]);
        assert_eq!(brighten(&[2; 9]), [16; 9]);
    }

    #[test]
    fn reduction_takes_means_and_cuts_the_remainder() {
        let plane = [0, 4, 9, 8, 4, 9, 9, 9, 9];
        assert_eq!(area_resize(&plane, 3, 2), [4]);
        assert_eq!(area_resize(&plane, 3, 1), plane);
    }

    #[test]
    fn images_of_any_size_are_rendered() {
        for width in [1, 3, 64, 257, 600] {
            let images = render(&vec![7; 4 * width * width], width);
            assert!(images.side <= MAX_SIDE && images.side > 0);
            assert!(images.composite.starts_with("data:image/png;base64,iVBOR"));
        }
    }
}
