//! Shared by all targets: readers take paths, the fuzzer passes bytes.

use hpa_artifacts::{Artifact, is_catching_panics};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Once;

/// The fuzzer's panic hook aborts the process; panics of the Parquet crate that readers turn into
/// errors must not reach it.
fn ignore_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_catching_panics() {
                abort(panic);
            }
        }));
    });
}

/// Calls `read` with the path of a file that holds these bytes.
pub fn with_file(bytes: &[u8], read: impl FnOnce(&Path)) {
    ignore_caught_panics();
    thread_local! {
        static FILE: std::cell::RefCell<tempfile::NamedTempFile> =
            tempfile::NamedTempFile::new().expect("a temporary file").into();
    }
    FILE.with_borrow_mut(|file| {
        file.as_file().set_len(0).expect("a temporary file");
        file.rewind().expect("a temporary file");
        file.write_all(bytes).expect("a temporary file");
        read(file.path());
    });
}

/// Reads an artefact; an accepted one must survive a round trip.
pub fn round_trip<T: Artifact + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    with_file(bytes, |path| {
        let Ok(loaded) = T::read(path) else { return };
        let provenance = hpa_artifacts::Provenance::new(&());
        if loaded.value.write(path, &provenance).is_ok() {
            let again = T::read(path).expect("a written artefact can be read");
            assert_eq!(again.value, loaded.value);
        }
    });
}
