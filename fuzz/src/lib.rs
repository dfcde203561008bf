//! What the targets share: readers want paths, the fuzzer has bytes.

use hpa_artifacts::{Artifact, is_catching_panics};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Once;

/// The fuzzer's hook ends the process at any panic; one of the Parquet crate, which the readers
/// turn into an error, is none of ours.
fn spare_guarded_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_catching_panics() {
                end(panic);
            }
        }));
    });
}

/// Calls `read` with the path of a file that holds these bytes.
pub fn with_file(bytes: &[u8], read: impl FnOnce(&Path)) {
    spare_guarded_panics();
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

/// Reads an artefact; whatever is accepted must survive being written and read.
pub fn round_trip<T: Artifact + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    with_file(bytes, |path| {
        let Ok(loaded) = T::read(path) else { return };
        let provenance = hpa_artifacts::Provenance::new(&());
        if loaded.value.write(path, &provenance).is_ok() {
            let again = T::read(path).expect("what was written can be read");
            assert_eq!(again.value, loaded.value);
        }
    });
}
