//! Builds the libraries of the emulated GPU: `emulated_gpu FOLDER`.
//!
//! With the folder in `LD_LIBRARY_PATH`, a program built with the feature `cuda` runs on the
//! emulated GPU.
#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: emulated_gpu FOLDER");
        return ExitCode::from(2);
    };
    match hpa_ops::emulator::build_cuda_libraries(Path::new(&folder)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}
