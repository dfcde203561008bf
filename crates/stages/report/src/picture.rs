//! Pixels to pictures that a page can hold.
//!
//! False colour as the Atlas shows it: microtubules red, protein green, nucleus blue, and
//! the reticulum yellow, which is red and green. Stains are dim, so every channel of every
//! sample is brightened until its 99.7th percentile is white, at most eightfold: brightness
//! does not compare between pictures. Large pictures are averaged down.

use hpa_core::Channel;

/// Longest side of a picture in the page.
const MAX_SIDE: usize = 256;
/// More brightening than this shows noise.
const MAX_GAIN: u32 = 8;

/// A sample's pictures as data URIs.
#[derive(Clone, Debug)]
pub(crate) struct Pictures {
    /// All four channels.
    pub(crate) composite: String,
    /// The protein alone.
    pub(crate) protein: String,
    /// Side of both in pixels.
    pub(crate) side: usize,
}

/// Renders `4 × width × width` bytes, channel × height × width.
pub(crate) fn render(pixels: &[u8], width: usize) -> Pictures {
    let factor = width.div_ceil(MAX_SIDE).max(1);
    let side = width / factor;
    let planes: Vec<Vec<u8>> = pixels
        .chunks_exact(width * width)
        .map(|plane| brighten(&shrink(plane, width, factor)))
        .collect();
    let plane = |channel: Channel| &planes[channel.index()];
    let [red, green, blue, yellow] =
        [Channel::Red, Channel::Green, Channel::Blue, Channel::Yellow].map(plane);
    let mut composite = Vec::with_capacity(3 * side * side);
    for place in 0..side * side {
        // Half the reticulum: it fills the cell and would drown the rest.
        let reticulum = yellow[place] / 2;
        composite.push(red[place].saturating_add(reticulum));
        composite.push(green[place].saturating_add(reticulum));
        composite.push(blue[place]);
    }
    Pictures {
        composite: data_uri(&composite, side, png::ColorType::Rgb),
        protein: data_uri(green, side, png::ColorType::Indexed),
        side,
    }
}

/// Means of squares of `factor`; a rest at the right and bottom is cut.
fn shrink(plane: &[u8], width: usize, factor: usize) -> Vec<u8> {
    let side = width / factor;
    let area = u32::try_from(factor * factor).expect("a picture's side is below 2^16");
    let mean = |place: usize| {
        let (top, left) = (place / side * factor, place % side * factor);
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
    format!("data:image/png;base64,{}", base64(&png(pixels, side, color)))
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

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
        let word = word << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) & 63;
            text.push(if digit > chunk.len() { '=' } else { DIGITS[index as usize].into() });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_gives_the_vectors_of_its_standard() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_dim_plane_is_brightened_and_a_black_one_stays_black() {
        let mut plane = vec![10; 1000];
        plane[..100].fill(100);
        assert_eq!(brighten(&plane)[0], 255);
        assert_eq!(brighten(&plane)[999], 25);
        assert_eq!(brighten(&[0; 9]), [0; 9]);
        assert_eq!(brighten(&[2; 9]), [16; 9]);
    }

    #[test]
    fn shrinking_takes_means_and_cuts_the_rest() {
        let plane = [0, 4, 9, 8, 4, 9, 9, 9, 9];
        assert_eq!(shrink(&plane, 3, 2), [4]);
        assert_eq!(shrink(&plane, 3, 1), plane);
    }

    #[test]
    fn pictures_of_any_size_can_be_rendered() {
        for width in [1, 3, 64, 257, 600] {
            let pictures = render(&vec![7; 4 * width * width], width);
            assert!(pictures.side <= MAX_SIDE && pictures.side > 0);
            assert!(pictures.composite.starts_with("data:image/png;base64,iVBOR"));
        }
    }
}
