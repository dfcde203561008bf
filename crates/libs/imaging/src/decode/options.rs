//! Decode options and the checks that need nothing but the header.

use hpa_core::Channel;

use super::error::DecodeError;

/// Which images are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Largest accepted width and height.
    pub max_side_px: usize,
    /// If set, RGB images are accepted and decode to the component of this channel's colour:
    /// red, green or blue itself, and green for yellow, which is equal parts of red and green.
    /// The images of Human Protein Atlas version 18 are stored this way.
    pub rgb_channel: Option<Channel>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        // The atlas's largest originals have 3072 px.
        Self { max_side_px: 4096, rgb_channel: None }
    }
}

impl DecodeOptions {
    /// Refuses empty images and sides beyond the limit.
    pub(super) fn check_dimensions(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::NoPixels(width, height));
        }
        if width.max(height) > self.max_side_px as u64 {
            return Err(DecodeError::TooLarge { width, height, limit: self.max_side_px });
        }
        Ok(())
    }

    /// The channel to extract from an RGB image; an error if only grey is accepted.
    pub(super) fn check_rgb(&self) -> Result<Channel, DecodeError> {
        self.rgb_channel.ok_or(DecodeError::Colour)
    }
}
