//! Launches of `kernels/transform.cu`: from a batch of stored images to network inputs.

use super::BatchRequest;
use crate::cuda::launch::{Launch, Program, arguments};
use candle_core::Result;

/// Transforms a batch at address `batch`: samples the images, mixes them with their partners if the
/// request says so, and downscales them. `alloc` makes a buffer of so many floats, `address` is
/// that of its first, `launch` runs a kernel behind the ones before it.
pub(crate) fn transform<B>(
    batch: u64,
    request: &BatchRequest,
    alloc: impl Fn(usize) -> Result<B>,
    address: impl Fn(&B) -> u64,
    launch: impl Fn(&Launch) -> Result<()>,
) -> Result<B> {
    let BatchRequest { layout, is_mixed, side } = *request;
    let part = |offset: usize| batch + offset as u64;
    let views = layout.images();
    let per_value = |kernel, count, arguments| {
        launch(&Launch::per_value(kernel, Program::Transform, count, arguments))
    };
    let mut images = alloc(views * layout.image_bytes())?;
    let [luts, params] = [layout.luts_at(), layout.params_at()].map(part);
    let arguments =
        arguments![address(&images), batch, luts, params, layout.side, layout.channels, views];
    per_value("transform", views * layout.side * layout.side, arguments)?;
    if is_mixed {
        let width = layout.image_bytes();
        let [partners, lambdas] = [layout.partners_at(), layout.lambdas_at()].map(part);
        let mixed = alloc(views * width)?;
        let arguments =
            arguments![address(&mixed), address(&images), partners, lambdas, width, layout.samples];
        per_value("mixup", views * width, arguments)?;
        images = mixed;
    }
    if side != layout.side {
        let count = views * side * side * layout.channels;
        let resized = alloc(count)?;
        let arguments = arguments![
            address(&resized),
            address(&images),
            layout.side,
            side,
            layout.channels,
            views
        ];
        per_value("area_resize", count, arguments)?;
        images = resized;
    }
    Ok(images)
}
