//! The reader of `scores`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hpa_fuzz::round_trip::<hpa_artifacts::Scores>(bytes));
