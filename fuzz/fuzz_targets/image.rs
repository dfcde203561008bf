//! Image decoder, resizing and perceptual hash.
#![no_main]

use hpa_core::Channel;
use hpa_imaging::{
    DecodeBuffers, DecodeOptions, ResizeFilter, decode, decode_memory_bytes, decode_with_buffers,
    perceptual_hash, resize,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for rgb_channel in [None, Some(Channel::Yellow)] {
        let options = DecodeOptions { max_side_px: 300, rgb_channel };
        let _ = decode_memory_bytes(bytes, &options);
        let Ok(plane) = decode(bytes, &options) else { continue };
        assert!(plane.width().max(plane.height()) <= 300);
        // What earlier images left in the buffers must not change the result.
        let mut buffers = DecodeBuffers::default();
        let first = decode_with_buffers(bytes, &options, &mut buffers).expect("decoded before");
        buffers.recycle(first);
        assert_eq!(decode_with_buffers(bytes, &options, &mut buffers).ok().as_ref(), Some(&plane));
        for filter in [ResizeFilter::Area, ResizeFilter::Lanczos] {
            assert_eq!(resize(&plane, 7, filter).len(), 49);
        }
        let _ = perceptual_hash(&plane);
    }
});
