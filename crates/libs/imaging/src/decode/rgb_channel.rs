//! Extraction of one channel's colour from an RGB image.

use hpa_core::Channel;

use super::error::DecodeError;

/// A sample of one or two bytes.
pub(super) trait Primitive: Copy + Default + Into<u64> {}
impl Primitive for u8 {}
impl Primitive for u16 {}

/// The component of interleaved RGB samples that holds the channel's colour.
///
/// # Errors
/// When a component that the channel's colour lacks is more than twice as bright: such a file
/// belongs to another channel.
pub(super) fn extract_rgb_channel<T: Primitive>(
    rgb: &[T],
    channel: Channel,
) -> Result<Vec<T>, DecodeError> {
    let (own, absent): (usize, &[usize]) = match channel {
        Channel::Red => (0, &[1, 2]),
        Channel::Green => (1, &[0, 2]),
        Channel::Blue => (2, &[0, 1]),
        Channel::Yellow => (1, &[2]),
    };
    let component = |index: usize| rgb.iter().skip(index).step_by(3).copied();
    let sum = |index: usize| component(index).map(Into::into).sum::<u64>();
    // JPEG leaks a little light into the other components of a nearly black image.
    let tolerance = rgb.len() as u64 / 3;
    let limit = 2 * sum(own) + tolerance;
    if absent.iter().any(|&index| sum(index) > limit) {
        return Err(DecodeError::WrongColour(channel));
    }
    Ok(component(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yellow_is_read_from_green_and_red_from_red() {
        let yellow = [9u8, 8, 0, 7, 6, 0];
        assert_eq!(extract_rgb_channel(&yellow, Channel::Yellow).unwrap(), [8, 6]);
        assert_eq!(extract_rgb_channel(&yellow, Channel::Red).unwrap(), [9, 7]);
    }

    #[test]
    fn a_blue_image_in_the_red_channel_is_refused() {
        let blue = [0u8, 1, 90, 0, 1, 80];
        let error = extract_rgb_channel(&blue, Channel::Red).unwrap_err();
        assert!(error.to_string().contains("red channel"), "{error}");
        assert!(extract_rgb_channel(&blue, Channel::Blue).is_ok());
    }
}
