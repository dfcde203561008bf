//! Running a program of the workspace in a temporary folder.

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A temporary folder, the working directory of the programs under test.
#[derive(Debug)]
pub struct TestDir(tempfile::TempDir);

impl Default for TestDir {
    fn default() -> Self {
        Self::new()
    }
}

impl TestDir {
    /// An empty folder, removed when the value is dropped.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        hpa_artifacts::atomic::write_bytes(&self.path(name), content.as_ref())
            .expect("the folder is writable");
    }

    /// The bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The text of a file.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program to be run in this folder: `dir.program(env!("CARGO_BIN_EXE_hpa-split"))`.
    pub fn program(&self, path: &str) -> TestCommand {
        let mut command = Command::new(path);
        command.current_dir(self.root());
        TestCommand(command)
    }
}

/// A command line under construction.
#[derive(Debug)]
pub struct TestCommand(Command);

impl TestCommand {
    /// Adds the words of a line, separated by white space.
    pub fn words(mut self, line: &str) -> Self {
        self.0.args(line.split_whitespace());
        self
    }

    /// Adds arguments as they are.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Starts the program in the background, standard error piped.
    pub fn spawn(mut self) -> Child {
        let command = self.0.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// Runs the program to its end.
    pub fn run(mut self) -> TestRun {
        let output = self.0.output().expect("the program starts");
        TestRun {
            command: format!("{:?}", self.0),
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Runs the program, which must exit with 0.
    #[track_caller]
    pub fn succeeds(self) -> TestRun {
        self.run().check(0)
    }

    /// Runs the program, which must exit with `status`, and returns its standard error.
    #[track_caller]
    pub fn fails(self, status: i32) -> String {
        self.run().check(status).stderr
    }

    /// Runs the program with `--json`; it must exit with 0. The printed value.
    #[track_caller]
    pub fn json(self) -> Value {
        self.words("--json").succeeds().json()
    }
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct TestRun {
    command: String,
    /// The exit status, if no signal ended the program.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl TestRun {
    #[track_caller]
    fn check(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}:\n{}", self.command, self.stderr);
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}:\n{}", self.command, self.stdout))
    }
}
