//! Lazy loading of CUDA's libraries, with fake libraries in the place of NVIDIA's.

use hpa_tests::{said, target, text, workspace};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A driver that returns the sum of its arguments; `ABSENT` leaves one function out.
const DRIVER: &str = r"
int cuInit(unsigned flags) { return flags == 7 ? 0 : 1; }
#ifndef ABSENT
int cuLaunchKernel(void *f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g,
                   unsigned shared, void *stream, void **params, void **extra) {
    return (int)((long)f + 2 * a + 3 * b + 4 * c + 5 * d + 6 * e + 7 * g + 8 * shared + (long)stream
                 + (long)params + (long)extra);
}
#endif
";

const RANDOM: &str = r"
int curandGenerateNormal(void *generator, float *out, unsigned long n, float mean, float deviation) {
    *out = mean + 10 * deviation;
    return (int)((long)generator + n);
}
";

/// Prints the results of its calls, twice: the second time through the table.
const PROGRAM: &str = r#"
#include <stdio.h>
int cuInit(unsigned);
int cuLaunchKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                   void *, void **, void **);
int curandGenerateNormal(void *, float *, unsigned long, float, float);
unsigned long cudnnGetVersion(void);
const char *cudnnGetErrorString(int);
int main(void) {
    for (int twice = 0; twice < 2; ++twice) {
        float out = 0;
        printf("%d %d\n", cuInit(7), cuLaunchKernel((void *)1, 1, 1, 1, 1, 1, 1, 1, (void *)100,
                                                    (void **)1000, (void **)10000));
        int status = curandGenerateNormal((void *)5, &out, 6, 0.25f, 0.5f);
        printf("%d %g %lu %s\n", status, out, cudnnGetVersion(), cudnnGetErrorString(1));
    }
}
"#;

struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    /// The program, linked with the stub libraries; `None` without the tools to build it.
    fn new() -> Option<Self> {
        for tool in ["python3", "cc"] {
            if Command::new(tool).arg("--version").output().is_err() {
                eprintln!("SKIPPED: no {tool}");
                return None;
            }
        }
        let fixture = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut stubs = Command::new("python3");
        stubs.arg(workspace().join("tools/cuda/lazy.py")).arg("--cudarc").arg(cudarc());
        drop(said({
            stubs.args(["--cuda", "13", "--out"]).arg(fixture.path("lib"));
            stubs
        }));
        let (program, libraries) = (fixture.path("program"), fixture.path("lib"));
        let libraries = ["-L", libraries.to_str().expect("UTF-8"), "-lcuda", "-lcurand", "-lcudnn"];
        compile(PROGRAM, &program, &libraries);
        Some(fixture)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds a fake library in a folder of that name.
    fn library(&self, folder: &str, name: &str, source: &str, flags: &[&str]) {
        std::fs::create_dir_all(self.path(folder)).expect("a temporary folder");
        let flags = [&["-shared", "-fPIC"], flags].concat();
        compile(source, &self.path(folder).join(name), &flags);
    }

    fn run(&self, program: &Path, libraries: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env("LD_LIBRARY_PATH", self.path(libraries));
        command.output().expect("the program starts")
    }
}

fn compile(source: &str, to: &Path, flags: &[&str]) {
    let unit = to.with_extension("c");
    hpa_artifacts::atomic::write_bytes(&unit, source.as_bytes()).expect("a temporary file");
    let mut compiler = Command::new("cc");
    drop(said({
        compiler.arg("-o").arg(to).arg(unit).args(flags);
        compiler
    }));
}

/// The folder of the sources of cudarc.
fn cudarc() -> PathBuf {
    let metadata = hpa_tests::dependencies();
    let package = metadata.packages.iter().find(|package| package.name.as_str() == "cudarc");
    let manifest = &package.expect("the feature cuda depends on cudarc").manifest_path;
    manifest.parent().expect("a file lies in a folder").as_std_path().to_owned()
}

#[test]
fn a_program_starts_without_the_libraries_and_loads_them_on_first_use() {
    let Some(fixture) = Fixture::new() else { return };
    let program = fixture.path("program");
    let output = fixture.run(&program, "nowhere", &[]);
    assert!(output.status.success(), "{}", text(&output));
    let printed = text(&output);
    let alone = "34 34\n203 0 0 cannot load libcudnn.so.9: ";
    assert!(printed.starts_with(alone), "{printed}");
    assert_eq!(printed.matches("34 34").count(), 2, "{printed}");

    fixture.library("whole", "libcuda.so.1", DRIVER, &[]);
    fixture.library("whole", "libcurand.so.10", RANDOM, &[]);
    let printed = text(&fixture.run(&program, "whole", &[]));
    // 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 11100; 0.25 + 10 / 2.
    assert_eq!(printed.matches("0 11136\n11 5.25 0 cannot load").count(), 2, "{printed}");

    fixture.library("older", "libcuda.so.1", DRIVER, &["-DABSENT"]);
    let printed = text(&fixture.run(&program, "older", &[]));
    assert_eq!(printed.matches("0 34\n").count(), 2, "{printed}");
    let warning = "warning: libcuda.so.1 has no cuLaunchKernel: it is older than this program";
    assert_eq!(printed.matches(warning).count(), 1, "{printed}");
}

/// Exit status and output of `hpa-predict` of `make cuda`, with the libraries in a folder. Its
/// inputs do not exist: the device is opened before they are.
fn predict(fixture: &Fixture, libraries: &str, device: &str) -> (Option<i32>, String) {
    let program = target().join("cuda/release/hpa-predict");
    let arguments =
        ["--model", "none.safetensors", "--images", "none.parquet", "--out", "none", "--device"];
    let output = fixture.run(&program, libraries, &[&arguments[..], &[device]].concat());
    (output.status.code(), text(&output))
}

fn driver(init: u32, version: u32) -> String {
    format!(
        "int cuInit(unsigned flags) {{ return {init}; }}
        int cuDriverGetVersion(int *version) {{ *version = {version}; return 0; }}
        int cuDeviceGetCount(int *count) {{ *count = 0; return 0; }}"
    )
}

#[test]
#[ignore = "needs `make cuda`"]
fn programs_give_the_reason_why_cuda_cannot_be_used() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.library("none", "libcuda.so.1", &driver(100, 13000), &[]);
    fixture.library("empty", "libcuda.so.1", &driver(0, 13000), &[]);
    fixture.library("old", "libcuda.so.1", &driver(0, 12040), &[]);
    for (libraries, reason) in [
        ("nowhere", "no NVIDIA driver found"),
        ("none", "the NVIDIA driver finds no GPU"),
        ("empty", "the NVIDIA driver finds no GPU"),
        ("old", "the NVIDIA driver supports CUDA 12.4, this program needs 13.0"),
    ] {
        let (status, printed) = predict(&fixture, libraries, "cuda");
        assert_eq!(status, Some(1), "{printed}");
        assert!(printed.contains(reason) && printed.contains("help:"), "{printed}");
        let (status, printed) = predict(&fixture, libraries, "auto");
        // The notice, then the error that the inputs are missing.
        assert_eq!(status, Some(1), "{printed}");
        assert!(printed.contains(&format!("computing on the CPU: {reason}")), "{printed}");
        assert!(printed.contains("none.parquet"), "{printed}");
        let (_, printed) = predict(&fixture, libraries, "cpu");
        assert!(!printed.contains("NVIDIA"), "{printed}");
    }
}
