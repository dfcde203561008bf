//! The reader of pictures, and what is done with a picture.
#![no_main]

use hpa_core::Channel;
use hpa_imaging::{
    Filter, Rules, Scratch, decode, decode_with, memory_needed, perceptual_hash, resize,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for one_colour in [None, Some(Channel::Yellow)] {
        let rules = Rules { max_side_px: 300, one_colour };
        let _ = memory_needed(bytes, &rules);
        let Ok(plane) = decode(bytes, &rules) else { continue };
        assert!(plane.width().max(plane.height()) <= 300);
        // Buffers that held something else must not show.
        let mut scratch = Scratch::default();
        let other = decode_with(bytes, &rules, &mut scratch).expect("it was decoded before");
        scratch.recycle(other);
        assert_eq!(decode_with(bytes, &rules, &mut scratch).ok().as_ref(), Some(&plane));
        for filter in [Filter::Area, Filter::Lanczos] {
            assert_eq!(resize(&plane, 7, filter).len(), 49);
        }
        let _ = perceptual_hash(&plane);
    }
});
